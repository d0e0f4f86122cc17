"""Rehearsals as pages and the API show them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from istio.sentence import sentence_of
from releases.domain.fingerprint import digest
from releases.models import Rehearsal, Rollout
from releases.said import said
from releases.templatetags.weir import span

_TOO_SHORT = "too_short"


def rehearsal_of(rollout: Rollout) -> Rehearsal | None:
    """Return the newest rehearsal of exactly this rollout's plan on its service."""
    return rehearsals_of(rollout, among=Rehearsal.objects.all()).first()


def rehearsals_of(rollout: Rollout, *, among: QuerySet[Rehearsal]) -> QuerySet[Rehearsal]:
    """Return those of exactly this rollout's plan on its service."""
    return among.filter(service=rollout.service_id, plan_digest=digest(rollout.frozen_plan))


def rehearsal_problem(rehearsal: Rehearsal) -> str:
    """Say in the reader's language what went wrong; empty if nothing did."""
    if rehearsal.problem == _TOO_SHORT:
        return _("The recorded past is too short to play this plan over it.")
    return said(sentence_of(rehearsal.problem_parts)) if rehearsal.problem_parts else rehearsal.problem


def rehearsal_sentence(rehearsal: Rehearsal) -> str:
    """Say what came out, or how far it is."""
    if rehearsal.state == Rehearsal.State.FAILED:
        problem = rehearsal_problem(rehearsal)
        if rehearsal.problem == _TOO_SHORT:
            return problem
        return _("The rehearsal failed: %(problem)s") % {"problem": problem}
    if rehearsal.result is None:
        return _("The plan is being played over the recorded past: %(progress)s %%.") % {
            "progress": rehearsal.progress
        }
    result: dict[str, Any] = rehearsal.result
    said = _("False alarms in %(runs)s rehearsals over %(past)s of the past: %(alarms)s.") % {
        "runs": result["runs"],
        "past": span(result["windows"] * result["interval_seconds"]),
        "alarms": result["false_alarms"],
    }
    return f"{said} {blindness(rehearsal)}".strip()


def blindness(rehearsal: Rehearsal) -> str:
    """Say in words if the plan's first step cannot see a rise of the error ratio by one point; empty if it can."""
    result = rehearsal.result
    if not result or not result["is_blind"]:
        return ""
    first = next((step for step in result["steps"] if step["weight"] > 0), None)
    if first is None or first["smallest_rise"] is None:
        return _("The first step sees nothing: it gets too few requests for any verdict within its time.")
    return _(
        "The first step can not see errors rise by 1 point: the smallest rise it finds in time is %(rise)s points."
    ) % {"rise": f"{100 * first['smallest_rise']:.1f}"}
