"""A/B tests as the API and the dashboard show them: read from the verdicts, which hold everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from releases.models import Rollout, Verdict
from releases.sentences import verdict_sentence
from releases.verdicts import metric_label

POINTS = 120
"""So many moments of an interval are shown, evenly chosen, the newest among them."""


def experiments(rollouts: Sequence[Rollout], *, with_history: bool) -> list[dict[str, Any]]:
    """Return where each experiment stands; two queries, and two more per rollout for the intervals over time."""
    newest = Verdict.objects.filter(rollout=OuterRef("pk"), numbers__has_key="experiment").order_by("-at")
    keys = Rollout.objects.filter(pk__in=[row.pk for row in rollouts]).values_list(
        "pk", Subquery(newest.values("pk")[:1])
    )
    wanted = {rollout: verdict for rollout, verdict in keys if verdict is not None}
    verdicts = Verdict.objects.in_bulk(wanted.values())
    return [_shown(row, verdicts.get(wanted.get(row.pk, 0)), with_history=with_history) for row in rollouts]


def _shown(rollout: Rollout, verdict: Verdict | None, *, with_history: bool) -> dict[str, Any]:
    numbers: Mapping[str, Any] = verdict.numbers if verdict else {}
    found = numbers.get("experiment")
    history = _history(rollout) if with_history and found else []
    rule = rollout.plan_value.evidence.experiment_rule
    choice = numbers.get("choice", "open")
    return {
        "id": rollout.pk,
        "number": str(rollout),
        "service": rollout.service.name,
        "shadow": rollout.service.shadow,
        "stable": rollout.stable.name,
        "candidate": rollout.candidate.name,
        "state": rollout.state,
        "started_at": rollout.started_at,
        "choice": choice,
        "sentence": _sentence(choice, verdict),
        "seconds": found["seconds"] if found else 0.0,
        "rule": {name: getattr(rule, name) for name in rule.__slots__},
        "assignment": _assignment(found) if found else None,
        "kpis": [_kpi(kpi, history) for kpi in found["kpis"]] if found else [],
    }


def _sentence(choice: str, verdict: Verdict | None) -> str:
    if choice == "void" and verdict:
        return verdict_sentence(verdict)
    return {
        "open": _("Not decided yet. Looking early costs nothing: the intervals hold at every look together."),
        "candidate": _("B is better by the rule that was fixed before the start."),
        "stable": _("A is kept by the rule that was fixed before the start."),
    }.get(choice, "")


def _assignment(found: Mapping[str, Any]) -> dict[str, Any]:
    interval = found["share_interval"] or {}
    return {
        "stable": found["requests_a"],
        "candidate": found["requests_b"],
        "declared": found["declared"],
        "share": found["share"],
        "low": interval.get("low"),
        "high": interval.get("high"),
        "is_sound": found["is_sound"],
    }


def _kpi(kpi: Mapping[str, Any], history: Iterable[tuple[Any, Mapping[str, Any]]]) -> dict[str, Any]:
    interval = kpi["interval"] or {}
    over_time = [
        {"at": at, "difference": one["difference"], **one["interval"]}
        for at, found in history
        for one in found["kpis"]
        if one["name"] == kpi["name"] and one["interval"]
    ]
    plain = {name: kpi[name] for name in ("name", "a", "b", "count_a", "count_b", "difference")}
    plain["title"] = metric_label(kpi["name"])
    return {**plain, "low": interval.get("low"), "high": interval.get("high"), "over_time": over_time}


def _history(rollout: Rollout) -> list[tuple[Any, Mapping[str, Any]]]:
    rows = rollout.verdicts.filter(numbers__has_key="experiment").order_by("at")
    keys = list(rows.values_list("pk", flat=True))
    chosen = keys[:: max(len(keys) // POINTS, 1)]
    if keys and chosen[-1] != keys[-1]:
        chosen.append(keys[-1])
    found = Verdict.objects.filter(pk__in=chosen).order_by("at").values_list("at", "numbers__experiment")
    return list(found)
