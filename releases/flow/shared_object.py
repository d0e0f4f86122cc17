"""One VirtualService may carry several services, but only one release or change of traffic at a time.

They would write one object: each fence, annotation and resourceVersion would be taken for the other's. What leads back
is never refused; it leaves the other service's routes and mirror alone (``istio.traffic.cleaned``).
"""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from releases.domain import IllegalMove
from releases.domain.states import LIVE
from releases.domain.traffic_change import ChangeState, settled_on
from releases.flow.in_force import changes_in_force
from releases.flow.record import take_chain_lock
from releases.models import Rollout, TrafficChange
from services.models import Service


def claim_object(service: Service) -> None:
    """Refuse unless the service has its VirtualService to itself, and let nobody else in until this transaction ends.

    Every transaction that makes something live takes the same lock, so of two that ask at once the second sees the first.
    Raises IllegalMove.
    """
    take_chain_lock()
    refuse_taken(service)


def refuse_taken(service: Service) -> None:
    """Raise IllegalMove, naming what another service has going on in the same VirtualService."""
    if taken := taken_by(service):
        raise IllegalMove(taken)


def taken_by(service: Service) -> str:
    """Say what another service has going on in the same VirtualService, or return an empty text."""
    beside = sharing(service)
    rollout = (
        Rollout.objects.filter(service__in=beside, state__in=sorted(LIVE)).select_related("service").first()
    )
    other = rollout or _change_of(beside)
    if other is None:
        return ""
    text = _(
        "%(other)s of %(neighbour)s is going on in the same VirtualService, %(object)s: one at a time. End it first, or "
        "give each service a VirtualService of its own."
    )
    return text % {
        "other": other,
        "neighbour": other.service.name,
        "object": f"{service.namespace}/{service.virtual_service}",
    }


def sharing(service: Service) -> QuerySet[Service]:
    """Return the other services whose routes stand in the same VirtualService."""
    same = Service.objects.filter(
        cluster=service.cluster_id, namespace=service.namespace, virtual_service=service.virtual_service
    )
    return same.exclude(pk=service.pk)


def _change_of(services: QuerySet[Service]) -> TrafficChange | None:
    """Return a change by hand that is asked for or being written, or that both versions get traffic by."""
    forward = Q(state=ChangeState.PENDING) | Q(state=ChangeState.APPROVED, needs_vote=True)
    waiting = TrafficChange.objects.filter(forward | Q(state=ChangeState.WRITING), service__in=services)
    if found := waiting.select_related("service").first():
        return found
    standing = changes_in_force().filter(service__in=services).select_related("service")
    return next((change for change in standing if not settled_on(change.spec_value)), None)
