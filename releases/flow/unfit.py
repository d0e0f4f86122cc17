"""A candidate that is not new to the mesh is not released: there would be nothing to compare, or people would lose it."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from istio.checks import Finding, Severity
from istio.checks.request import ALREADY_SERVED
from istio.mesh import Manifest
from istio.weights import weights_of
from releases.domain import Blocked
from releases.domain.growth import loses_people
from releases.flow.in_force import changes_in_force
from releases.models import Rollout


def refuse_unfit(rollout: Rollout, *, virtual_service: Manifest) -> None:
    """Refuse a candidate that has traffic already, and a plan that takes out what a change by hand gave chosen people.

    Raises Blocked, TrafficError.
    """
    service = rollout.service
    weights = weights_of(
        virtual_service,
        host=service.host,
        routes=service.routes,
        namespace=service.namespace,
        stable=rollout.stable.subset,
    )
    if share := weights.get(rollout.candidate.subset, 0):
        text = _(
            "Version %(candidate)s already has %(share)s %% of the traffic; give it back to %(stable)s first."
        )
        _refuse(text, candidate=rollout.candidate.name, share=f"{share:g}", stable=rollout.stable.name)
    current = changes_in_force().filter(service=service).order_by("-ended_at").first()
    if current is None:
        return
    before, first = current.spec_value, rollout.plan_value.steps[0].traffic
    same = (current.stable_id, current.candidate_id) == (rollout.stable_id, rollout.candidate_id)
    chosen = before.rules or (before.sticky and before.sticky.chosen_endings)
    if chosen and (not same or loses_people(before, first)):
        text = _(
            "%(change)s sends chosen users to %(candidate)s, and the first step would take them out. Repeat its rules in the "
            "plan, or give the traffic back to %(stable)s first."
        )
        _refuse(text, change=current, candidate=current.candidate.name, stable=rollout.stable.name)


def _refuse(text: str, **params: Any) -> None:
    message = text % params
    finding = Finding(code=ALREADY_SERVED.code, severity=Severity.ERROR, path="/spec/http", message=message)
    raise Blocked(message, findings=[finding])
