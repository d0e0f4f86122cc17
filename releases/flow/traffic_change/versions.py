"""Between which two versions a change is, and which version going back leads to. Reads rows only."""

from __future__ import annotations

from django.utils.translation import gettext as _

from releases.domain import BadPlan
from releases.domain.states import State
from releases.domain.traffic_change import ChangeState
from releases.flow.in_force import changes_in_force
from releases.models import Rollout, TrafficChange
from services.models import Service, Version


def versions_of(
    service: Service, *, stable: Version | None, candidate: Version | None
) -> tuple[Version, Version]:
    """Return stable and candidate of a change; what is not given is one of the two versions last used.

    Raises BadPlan where that is not plain, and for versions that can not be split.
    """
    used = _last_used(service)
    left = stable or next((version for version in used if version != candidate), None)
    if left is None:
        raise BadPlan(
            _("Service %(service)s has no stable version yet; run discovery or name one.")
            % {"service": service},
            field="stable",
        )
    right = candidate or next((version for version in used if version != left), None)
    if right is None:
        raise BadPlan(
            _("Name the candidate: %(service)s has no version beside %(stable)s that was used last.")
            % {"service": service, "stable": left.name},
            field="candidate",
        )
    for version, field in ((left, "stable"), (right, "candidate")):
        if version.service_id != service.pk:
            text = _("Version %(version)s is not a version of %(service)s.")
            raise BadPlan(text % {"version": version, "service": service}, field=field)
    if left.pk == right.pk or left.subset == right.subset:
        text = _(
            "Versions %(one)s and %(other)s share the subset %(subset)s, so traffic can not be split between them."
        )
        values = {"one": left.name, "other": right.name, "subset": left.subset}
        raise BadPlan(text % values, field="candidate")
    return left, right


def previous_stable(service: Service) -> Version | None:
    """Return the version that was stable before the present one took its place, None if it never took one's."""
    released = Rollout.objects.filter(
        service=service, candidate=service.stable_id, state=State.COMPLETED
    ).select_related("stable")
    by_hand = TrafficChange.objects.filter(
        service=service, candidate=service.stable_id, state=ChangeState.APPLIED, weight=100, needs_vote=True
    ).select_related("stable")
    ended = [
        row for row in (released.order_by("-ended_at").first(), by_hand.order_by("-ended_at").first()) if row
    ]
    newest = max(ended, key=lambda row: row.ended_at or row.created_at, default=None)
    return newest.stable if newest else None


def in_force(service: Service) -> TrafficChange | None:
    """Return the change that says what the mesh does for this service now, if one does."""
    return changes_in_force().filter(service=service).order_by("-ended_at").first()


def _last_used(service: Service) -> list[Version]:
    """Return versions, the likeliest stable first: of the change in force, else of the last rollout, else all."""
    found: list[Version | None] = [service.stable]
    if current := in_force(service):
        found += [current.stable, current.candidate]
    if (
        last := service.rollouts.filter(started_at__isnull=False)
        .select_related("stable", "candidate")
        .first()
    ):
        found += [last.stable, last.candidate]
    versions = list(service.versions.all()[:3])
    if len(versions) == 2:
        found += versions
    return list(dict.fromkeys(version for version in found if version))
