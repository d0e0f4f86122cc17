"""What needs a person, worst first: each with one sentence and the page on which to act."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from releases import selectors
from releases.domain.reasons import Reason
from releases.domain.states import State
from releases.models import EmergencyRelease, Rollout
from releases.said import said
from releases.selectors import Traffic
from services.models import Service

FAILED_SHOWN_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Link:
    """Where to act. ``href`` is a path of the portal."""

    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing. ``severity`` is ``fail`` (something went wrong) or ``hold`` (somebody is waited for)."""

    kind: str
    severity: str
    service: int
    rollout: int | None
    title: str
    text: str
    action: Link


def attention(
    services: Iterable[Service],
    *,
    live: dict[int, Rollout],
    ended: dict[int, Rollout],
    traffic: dict[int, Traffic],
    mine: Collection[int],
    emergencies: Iterable[EmergencyRelease],
    reviews: Collection[int],
    now: datetime,
) -> list[Attention]:
    """Return what needs a person. ``live`` and ``ended`` are by service id; ``mine`` are rollouts this person
    may decide, ``reviews`` emergency releases this person may review.
    """
    found = [
        _emergency(release, reviews=release.pk in reviews, now=now)
        for release in emergencies
        if release.reviewed_at is None
    ]
    for service in services:
        rollout, last = live.get(service.pk), ended.get(service.pk)
        if problem := traffic[service.pk].problem:
            found.append(_unreached(service, problem=problem))
        if rollout and (item := _live(rollout, decides=rollout.pk in mine)):
            found.append(item)
        if rollout is None and last and _failed_lately(last, now=now):
            found.append(
                _item(
                    last,
                    kind="failed",
                    severity="fail",
                    title=_("%(what)s was rolled back") % {"what": last.candidate},
                    look=_("Read the evidence"),
                )
            )
    return sorted(found, key=lambda item: item.severity)


def _emergency(release: EmergencyRelease, *, reviews: bool, now: datetime) -> Attention:
    """Everybody is told of an emergency until somebody else has reviewed it; who may do that is led to the page."""
    rollout = release.rollout
    due = date_format(timezone.localtime(release.due_at), "Y-m-d H:i")
    text = _("%(incident)s, declared by %(person)s: %(reason)s Somebody else reviews it by %(due)s.")
    if release.is_overdue(now):
        text = _("%(incident)s, declared by %(person)s: %(reason)s The review was due at %(due)s.")
    decision = reverse("admin:releases_rollout_change", args=[rollout.pk])
    page = Link(_("Follow it"), f"/rollouts/{rollout.pk}")
    values = {
        "incident": release.incident,
        "person": release.declared_by,
        "reason": release.reason,
        "due": due,
    }
    return Attention(
        kind="emergency",
        severity="fail",
        service=rollout.service_id,
        rollout=rollout.pk,
        title=_("%(what)s was released in an emergency") % {"what": rollout.candidate},
        text=text % values,
        action=Link(_("Review it"), decision) if reviews else page,
    )


def _live(rollout: Rollout, *, decides: bool) -> Attention | None:
    """Return what a live rollout waits for, None when it moves by itself. The first line that fits counts."""
    state, reason = State(rollout.state), rollout.reason_code
    refused = reason in {Reason.MESH_UNREACHABLE, Reason.MESH_REFUSED}
    lines = [
        (state is State.ROLLING_BACK, "failed", "fail", _("%(what)s is being rolled back")),
        (refused, "mesh", "fail", _("The mesh does not take %(what)s")),
        (rollout.drift is not None, "drift", "hold", _("%(what)s: the mesh was changed by somebody else")),
        (state is State.PENDING, "approval", "hold", _("%(what)s waits for approval")),
        (state is State.PAUSED, "paused", "hold", _("%(what)s is paused")),
        (reason == Reason.WAITING_FOR_PERSON, "waiting", "hold", _("%(what)s waits for a person")),
    ]
    for fits, kind, severity, title in lines:
        if fits:
            what = title % {"what": rollout.candidate}
            return _item(rollout, kind=kind, severity=severity, title=what, decides=decides)
    return None


def _failed_lately(rollout: Rollout, *, now: datetime) -> bool:
    by_itself = rollout.state == State.ROLLED_BACK and rollout.reason_code != Reason.ROLLED_BACK_BY_PERSON
    return by_itself and rollout.ended_at is not None and rollout.ended_at > now - FAILED_SHOWN_FOR


def _item(
    rollout: Rollout, *, kind: str, severity: str, title: str, decides: bool = False, look: str = ""
) -> Attention:
    decision = reverse("admin:releases_rollout_change", args=[rollout.pk])
    page = Link(look or _("Follow it"), f"/rollouts/{rollout.pk}")
    if kind == "drift":
        page = Link(_("Compare and decide"), decision)
    elif decides:
        page = Link(_("Open decision"), decision)
    text = selectors.why(rollout)
    if kind == "approval":
        text = _("Asked for by %(person)s: %(reason)s") % {
            "person": rollout.requested_by,
            "reason": rollout.reason,
        }
    return Attention(
        kind=kind,
        severity=severity,
        service=rollout.service_id,
        rollout=rollout.pk,
        title=title,
        text=text,
        action=page,
    )


def _unreached(service: Service, *, problem: str) -> Attention:
    title = _("%(service)s: the traffic can not be read") % {"service": service}
    link = Link(_("Look"), f"/services/{service.pk}")
    return Attention(
        kind="mesh",
        severity="fail",
        service=service.pk,
        rollout=None,
        title=title,
        text=said(problem),
        action=link,
    )
