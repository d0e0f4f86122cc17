"""What is told beside rollouts: changes of traffic by hand, and changes that take two people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from django.utils.translation import gettext as _

from releases.domain.roles import Action
from releases.domain.states import Event
from releases.domain.traffic_change import ChangeEvent, ChangeState
from releases.flow.notify.outbox import page, people, tell, who_may
from releases.models import AuditEvent, Proposal, TrafficChange, User
from releases.notifications.message import Message
from releases.sentences import audit_sentence


def notify_change(change: TrafficChange, event: AuditEvent) -> None:
    """Tell that a change of traffic was asked for, decided or written; that a write begins, or a vote of several, nobody waits for."""
    asked = change.state == ChangeState.PENDING and event.action in {
        "request_traffic_change",
        f"{ChangeEvent.VOID}_traffic_change",
    }
    if not asked and (change.state in {ChangeState.PENDING, ChangeState.WRITING} or _is_only_asked(event)):
        return
    groups = {change.service.owners_id}

    def told() -> Iterable[User]:
        if not asked:
            return [change.requested_by]
        besides = {change.requested_by.person_id}
        return who_may([Event.APPROVE], concerned=groups, besides=besides)

    def message() -> Message:
        title = _("%(change)s %(service)s, %(weight)s %% for %(candidate)s: %(state)s") % {
            "change": change,
            "service": change.service.name,
            "weight": change.weight,
            "candidate": change.candidate.name,
            "state": change.get_state_display(),
        }
        said = _("%(person)s asks to change the traffic: %(reason)s") % {
            "person": change.requested_by,
            "reason": change.reason,
        }
        text = said if asked else "\n".join(part for part in (audit_sentence(event), event.reason) if part)
        return Message(
            kind=kind,
            title=title,
            text=text,
            url=page("trafficchange", change.pk),
            service=change.service.name,
            rollout="",
            event=event.action,
            seq=event.seq,
            occurred_at=event.at.isoformat(),
            about="traffic_change",
            number=str(change),
            **people(told()),
        )

    kind = "approval_asked" if asked else "state"
    tell(f"event:{event.seq}", kind=kind, groups=groups, message=message, now=event.at)


def notify_proposal(
    proposal: Proposal,
    event: AuditEvent,
    *,
    concerned: Collection[int | None],
    grants: Sequence[Action | Event],
) -> None:
    """Tell that a second person is asked, or how the first one's proposal was decided."""
    asked = proposal.state == Proposal.State.OPEN

    def message() -> Message:
        title = _("%(proposal)s, %(what)s %(target)s: %(state)s") % {
            "proposal": proposal,
            "what": proposal.get_kind_display(),
            "target": proposal.target,
            "state": proposal.get_state_display(),
        }
        said = _("%(person)s asks for a second person: %(reason)s") % {
            "person": proposal.asked_by,
            "reason": proposal.reason,
        }
        text = said if asked else f"{proposal.decided_by}: {proposal.answer}".rstrip(": ")
        besides = {proposal.asked_by.person_id, *([proposal.account.person_id] if proposal.account else [])}
        told = who_may(grants, concerned=concerned, besides=besides) if asked else [proposal.asked_by]
        return Message(
            kind=kind,
            title=title,
            text=text,
            url=page("proposal", proposal.pk),
            service=proposal.service.name if proposal.service else "",
            rollout=str(proposal.rollout or ""),
            event=event.action,
            seq=event.seq,
            occurred_at=event.at.isoformat(),
            about="proposal",
            number=str(proposal),
            **people(told),
        )

    kind = "second_person_asked" if asked else "state"
    tell(f"event:{event.seq}", kind=kind, groups=concerned, message=message, now=event.at)


def _is_only_asked(event: AuditEvent) -> bool:
    """A change that needs no vote is told when it is written, not when it is asked for."""
    return event.action == "request_traffic_change"
