"""What the mesh shall do for a service, as one value: weight, rules, sticky users, mirror. Knows no document.

Every instance is valid: constructors raise BadSpec with a sentence that names the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal, cast, get_args

from istio.documents import BadSpec
from istio.reading import list_in, number_in, object_in, one_of, only, text_in, whole_in
from istio.regex import character_class
from istio.rules import Rule, check_header
from istio.sentence import Sentence

Ids = Literal["decimal", "hex"]

MAX_RULES = 50
_DIGITS = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Sticky:
    """The same users always see the candidate: those whose id ends in one of ``percent`` % of the endings.

    ``decimal`` ids are told apart by their last two digits (100 endings, exact percent), ``hex`` ids by their
    last two hexadecimal digits (256 endings, nearest 1/256). Endings are taken from ``offset`` upwards, round
    the end: a larger percent only adds users.
    """

    header: str
    percent: int
    offset: int = 0
    ids: Ids = "decimal"

    def __post_init__(self) -> None:
        check_header(self.header, field="sticky.header")
        one_of(self.ids, choices=get_args(Ids), field="sticky.ids")
        whole_in(self.percent, low=0, high=100, field="sticky.percent")
        whole_in(self.offset, low=0, high=255, field="sticky.offset")

    @property
    def endings(self) -> int:
        """How many different endings there are: 100 or 256."""
        return 100 if self.ids == "decimal" else 256

    @property
    def chosen_endings(self) -> frozenset[int]:
        """The endings that go to the candidate, as numbers."""
        count = (self.percent * self.endings + 50) // 100
        return frozenset((self.offset + step) % self.endings for step in range(count))

    @property
    def exact_percent(self) -> float:
        """The percent of evenly spread ids that goes to the candidate; for hex ids it is rounded to 1/256."""
        return len(self.chosen_endings) * 100 / self.endings

    def pattern(self) -> str | None:
        """Return the RE2 pattern of the header values that go to the candidate, None if there are none.

        An id of one digit counts as if a 0 stood before it: the percent is exact from the first user on.
        """
        digits = _DIGITS[:10] if self.ids == "decimal" else _DIGITS
        chosen = self.chosen_endings
        rows = {
            high: "".join(low for i, low in enumerate(digits) if row * len(digits) + i in chosen)
            for row, high in enumerate(digits)
        }
        after_zero = rows.pop("0")
        highs_by_lows: dict[str, str] = {}
        for high, lows in rows.items():
            highs_by_lows[lows] = highs_by_lows.get(lows, "") + high
        parts = [f".*{_class(highs)}{_class(lows)}" for lows, highs in highs_by_lows.items() if lows]
        if after_zero:
            parts.append(f"(?:.*[^{_class(digits[1:])[1:]})?{_class(after_zero)}")
        return "|".join(parts) or None

    @staticmethod
    def from_json(value: object, *, field: str) -> Sticky:
        """Read ``{"header", "percent", "offset"?, "ids"?}``. Raises BadSpec."""
        document = object_in(value, field=field)
        only(document, fields={"header", "percent", "offset", "ids"}, where=field)
        return Sticky(
            text_in(document.get("header"), field=f"{field}.header").lower(),
            whole_in(document.get("percent"), low=0, high=100, field=f"{field}.percent"),
            offset=whole_in(document.get("offset") or 0, low=0, high=255, field=f"{field}.offset"),
            ids=cast("Ids", text_in(document.get("ids"), field=f"{field}.ids") or "decimal"),
        )

    def as_json(self) -> dict[str, object]:
        """Return what ``from_json`` reads."""
        return {"header": self.header, "percent": self.percent, "offset": self.offset, "ids": self.ids}


@dataclass(frozen=True, slots=True)
class Mirror:
    """A copy of ``percent`` % of the ordinary requests goes to the candidate; its answers are dropped."""

    percent: float

    def __post_init__(self) -> None:
        percent = number_in(self.percent, field="mirror.percent")
        if not isfinite(percent) or not 0 < percent <= 100:
            raise BadSpec(
                Sentence(
                    "mirror.percent must be above 0 and at most 100, not {percent}.", percent=repr(percent)
                )
            )

    @staticmethod
    def from_json(value: object, *, field: str) -> Mirror:
        """Read ``{"percent"}``. Raises BadSpec."""
        document = object_in(value, field=field)
        only(document, fields={"percent"}, where=field)
        return Mirror(number_in(document.get("percent"), field=f"{field}.percent"))

    def as_json(self) -> dict[str, object]:
        """Return what ``from_json`` reads."""
        return {"percent": self.percent}


@dataclass(frozen=True, slots=True)
class TrafficSpec:
    """What the mesh shall do: rules first (in order, first hit wins), then sticky users, then the weight.

    ``candidate_weight`` is the percent of ordinary requests for the candidate.
    """

    candidate_weight: int = 0
    rules: tuple[Rule, ...] = ()
    sticky: Sticky | None = None
    mirror: Mirror | None = None

    def __post_init__(self) -> None:
        whole_in(self.candidate_weight, low=0, high=100, field="candidate_weight")
        if len(self.rules) > MAX_RULES:
            raise BadSpec(
                Sentence(
                    "rules has {count} entries; give at most {limit}.", count=len(self.rules), limit=MAX_RULES
                )
            )
        names = self.rule_names()
        if len(set(names)) != len(names):
            raise BadSpec(Sentence("Two rules have the same name; make the names unique."))

    def rule_names(self) -> list[str]:
        """Return the rules' names, ``rule-1`` and so on where they have none, in order."""
        return [rule.name or f"rule-{number}" for number, rule in enumerate(self.rules, start=1)]

    @property
    def reaches_candidate(self) -> bool:
        """Whether any request, or a copy of one, can reach the candidate."""
        to_candidate = any(rule.to == "candidate" for rule in self.rules)
        sticky = self.sticky is not None and bool(self.sticky.chosen_endings)
        return self.candidate_weight > 0 or to_candidate or sticky or self.mirror is not None

    @staticmethod
    def from_json(value: object) -> TrafficSpec:
        """Read ``{"candidate_weight" | "weight", "rules"?, "sticky"?, "mirror"?}``. Raises BadSpec."""
        document = object_in(value, field=Sentence("the traffic"))
        only(
            document,
            fields={"candidate_weight", "weight", "rules", "sticky", "mirror"},
            where=Sentence("the traffic"),
        )
        given = [document[key] for key in ("candidate_weight", "weight") if document.get(key) is not None]
        if len(given) == 2 and given[0] != given[1]:
            raise BadSpec(
                Sentence(
                    "weight and candidate_weight differ ({one}, {other}); give one.",
                    one=f"{given[0]!r:.40}",
                    other=f"{given[1]!r:.40}",
                )
            )
        rules = list_in(document.get("rules"), field="rules")
        sticky, mirror = document.get("sticky"), document.get("mirror")
        return TrafficSpec(
            whole_in(given[0] if given else 0, low=0, high=100, field="weight"),
            rules=tuple(Rule.from_json(rule, field=f"rules[{index}]") for index, rule in enumerate(rules)),
            sticky=None if sticky is None else Sticky.from_json(sticky, field="sticky"),
            mirror=None if mirror is None else Mirror.from_json(mirror, field="mirror"),
        )

    def as_json(self) -> dict[str, object]:
        """Return what ``from_json`` reads, with every field present."""
        return {
            "candidate_weight": self.candidate_weight,
            "rules": [rule.as_json() for rule in self.rules],
            "sticky": self.sticky.as_json() if self.sticky else None,
            "mirror": self.mirror.as_json() if self.mirror else None,
        }


def _either_case(digits: str) -> str:
    """Return hexadecimal digits with both spellings of the letters: ``9ab`` -> ``9ABab``."""
    return "".join(sorted({*digits, *digits.upper()}))


def _class(digits: str) -> str:
    return character_class(_either_case(digits))
