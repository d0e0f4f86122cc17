"""The requests of the decision page: look, watch the fingerprint, try a request, cause an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from istio.documents import TrafficError
from istio.effective import RequestLike
from istio.mesh import MeshError
from releases import flow, selectors
from releases.admin.actor import actor_of, person
from releases.admin.decision.buttons import buttons_of
from releases.admin.decision.emergency import emergency_panel
from releases.admin.decision.page import decision_page
from releases.admin.decision.rows import page_of, rollout_or_404
from releases.admin.decision.trial import destinations, read_headers
from releases.admin.sign_in import to_password
from releases.domain import DomainError, PasswordNeeded
from releases.domain.states import Event
from releases.models import Rollout
from releases.said import said_of, said_of_refusal
from releases.templatetags.weir import shown

if TYPE_CHECKING:
    from releases.admin.rollouts import RolloutAdmin

TEMPLATE = "releases/decision/page.html"


def look(request: HttpRequest, rollout: Rollout, *, admin: RolloutAdmin) -> HttpResponse:
    """Show the decision page."""
    page = decision_page(rollout, by=actor_of(request), now=timezone.now())
    buttons = buttons_of(rollout, page.events)
    context = {
        **admin.admin_site.each_context(request),
        "title": f"{rollout} {rollout.service}",
        "opts": admin.opts,
        "page": page,
        "rollout": rollout,
        "buttons": buttons,
        "asks_comment": any(button.asks == "comment" for button in buttons),
        "why": selectors.why(rollout),
        "weight_now": page.weight_now,
        "emergency": emergency_panel(rollout, user=person(request)),
        "time_zone": timezone.get_current_timezone_name(),
    }
    return TemplateResponse(request, TEMPLATE, context)


@require_GET
def watch(request: HttpRequest, object_id: str) -> JsonResponse:
    """Say what is stored now, in one query: the open page compares it with what it shows."""
    row = Rollout.objects.filter(pk=object_id).values("fingerprint", "revision", "state").first()
    if row is None:
        raise Http404
    return JsonResponse(
        {
            "fingerprint": row["fingerprint"],
            "shown": shown(row["fingerprint"]),
            "revision": row["revision"],
            "state": row["state"],
        }
    )


@require_GET
def try_request(request: HttpRequest, object_id: str) -> HttpResponse:
    """Answer with a fragment: where the request of the form would go in each step."""
    rollout = rollout_or_404(object_id)
    headers = read_headers(request.GET.get("headers", ""))
    if user := request.GET.get("user", "").strip():
        headers["x-user-id"] = user
    asked = RequestLike(path=request.GET.get("path", "/") or "/", headers=headers)
    problem, found = "", []
    try:
        found = destinations(rollout, steps=selectors.preview(rollout).steps, request=asked)
    except (DomainError, MeshError, TrafficError) as error:
        problem = said_of(error)
    context = {"rollout": rollout, "found": found, "first": found[0] if found else None, "problem": problem}
    return TemplateResponse(request, "releases/decision/answer.html", context)


@require_POST
def cause(request: HttpRequest, object_id: str, slug: str) -> HttpResponse:
    """Cause one event by ``flow`` and say what happened, or why it did not."""
    rollout = rollout_or_404(object_id)
    try:
        event = Event.from_slug(slug)
    except ValueError as error:
        raise Http404 from error
    try:
        moved = flow.perform(
            rollout,
            event,
            by=actor_of(request),
            why=request.POST.get("reason", "").strip(),
            fingerprint=request.POST.get("fingerprint", ""),
            weight=_weight(request),
        )
    except PasswordNeeded as error:
        return to_password(request, error, there=page_of(rollout))
    except (DomainError, MeshError) as error:
        messages.error(request, said_of_refusal(error))
        return HttpResponseRedirect(page_of(rollout))
    latest = moved.audit_events.order_by("-seq").first()
    done = selectors.audit_sentence(latest) if latest else ""
    messages.success(
        request,
        _("%(rollout)s: %(done)s. %(why)s") % {"rollout": moved, "done": done, "why": selectors.why(moved)},
    )
    return HttpResponseRedirect(page_of(moved))


def _weight(request: HttpRequest) -> int | None:
    """The weight field, or None where it is not a whole number: ``flow`` refuses an event that needs one."""
    given = request.POST.get("weight", "")
    return int(given) if given.isdecimal() else None
