"""The emergency of a decision page: declaring one on a draft, and its review by somebody else. ``flow`` decides both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from istio.mesh import MeshError
from releases import flow, selectors
from releases.admin.actor import actor_of
from releases.admin.decision.rows import page_of, rollout_or_404
from releases.admin.sign_in import to_password
from releases.domain import DomainError, PasswordNeeded
from releases.domain.roles import Action
from releases.domain.states import Event, State
from releases.models import EmergencyRelease, Rollout, User
from releases.said import said_of_refusal


@dataclass(frozen=True, slots=True)
class EmergencyPanel:
    """Which of the two dialogs stands on the page, and the shortest reason a declaration takes."""

    may_declare: bool
    may_review: bool
    shortest_reason: int
    outcomes: tuple[tuple[str, str], ...]


def emergency_panel(rollout: Rollout, *, user: User) -> EmergencyPanel:
    """Say what this person could do about an emergency here: declare a draft one, or review what somebody else declared."""
    release: EmergencyRelease | None = getattr(rollout, "emergency_release", None)
    waits = release is not None and release.reviewed_at is None
    theirs = {rollout.requested_by.person_id, release.declared_by.person_id if release else 0}
    return EmergencyPanel(
        may_declare=rollout.state == State.DRAFT
        and selectors.may(user, Action.RELEASE_IN_EMERGENCY, rollout.service),
        may_review=waits
        and user.person_id not in theirs
        and selectors.may(user, Event.APPROVE, rollout.service),
        shortest_reason=flow.SHORTEST_REASON,
        outcomes=tuple((value, str(label)) for value, label in EmergencyRelease.Outcome.choices),
    )


@require_POST
def declare(request: HttpRequest, object_id: str) -> HttpResponse:
    """Submit a draft as an emergency release."""
    rollout = rollout_or_404(object_id)
    return _done(
        request,
        rollout,
        lambda: flow.release_in_emergency(
            rollout,
            by=actor_of(request),
            why=request.POST.get("reason", ""),
            incident=request.POST.get("incident", ""),
            typed_name=request.POST.get("service_name", ""),
        ),
        told=_("%(rollout)s starts without votes. Somebody else reviews it within a day.")
        % {"rollout": rollout},
    )


@require_POST
def review(request: HttpRequest, object_id: str) -> HttpResponse:
    """Say afterwards whether the emergency was one."""
    rollout = rollout_or_404(object_id)
    return _done(
        request,
        rollout,
        lambda: flow.review_emergency(
            rollout,
            by=actor_of(request),
            outcome=request.POST.get("outcome", ""),
            findings=request.POST.get("findings", ""),
        ),
        told=_("The emergency release %(rollout)s is reviewed.") % {"rollout": rollout},
    )


def _done(request: HttpRequest, rollout: Rollout, act: Callable[[], object], *, told: str) -> HttpResponse:
    try:
        act()
    except PasswordNeeded as error:
        return to_password(request, error, there=page_of(rollout))
    except (DomainError, MeshError) as error:
        messages.error(request, said_of_refusal(error))
    else:
        messages.success(request, told)
    return HttpResponseRedirect(page_of(rollout))
