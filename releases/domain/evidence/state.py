"""What the judge knows after a look: everything the next look needs, as values that can be stored and read back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from releases.domain.evidence.averaging import MeanTest, Moments
from releases.domain.evidence.counting import Background, CountTest
from releases.domain.evidence.dispersion import Contrast, Dispersion
from releases.domain.evidence.settings import Settings


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step as the judge knows it. ``splits`` is False where header rules decide who is routed: no sample ratio then."""

    weight: float
    seconds: float
    splits: bool = True


@dataclass(frozen=True, slots=True)
class State:
    """The judge's memory of one release. ``rolled_back_by`` is the metric that decided, empty while none has.

    ``latency`` is what is known per histogram edge until three ``edges`` are fixed from it.
    ``scrapes`` counts looks with the candidate under traffic, ``in_step`` those since the weight last changed; ``blanks``
    counts looks in a row that showed nothing.
    """

    steps: tuple[PlannedStep, ...] = ()
    counts: Mapping[str, CountTest] = field(default_factory=dict)
    means: Mapping[str, MeanTest] = field(default_factory=dict)
    latency: Mapping[float, Background] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    weight: float = 0.0
    step: int | None = None
    scrapes: int = 0
    in_step: int = 0
    seconds: float = 0.0
    seconds_in_step: float = 0.0
    blanks: int = 0
    requests: tuple[float, float] = (0.0, 0.0)
    in_step_requests: tuple[float, float] = (0.0, 0.0)
    rolled_back_by: str = ""

    @classmethod
    def begun(cls, steps: Sequence[PlannedStep], *, settings: Settings, names: Iterable[str]) -> State:
        """Return the memory of a release that has not begun, with a test per name and per mean."""
        return cls(
            steps=tuple(steps),
            counts={name: CountTest() for name in names},
            means={rule.metric: MeanTest() for rule in settings.means},
        )

    def as_json(self) -> dict[str, Any]:
        """Return plain values for a JSON column; ``from_json`` reads them back without loss."""
        data = asdict(self)
        data["latency"] = [[edge, asdict(seen)] for edge, seen in self.latency.items()]
        return data

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> State:
        """Read what ``as_json`` wrote."""
        data = dict(given)
        return cls(
            **{
                **data,
                "steps": tuple(PlannedStep(**step) for step in data["steps"]),
                "counts": {name: _count_test(test) for name, test in data["counts"].items()},
                "means": {name: _mean_test(test) for name, test in data["means"].items()},
                "latency": {edge: _background(seen) for edge, seen in data["latency"]},
                "edges": tuple(data["edges"]),
                "requests": tuple(data["requests"]),
                "in_step_requests": tuple(data["in_step_requests"]),
            }
        )


def _count_test(given: Mapping[str, Any]) -> CountTest:
    pairs = {name: tuple(given[name]) for name in ("bets", "beside", "candidate")}
    return CountTest(**{**given, **pairs, "background": _background(given["background"])})


def _background(given: Mapping[str, Any]) -> Background:
    """Read what is known of a metric. A scrape to compare with that an earlier release of Weir stored in another form is left out."""
    seen = given["dispersion"]
    last = Contrast(**seen["last"]) if isinstance(seen["last"], Mapping) else None
    clumps = Dispersion(seen["squares"], seen["weight"], last, seen["largest"])
    return Background(given["events"], given["exposure"], clumps)


def _mean_test(given: Mapping[str, Any]) -> MeanTest:
    moments = {name: Moments(**given[name]) for name in ("memory", "candidate", "beside")}
    return MeanTest(**{**given, **moments})
