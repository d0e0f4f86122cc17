"""What the chain vouches for beside itself: archived segments, and votes with what the voter saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from releases.domain.fingerprint import digest
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent
from releases.flow.kept_heads import HeadLine
from releases.flow.traffic_change.move import action_of
from releases.models import Approval, AuditArchive, AuditEvent, TrafficVote

RETENTION_FLOOR = timedelta(days=180)
_CHUNK = 2000
_DECISIONS = (
    (Approval, {Event.APPROVE.value: "approve", Event.REJECT.value: "reject"}),
    (
        TrafficVote,
        {action_of(ChangeEvent.APPROVE): "approve", action_of(ChangeEvent.REJECT): "reject"},
    ),
)
"""Each kind of vote, and which action of the trail tells of which decision."""


def archives_digest() -> str:
    """Return the SHA-256 of every archive's ends, last hash and file: the event of the newest archive tells it."""
    columns = ("first_seq", "last_seq", "last_hash", "sha256")
    return digest([list(row) for row in AuditArchive.objects.order_by("first_seq").values_list(*columns)])


def archive_problem(*, heads: Iterable[HeadLine]) -> str:
    """Say why the beginning of the trail may be missing, or return an empty text. The chain in the table has been verified.

    The newest archive begins where the one before ended, its own event tells of it and of all before, and its end was signed,
    a retention floor before it was taken out: who deletes the beginning can write neither such a head nor its time.
    """
    archives = list(AuditArchive.objects.order_by("first_seq"))
    if not archives:
        return ""
    newest, expected = archives[-1], 1
    for archive in archives:
        if archive.first_seq != expected:
            return f"Archive {archive} does not begin with event {expected}: events before it are missing."
        expected = archive.last_seq + 1
    event = (
        AuditEvent.objects.filter(
            action="archive_audit", outcome=AuditEvent.Outcome.DONE, object_id=str(newest.pk)
        )
        .order_by("-seq")
        .first()
    )
    told = (event.after or {}) if event else {}
    if event is None or _as_told(told) != (
        newest.first_seq,
        newest.last_seq,
        newest.last_hash,
        newest.sha256,
        archives_digest(),
    ):
        return f"No event of the trail tells of archive {newest} as it is: the beginning was deleted."
    seals = [head for head in heads if head["seq"] == newest.last_seq and head["hash"] == newest.last_hash]
    if not seals:
        return f"No signed head seals archive {newest}: the beginning was deleted."
    sealed_at = min(datetime.fromisoformat(head["at"]) for head in seals)
    if event.at - sealed_at < RETENTION_FLOOR:
        return f"Archive {newest} was taken out {(event.at - sealed_at).days} days after it was sealed, before the retention ended."
    return ""


def changed_vote(*, since: int = 0) -> str:
    """Say which vote is not what the trail tells, from that event on: gone, decided otherwise, other evidence; or nothing."""
    for model, actions in _DECISIONS:
        told = _votes_told(actions, since=since)
        wanted = model._default_manager.order_by("pk")
        votes = wanted if since == 0 else wanted.filter(pk__in=list(told))
        found = set()
        for vote in votes.iterator(chunk_size=_CHUNK):
            found.add(vote.pk)
            if problem := _vote_problem(vote, told=told.get(vote.pk)):
                return problem
        if gone := sorted(told.keys() - found):
            return f"Vote {gone[0]}, which event {told[gone[0]].seq} tells of, was deleted."
    return ""


class _Told(NamedTuple):
    seq: int
    decision: str
    user: int | None
    fingerprint: str
    evidence_hash: str


def _votes_told(actions: Mapping[str, str], *, since: int) -> dict[int, _Told]:
    events = AuditEvent.objects.filter(
        action__in=list(actions), outcome=AuditEvent.Outcome.DONE, seq__gte=since
    ).values_list("seq", "action", "user_id", "fingerprint", "after")
    return {
        after["vote"]: _Told(seq, actions[action], user, fingerprint, after["evidence_hash"])
        for seq, action, user, fingerprint, after in events.iterator(chunk_size=_CHUNK)
        if after and "vote" in after
    }


def _vote_problem(vote: Approval | TrafficVote, *, told: _Told | None) -> str:
    subject = vote.rollout if isinstance(vote, Approval) else vote.change
    evidence = digest(vote.evidence)
    if evidence != vote.evidence_hash or (told and told.evidence_hash != evidence):
        return f"The evidence of vote {vote.pk} on {subject} was changed after the vote."
    if told and (vote.decision, vote.by_id, vote.fingerprint) != (told.decision, told.user, told.fingerprint):
        return f"Vote {vote.pk} on {subject} is not the one that event {told.seq} tells of: it was changed."
    return ""


def _as_told(after: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(after.get(name) for name in ("first", "last", "last_hash", "sha256", "archives"))
