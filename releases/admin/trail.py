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
from releases.admin.actor import actor_of, may
from releases.clock import database_now
from releases.domain import NotAllowed
from releases.domain.roles import Action
from releases.models import AuditEvent
from releases.said import said_of

# Content type, file name, lines up to the event of the export.
_EXPORTS: Mapping[str, tuple[str, str, Callable[[int], Iterator[str]]]] = {
    "csv": ("text/csv; charset=utf-8", "weir-audit.csv", lambda until: selectors.as_csv(_up_to(until))),
    "jsonl": (
        "application/jsonl; charset=utf-8",
        "weir-audit.jsonl",
        lambda until: selectors.trail_as_jsonl(until=until),
    ),
    "heads": (
        "application/jsonl; charset=utf-8",
        "weir-heads.jsonl",
        lambda _until: selectors.heads_as_jsonl(),
    ),
}


def _up_to(seq: int) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(seq__lte=seq).order_by("seq")


@require_POST
def verify(request: HttpRequest) -> HttpResponse:
    """Read the whole chain and say whether it holds, and if not, which event is the first bad one."""
    if not may(request, Action.READ_AUDIT):
        raise PermissionDenied
    report = flow.verify_chain()
    if report.is_sound:
        told = _("The chain holds: %(events)d events and %(heads)d signed heads were read.")
        messages.success(request, told % {"events": report.events, "heads": report.heads})
    else:
        told = _("The chain is broken at event %(seq)s: %(problem)s")
        messages.error(request, told % {"seq": report.first_bad or "–", "problem": report.problem})
    return HttpResponseRedirect(reverse("admin:releases_auditevent_changelist"))


@require_GET
def export(request: HttpRequest, format_: str) -> HttpResponseBase:
    """Send the trail or its signed heads, oldest first. Who took it is an event before the first byte leaves."""
    if format_ not in _EXPORTS:
        raise Http404
    try:
        until = flow.begin_export(by=actor_of(request), format_=format_, filters={}, clock=database_now)
    except NotAllowed as error:
        raise PermissionDenied(said_of(error)) from error
    content_type, name, lines = _EXPORTS[format_]
    response = StreamingHttpResponse(lines(until), content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
