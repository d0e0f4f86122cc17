"""What an auditor does to the whole trail: verify it, take it away, take its signed heads away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from releases import flow, selectors
from releases.admin.actor import actor_of, may_everywhere, person
from releases.clock import database_now
from releases.domain import NotAllowed
from releases.domain.roles import Action
from releases.models import AuditEvent, User
from releases.said import said_of

# Content type, file name, lines of what this person may take up to the event of the export.
_EXPORTS: Mapping[str, tuple[str, str, Callable[[User, int], Iterator[str]]]] = {
    "csv": (
        "text/csv; charset=utf-8",
        "weir-audit.csv",
        lambda user, until: selectors.as_csv(_up_to(until, user=user)),
    ),
    "jsonl": (
        "application/jsonl; charset=utf-8",
        "weir-audit.jsonl",
        lambda user, until: _as_jsonl(until, user=user),
    ),
    "heads": (
        "application/jsonl; charset=utf-8",
        "weir-heads.jsonl",
        lambda _user, _until: selectors.heads_as_jsonl(),
    ),
}


def _up_to(seq: int, *, user: User) -> QuerySet[AuditEvent]:
    return selectors.exportable_events(AuditEvent.objects.filter(seq__lte=seq).order_by("seq"), user)


def _as_jsonl(seq: int, *, user: User) -> Iterator[str]:
    """The whole trail with its signed heads, or the events of this person's services."""
    whole = selectors.exports_whole_trail(user)
    return selectors.trail_as_jsonl(until=seq) if whole else selectors.as_jsonl(_up_to(seq, user=user))


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Read the chain, or have the worker read a long one; the list says what was found, a break in red."""
    if not may_everywhere(request, Action.READ_AUDIT):
        raise PermissionDenied
    flow.ask_for_reading(clock=database_now, by=actor_of(request), whole=True)
    state = selectors.chain()
    if state.running:
        told = _(
            "The chain is being read: %(seq)d of %(until)d events. Load the page again for what is found."
        )
        messages.info(request, told % {"seq": state.running.seq, "until": state.running.until})
    elif state.shown and not state.shown.problem:
        told = _("The chain holds: %(events)d events and %(heads)d signed heads were read.")
        messages.success(request, told % {"events": state.shown.events, "heads": state.shown.heads})
    return HttpResponseRedirect(reverse("admin:releases_auditevent_changelist"))


@require_GET
def export(request: HttpRequest, format_: str) -> HttpResponseBase:
    """Send what this person may take of the trail, or its signed heads. Who took it is an event before the first byte leaves."""
    if format_ not in _EXPORTS:
        raise Http404
    user = person(request)
    whole = format_ == "heads" or selectors.exports_whole_trail(user)
    try:
        until = flow.begin_export(
            by=actor_of(request), format_=format_, filters={}, whole=whole, clock=database_now
        )
    except NotAllowed as error:
        raise PermissionDenied(said_of(error)) from error
    content_type, name, lines = _EXPORTS[format_]
    response = StreamingHttpResponse(lines(user, until), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
