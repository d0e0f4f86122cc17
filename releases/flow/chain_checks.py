"""Reading the chain back in the worker: what is new every minute, all of it once a day or when somebody asks, a part at a time.

``audit_verify`` and the stand-alone verifier trust nothing that is stored here. This is so that a page can say when the chain was
last read, and that a break is told within a minute of being read.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import urljoin

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from releases.clock import Clock
from releases.domain.actor import Actor
from releases.domain.verifier import Report, verify
from releases.flow.kept_heads import is_signed, signing_public_key
from releases.flow.notify.outbox import tell
from releases.flow.record import record
from releases.flow.verify import as_line, heads_to_hold, start_of_chain
from releases.flow.verify_books import archive_problem, changed_vote
from releases.models import AuditEvent, ChainCheck
from releases.notifications.message import Message

READ_AT_ONCE = 2_000
"""A trail of so many events is read within a request: some tenths of a second."""
NEW_EVERY = timedelta(seconds=60)
PART = 5_000
"""Events in one part: a fraction of a second."""
RUN_SECONDS = 20.0
LEASE = timedelta(seconds=60)
AGAIN_AFTER_BREAK = timedelta(minutes=10)
KEPT = 100


def ask_for_reading(*, clock: Clock, by: Actor, whole: bool) -> None:
    """Read a short trail here and now; have the worker read a long one, when that was asked for."""
    newest = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    if whole or newest <= READ_AT_ONCE:
        start_chain_check(clock=clock, whole=True)
    if newest <= READ_AT_ONCE:
        carry_on_chain_check(clock=clock, by=by)


def start_chain_check(*, clock: Clock, whole: bool) -> ChainCheck:
    """Begin a reading, or return the one of that kind that is under way."""
    begun = _unfinished().filter(whole=whole).first()
    if begun:
        return begun
    first, prev = start_of_chain()
    events = 0
    good = (
        None
        if whole
        else ChainCheck.objects.exclude(finished_at=None).filter(problem="").order_by("-seq").first()
    )
    if good and good.seq + 1 >= first:
        first, prev, events = good.seq + 1, good.hash, good.events
    until = AuditEvent.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    try:
        with transaction.atomic():
            return ChainCheck.objects.create(
                whole=whole,
                started_at=clock(),
                first=first,
                seq=first - 1,
                hash=prev,
                until=until,
                events=events,
            )
    except IntegrityError:
        return _unfinished().get(whole=whole)


def due_chain_check(*, now: datetime) -> bool | None:
    """Say which reading is due: True for the whole chain, False for what is new. None while one is under way or just ended."""
    if _unfinished().exists():
        return None
    last = ChainCheck.objects.filter(whole=True).exclude(finished_at=None).order_by("-finished_at").first()
    every = timedelta(seconds=settings.AUDIT_READ_WHOLE_SECONDS)
    newest = ChainCheck.objects.exclude(finished_at=None).order_by("-finished_at").first()
    if newest and newest.finished_at and now - newest.finished_at < NEW_EVERY:
        return None
    return (
        last is None
        or last.finished_at is None
        or now - last.finished_at >= (AGAIN_AFTER_BREAK if last.problem else every)
    )


def carry_on_chain_check(*, clock: Clock, by: Actor, seconds: float = RUN_SECONDS) -> bool:
    """Read on in the reading that is under way for about so long; say whether some of it is left. What is found is stored."""
    check = _unfinished().order_by("-whole", "id").first()
    if check is None:
        return False
    now = clock()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    if not ChainCheck.objects.filter(free, pk=check.pk, finished_at=None).update(leased_until=now + LEASE):
        return False
    began = time.monotonic()
    while not _read_part(check, clock=clock, by=by):
        if time.monotonic() - began > seconds:
            ChainCheck.objects.filter(pk=check.pk).update(leased_until=None)
            return True
    return _unfinished().exists()


def _read_part(check: ChainCheck, *, clock: Clock, by: Actor) -> bool:
    """Read one part, store how far it is; return whether that was the last one."""
    heads, problem = heads_to_hold(since=check.seq)  # before the events: every head's event is there by then
    part = list(AuditEvent.objects.filter(seq__gt=check.seq).order_by("seq")[:PART])
    is_last = len(part) < PART
    end = check.seq + len(part)
    report = Report(0, None, problem, check.hash)
    if not problem:
        report = verify(
            map(as_line, part),
            heads=[head for head in heads if is_last or head["seq"] <= end],
            public_key=signing_public_key(),
            first=check.seq + 1,
            prev=check.hash,
            signed=is_signed,
        )
    if report.is_sound and is_last:
        report = replace(report, problem=_beside(check, read=len(part)))
    _store(check, report=report, is_last=is_last, now=clock(), by=by)
    return check.finished_at is not None


def _beside(check: ChainCheck, *, read: int) -> str:
    """Say what is wrong beside the chain that was read: a cut end, an archive, a vote."""
    first, prev = start_of_chain()
    newest = AuditEvent.objects.filter(seq=check.seq).values_list("hash", flat=True).first() or (
        prev if check.seq == first - 1 else None
    )
    if not read and newest != check.hash:
        return f"Event {check.seq}, which was read before, is gone or another one: the end was cut off."
    if check.whole and (problem := archive_problem(heads=heads_to_hold(since=first - 1)[0])):
        return problem
    return changed_vote(since=0 if check.whole else check.first)


@transaction.atomic
def _store(check: ChainCheck, *, report: Report, is_last: bool, now: datetime, by: Actor) -> None:
    """Store how far the reading is. A break, and the end of one, are events; a break is told to every channel."""
    check.seq, check.hash = check.seq + report.events, report.head
    check.events, check.heads = check.events + report.events, check.heads + report.heads
    check.problem, check.first_bad = report.problem, report.first_bad
    check.until = max(check.until, check.seq)
    check.leased_until = now + LEASE
    if not report.is_sound or is_last:
        before = (
            ChainCheck.objects.exclude(finished_at=None).filter(whole=check.whole).order_by("-id").first()
        )
        check.finished_at = now
        if check.problem != (before.problem if before else ""):
            _tell(check, by=by)
    check.save()
    old = ChainCheck.objects.filter(whole=check.whole, problem="", pk__lt=check.pk - KEPT)
    old.exclude(finished_at=None).delete()


def _tell(check: ChainCheck, *, by: Actor) -> None:
    after = {"whole": check.whole, "first": check.first, "last": check.seq, "first_bad": check.first_bad}
    outcome = AuditEvent.Outcome.FAILED if check.problem else AuditEvent.Outcome.DONE
    event = record("verify_audit", by=by, obj=check, outcome=outcome, why=check.problem, after=after)
    if not check.problem:
        return

    def message() -> Message:
        return Message(
            kind="chain_broken",
            title=_("The audit trail does not hold"),
            text=check.problem,
            url=urljoin(settings.PUBLIC_URL, "/audit"),
            service="",
            rollout="",
            event=event.action,
            seq=event.seq,
            occurred_at=event.at.isoformat(),
            about="audit",
        )

    tell(f"event:{event.seq}", kind="chain_broken", groups=[None], message=message, now=event.at)


def _unfinished() -> QuerySet[ChainCheck]:
    return ChainCheck.objects.filter(finished_at=None)
