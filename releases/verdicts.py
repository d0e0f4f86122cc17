"""What the judge concluded, as a sentence with numbers and interval in the reader's language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

Numbers = Mapping[str, Any]
_LARGEST_ODDS = math.log(1e9)


def judgement_sentence(code: str, numbers: Numbers) -> str:
    """Say a verdict: ``code`` is its reason code, ``numbers`` are as ``flow.judging.numbers_of`` wrote them; empty if unknown."""
    build = _SENTENCES.get(code)
    return build(numbers) if build else ""


def metric_label(metric: str, *, edge_ms: float | None = None) -> str:
    """Name a metric of the judge for people; a service's own metric keeps its name."""
    if metric.startswith("slow_"):
        if edge_ms is None:
            return _("Slow requests")
        return _("Requests slower than %(edge)s ms") % {"edge": f"{edge_ms:g}"}
    labels = {
        "errors": _("Errors"),
        "payments": _("Failed payments"),
        "sample_ratio_high": _("Share of the requests"),
        "sample_ratio_low": _("Share of the requests"),
        "baseline": _("Errors against the stable version's past"),
        "latency": _("Mean latency"),
        "dwell": _("Dwell time"),
        "conversion": _("Conversion"),
    }
    return labels.get(metric, metric)


def percent(ratio: Any, *, digits: int = 2) -> str:
    """Write a ratio as percent, or a dash where there is none."""
    return f"{100 * ratio:.{digits}f} %" if isinstance(ratio, int | float) else "-"


def _failed(numbers: Numbers) -> str:
    end = _("Shadow mode: nothing is done.") if numbers.get("shadow") else _("Rolled back.")
    return " ".join(filter(None, [_evidence(numbers.get("decisive")), _odds(numbers.get("log_e")), end]))


def _passed(numbers: Numbers) -> str:
    metric = _metric(numbers, "errors")
    said = _evidence(metric)
    enough = _("Enough is known to go on.")
    return f"{enough} {said}" if said else enough


def _waits(numbers: Numbers) -> str:
    requests, needed, minutes = (
        numbers.get(name) for name in ("requests", "requests_needed", "minutes_to_go")
    )
    said = _evidence(numbers.get("decisive"))
    if numbers.get("suspected"):
        progress = _("Nothing larger while evidence against the candidate is building up.")
        return " ".join(filter(None, [progress, said, _odds(numbers.get("log_e"))]))
    if needed is None:
        progress = _("%(requests)s requests of the candidate so far.") % {"requests": _whole(requests)}
    elif minutes is None:
        progress = _("%(requests)s of about %(needed)s requests.") % {
            "requests": _whole(requests),
            "needed": _whole(needed),
        }
    else:
        progress = _("%(requests)s of about %(needed)s requests, about %(time)s to go.") % {
            "requests": _whole(requests),
            "needed": _whole(needed),
            "time": _time(minutes),
        }
    return " ".join(filter(None, [progress, said]))


def _void(numbers: Numbers) -> str:
    """An experiment whose users were not split as declared says nothing about either version."""
    found = numbers.get("experiment") or {}
    return _(
        "The experiment is void: B got %(share)s of the requests of users with an id where %(declared)s were declared, so the assignment is broken. Nothing can be concluded from it."
    ) % {
        "share": percent(found.get("share"), digits=1),
        "declared": percent(found.get("declared"), digits=1),
    }


def _no_data(sentence: str) -> str:
    return " ".join([sentence, _("No data: neither pass nor fail.")])


def _evidence(metric: Numbers | None) -> str:
    """Say one metric's part: both versions, the difference with its interval, what is tolerated."""
    if not metric:
        return ""
    name = str(metric["metric"])
    if name.startswith("sample_ratio"):
        return _share(metric)
    if _is_mean(metric):
        return _mean(metric)
    candidate, stable = metric["candidate"], metric["stable"]
    label = metric_label(str(metric["metric"]))
    if _ratio(candidate) is None or _ratio(stable) is None or metric["interval"] is None:
        return _("%(label)s: not comparable yet.") % {"label": label}
    return _(
        "%(label)s: candidate %(candidate)s (%(x)s of %(n)s), stable %(stable)s: %(difference)s; tolerated %(tolerated)s pp."
    ) % {
        "label": metric_label(name, edge_ms=metric.get("edge_ms")),
        "candidate": percent(_ratio(candidate)),
        "x": _whole(candidate[0]),
        "n": _whole(candidate[1]),
        "stable": percent(_ratio(stable)),
        "difference": _interval(metric.get("interval"), unit=_("pp")),
        "tolerated": _points(metric["tolerated"]),
    }


def _share(metric: Numbers) -> str:
    """For the sample ratio the exposure is the declared weight, summed over the looks."""
    (mine, my_weight), (theirs, their_weight) = metric["candidate"], metric["stable"]
    whole, weights = mine + theirs, my_weight + their_weight
    return _("The candidate got %(x)s of %(n)s requests (%(share)s) where %(weight)s were declared.") % {
        "x": _whole(mine),
        "n": _whole(whole),
        "share": percent(mine / whole if whole else None, digits=1),
        "weight": percent(my_weight / weights if weights else None, digits=1),
    }


def _mean(metric: Numbers) -> str:
    candidate, stable = metric["candidate"], metric["stable"]
    label = metric_label(str(metric["metric"]))
    if _ratio(candidate) is None or _ratio(stable) is None or metric["interval"] is None:
        return _("%(label)s: not comparable yet.") % {"label": label}
    return _(
        "%(label)s: candidate %(candidate)s, stable %(stable)s: worse by %(low)s to %(high)s %%; tolerated %(tolerated)s %%."
    ) % {
        "label": label,
        "candidate": _figure(_ratio(candidate)),
        "stable": _figure(_ratio(stable)),
        "low": _points(metric["interval"]["low"]),
        "high": _points(metric["interval"]["high"]),
        "tolerated": _points(metric["tolerated"]),
    }


def _is_mean(metric: Numbers) -> bool:
    """Means come with their sum over their count, a service's own means as latency and dwell time do."""
    return bool(metric.get("is_mean", metric["metric"] in {"latency", "dwell"}))


def _interval(interval: Mapping[str, float] | None, *, unit: str) -> str:
    if interval is None:
        return _("not comparable yet")
    low, high = (max(-1.0, min(interval[end], 1.0)) for end in ("low", "high"))
    values = {
        "low": _points(abs(low) if high <= 0 else low),
        "high": _points(abs(high) if high <= 0 else high),
        "unit": unit,
    }
    if low >= 0:
        return _("higher by %(low)s to %(high)s %(unit)s") % values
    if high <= 0:
        return _("lower by %(high)s to %(low)s %(unit)s") % values
    return _("between %(low)s and %(high)s %(unit)s apart") % values


def _metric(numbers: Numbers, name: str) -> Numbers | None:
    """Return one metric of a stored judgement. What the engine notes on the row carries the decisive one alone."""
    found = [metric for metric in numbers.get("metrics", []) if metric["metric"] == name]
    return found[0] if found else numbers.get("decisive")


def _ratio(pair: Sequence[float]) -> float | None:
    return pair[0] / pair[1] if pair[1] else None


def _points(ratio: Any) -> str:
    """Write a difference of ratios in percentage points with as many digits as it takes to be seen."""
    if not isinstance(ratio, int | float):
        return "-"
    points = 100 * ratio
    return f"{points:.1f}" if abs(points) >= 0.095 else f"{points:.2f}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"


def _whole(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else "-"


def _time(minutes: float) -> str:
    if minutes < 1:
        return _("%(seconds)s s") % {"seconds": f"{max(60 * minutes, 1):.0f}"}
    if minutes < 120:
        return _("%(minutes)s minutes") % {"minutes": f"{minutes:.0f}"}
    return _("%(hours)s hours") % {"hours": f"{minutes / 60:.0f}"}


def _odds(log_e: Any) -> str:
    """Write the release's evidence as odds; nothing while there is none."""
    if not isinstance(log_e, int | float) or log_e <= 0:
        return ""
    if log_e > _LARGEST_ODDS:
        return _("Evidence beyond 1 in %(count)s.") % {"count": "1,000,000,000"}
    return _("Evidence 1 in %(count)s.") % {"count": f"{math.exp(log_e):,.0f}"}


_SENTENCES: Mapping[str, Callable[[Numbers], str]] = {
    "roll_back": _failed,
    "experiment_void": _void,
    "go_on": _passed,
    "promote": _passed,
    "wait": _waits,
    "inconclusive": _waits,
    "unreachable": lambda _numbers: _no_data(_("Prometheus did not answer.")),
    "stale": lambda _numbers: _no_data(_("Prometheus has no new sample of a version.")),
    "not_a_number": lambda _numbers: _no_data(_("Prometheus answered something that is no number.")),
    "no_candidate_data": lambda _numbers: _no_data(_("No requests of the candidate were seen.")),
    "no_stable_data": lambda _numbers: _no_data(
        _("No requests of the stable version were seen, so there is nothing to compare with.")
    ),
}
