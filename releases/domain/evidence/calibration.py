"""A service's own noise between two versions that are equally good: psi per metric, learned from releases that ended well.

In a scrape with events x of which the candidate's fair share is s, the deviation has variance phi v + psi v^2, v = x s (1 - s).
Summed over a block of scrapes the first part grows with v and the second with v^2, so psi is what the squares leave over.
Noise with memory shows in long blocks only: the larger of both answers counts. Never below the rule's default, since a
quiet month is no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from releases.domain.evidence.counting import Pair
from releases.domain.evidence.judge import entered
from releases.domain.evidence.look import Look
from releases.domain.evidence.settings import Settings
from releases.domain.evidence.state import PlannedStep, State
from releases.domain.evidence.weighing import SHARE_TESTS, count_rules, learn, pairs_of, weigh

ENOUGH_RELEASES = 24
"""With so many healthy releases the calibrated psi was seen to bring false rollbacks of a three times noisier service from
20 to 3 %."""
_BLOCKS = (1, 8)


@dataclass(frozen=True, slots=True)
class Noise:
    """Sums over blocks of each length: squared deviations, v, and v squared. They add up over releases."""

    squares: tuple[float, ...] = (0.0,) * len(_BLOCKS)
    spread: tuple[float, ...] = (0.0,) * len(_BLOCKS)
    spread_squares: tuple[float, ...] = (0.0,) * len(_BLOCKS)
    releases: int = 0

    def psi(self, *, phi: float, default: float) -> float:
        """Return the shared-fate variance per scrape, given the dispersion of clumps ``phi``."""
        rows = zip(self.squares, self.spread, self.spread_squares, strict=True)
        found = [(squares - phi * v) / v2 for squares, v, v2 in rows if v2 > 0]
        return max(default, *found) if found else default

    def plus(self, other: Noise) -> Noise:
        """Add what another release showed."""
        return Noise(
            squares=_sum(self.squares, other.squares),
            spread=_sum(self.spread, other.spread),
            spread_squares=_sum(self.spread_squares, other.spread_squares),
            releases=self.releases + other.releases,
        )

    def as_json(self) -> dict[str, object]:
        """Return plain values for a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, given: Mapping[str, Sequence[float]]) -> Noise:
        """Read what ``as_json`` wrote; nothing is no noise known."""
        if not given:
            return cls()
        names = ("squares", "spread", "spread_squares")
        return cls(**{name: tuple(given[name]) for name in names}, releases=given["releases"])  # type: ignore[arg-type]  # the one number among lists


def noise_of_pairs(pairs: Sequence[Pair]) -> Noise:
    """Return what one release's scrapes of one metric show, oldest first."""
    sums = [_block_sums(pairs, length=length) for length in _BLOCKS]
    squares, spread, spread_squares = zip(*sums, strict=True)
    return Noise(tuple(squares), tuple(spread), tuple(spread_squares), releases=1)


def noise_of(looks: Iterable[Look], *, steps: Sequence[PlannedStep], settings: Settings) -> dict[str, Noise]:
    """Return the noise of every metric in one release that ended well, from the looks its judge was shown.

    The three latency tests together are ``slow``, the sample ratio ``sample_ratio``; what never counted is absent.
    """
    state = State.begun(steps, settings=settings, names=count_rules(settings))
    seen: dict[str, list[Pair]] = {}
    for look in looks:
        if look.problem or look.stable is None:
            continue
        if look.step is None:
            state = learn(state, look.stable, settings=settings)
        elif look.candidate is not None:
            state = entered(state, look)
            pairs = pairs_of(state, look, stable=look.stable, candidate=look.candidate, settings=settings)
            for name, pair in pairs.items():
                seen.setdefault(name, []).append(pair)
            state = weigh(state, look, stable=look.stable, candidate=look.candidate, settings=settings)
    noise: dict[str, Noise] = {}
    for name, of_test in seen.items():
        if name in {"baseline", SHARE_TESTS[1]}:
            continue
        family = "slow" if name.startswith("slow_") else "sample_ratio" if name in SHARE_TESTS else name
        noise[family] = _noisier(noise.get(family), noise_of_pairs(of_test))
    return noise


def _noisier(one: Noise | None, other: Noise) -> Noise:
    """Of two tests of one family the noisier speaks for both."""
    if one is None or other.psi(phi=1.0, default=0.0) > one.psi(phi=1.0, default=0.0):
        return other
    return one


def _block_sums(pairs: Sequence[Pair], *, length: int) -> tuple[float, float, float]:
    squares = spread = spread_squares = 0.0
    for start in range(0, len(pairs) - length + 1, length):
        deviation = v_sum = 0.0
        for pair in pairs[start : start + length]:
            if pair.a_c + pair.a_s <= 0:
                continue
            share = pair.a_c / (pair.a_c + pair.a_s)
            x = pair.x_c + pair.x_s
            v = x * share * (1 - share)
            deviation += pair.x_c - x * share
            v_sum += v
            spread_squares += v * v
        squares += deviation * deviation
        spread += v_sum
    return squares, spread, spread_squares


def _sum(one: tuple[float, ...], other: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(a + b for a, b in zip(one, other, strict=True))
