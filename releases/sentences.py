"""Reason codes, verdicts and audit events as sentences in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext, pgettext
from django.utils.translation import gettext as _

from istio.documents import AmbiguousRoutes, TrafficError
from istio.mesh import VIRTUAL_SERVICE, Manifest
from istio.routes import is_managed, sections_of
from istio.sentence import from_parts
from istio.weights import weights_of
from releases.about import kind_word
from releases.domain.reasons import Reason
from releases.models import AuditEvent, Proposal, Rollout, Verdict
from releases.said import said
from releases.verdicts import judgement_sentence
from services.models import Service


def why(rollout: Rollout) -> str:
    """Say why the rollout is where it is, with what was last in the way."""
    return reason_sentence(rollout.reason_code, params=rollout.reason_params)


def reason_sentence(code: str, *, params: Mapping[str, Any]) -> str:
    """Say one reason code with its figures; the problem it names, if any, follows."""
    sentences = _reasons(get_language())
    template = sentences.get(f"{code}:{params.get('by')}") or sentences.get(code)
    sentence = (template % _Params(params)).strip() if template else ""
    problem = said(from_parts(params, "problem"))
    return f"{sentence} {problem}".strip() if problem not in sentence else sentence


def verdict_sentence(verdict: Verdict) -> str:
    """Say what was concluded, with the numbers of both versions."""
    numbers = {**verdict.numbers, "shadow": verdict.shadow}
    return judgement_sentence(verdict.reason_code, numbers) or str(verdict.get_outcome_display())


def audit_sentence(event: AuditEvent) -> str:
    """Say what was done, to what, and how it ended."""
    after = event.after if isinstance(event.after, dict) else {}
    if event.action == "mesh_write":
        return _written(event, document=after)
    acts = _actions(get_language())
    done = (
        acts.get(f"{event.action}:{after.get('accepted')}") or acts.get(event.action) or _done_to_a_row(event)
    )
    text = done % _Params(
        {
            "object": event.object_id,
            **{key: value for key, value in after.items() if not isinstance(value, dict | list)},
        }
    )
    if event.outcome == AuditEvent.Outcome.REFUSED:
        return _("Refused: %(what)s") % {"what": text}
    if event.user_id is None and not event.reason and after.get("reason") in _OWN_REASONS:
        # The worker gives its reason as a code with numbers, so that it is read in the reader's language.
        return f"{text}: {reason_sentence(str(after['reason']), params=after)}"
    return text


def _done_to_a_row(event: AuditEvent) -> str:
    """Say what was done to a row of the catalogue, the calendar or the people: verb and kind."""
    verb, _underscore, kind = event.action.partition("_")
    if kind in Proposal.Kind:
        return _proposed(verb, kind=Proposal.Kind(kind), event=event)
    verbs = {
        "create": _("Created: %(kind)s"),
        "change": _("Changed: %(kind)s"),
        "save": _("Saved: %(kind)s"),
        "delete": _("Deleted: %(kind)s"),
    }
    template = verbs.get(verb)
    if template is None:
        return event.action.replace("_", " ")
    return (template % {"kind": kind_word(event.object_type)}).replace("%", "%%")


def _proposed(verb: str, *, kind: Proposal.Kind, event: AuditEvent) -> str:
    """Say what became of a change that takes two people, and what it is about."""
    templates = {
        "propose": _("Proposed: %(kind)s (%(target)s)"),
        "agreed": _("Agreed: %(kind)s (%(target)s)"),
        "refused": _("Said no: %(kind)s (%(target)s)"),
        "withdrawn": _("Took the proposal back: %(kind)s (%(target)s)"),
    }
    after = event.after if isinstance(event.after, dict) else {}
    text = templates.get(verb, "%(kind)s (%(target)s)") % {
        "kind": kind.label,
        "target": after.get("target") or event.object_id,
    }
    return text.replace("%", "%%")


def _written(event: AuditEvent, *, document: Mapping[str, Any]) -> str:
    """Say the shares that the VirtualService gives the versions; of any other object, its kind."""
    service = event.service
    if service is None or document.get("kind") != VIRTUAL_SERVICE:
        return _("Wrote the %(kind)s to the mesh") % {"kind": document.get("kind") or _("objects")}
    try:
        shares = _shares(event, service=service, document=dict(document))
        rules = sum(
            is_managed(route, place=place, named=service.routes)
            for place, route in sections_of(dict(document))
        )
    except TrafficError:  # somebody else's routes that split in several ways: no one figure would be true
        return _("Wrote the VirtualService to the mesh")
    split = ", ".join(f"{version} {share:g} %" for version, share in sorted(shares.items()))
    text = _("Wrote %(split)s to the mesh") % {"split": split}
    if not rules:
        return text
    behind = ngettext("%(count)d rule before it", "%(count)d rules before it", rules) % {"count": rules}
    return f"{text} ({behind})"


def _shares(event: AuditEvent, *, service: Service, document: Manifest) -> dict[str, float]:
    """Return percent by subset. Which version was stable is asked only where testers have a route of their own."""
    asked: dict[str, Any] = {"host": service.host, "routes": service.routes, "namespace": service.namespace}
    try:
        return weights_of(document, **asked)
    except AmbiguousRoutes:
        stable = event.rollout.stable if event.rollout else service.stable
        return weights_of(document, **asked, stable=stable.subset if stable else None)


class _Params(dict[str, Any]):
    """Numbers counted from 0 shown from 1, instants in the reader's zone, shares as short as they are, a dash where a value is
    missing; a judgement that was not made yet leaves its place empty."""

    def __missing__(self, key: str) -> str:
        return judgement_sentence(str(self.get("code")), self) if key == "sentence" else "-"

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        if key == "step" and isinstance(value, int):
            return value + 1
        if key in {"until", "at", "limit", "due"} and key in self and isinstance(value, str):
            return _shown(timezone.localtime(datetime.fromisoformat(value)))
        return f"{value:g}" if key == "percent" else value


def _shown(moment: datetime) -> str:
    """Write a moment of today as a time, another one with its date: no reader takes tomorrow's for today's."""
    today = moment.date() == timezone.localtime().date()
    return date_format(moment, "H:i:s" if today else pgettext("date format", "D j M Y H:i"))


@cache
def _reasons(_language: str | None) -> Mapping[str, str]:
    """Return the sentences in the language that is active. A page of rows asks for them once per row."""
    return {
        Reason.WAITING_FOR_SUBMIT: _("A draft: nothing happens until it is submitted."),
        Reason.WAITING_FOR_APPROVAL: _("Waits for approval."),
        Reason.WAITING_FOR_START: _("Approved; starts at %(at)s."),
        Reason.STARTING: _("Approved; starts with the next pulse."),
        Reason.WRITING: _("The traffic of the next step is being written."),
        Reason.BAKING: _("Step %(step)s holds %(weight)s %% until %(until)s."),
        f"{Reason.BAKING}:sticky": _(
            "Step %(step)s shows the candidate to %(percent)s %% of the users until %(until)s."
        ),
        f"{Reason.BAKING}:mirror": _(
            "Step %(step)s sends the candidate copies of %(percent)s %% of the requests until %(until)s."
        ),
        f"{Reason.BAKING}:rules": _(
            "Step %(step)s sends the candidate only what its rules say until %(until)s."
        ),
        Reason.WAITING_FOR_EVIDENCE: _(
            "The bake of step %(step)s is over, the evidence is not enough yet; waits until %(limit)s at most. %(sentence)s"
        ),
        Reason.WAITING_FOR_PERSON: _("Step %(step)s begins when a person lets it: resume."),
        Reason.WAITING_FOR_CHOICE: _(
            "Both versions have had their time: a person chooses, by promoting or by rolling back."
        ),
        Reason.WAITING_FOR_CHECKS: _("Step %(step)s is not written while checks stand against it:"),
        Reason.WAITING_FOR_WINDOW: _(
            "Step %(step)s waits for the release window %(name)s, which opens at %(until)s."
        ),
        Reason.WAITING_FOR_NOT_BEFORE: _("Step %(step)s does not begin before %(at)s."),
        Reason.HELD_BY_FREEZE: _(
            "Step %(step)s is held by the freeze %(name)s until %(until)s; rolling back stays possible."
        ),
        Reason.WAITING_FOR_TRAIN: _("Waits for %(rollout)s, which is in the same release train."),
        Reason.WAITING_FOR_TURN: _(
            "Waits for its turn: %(most)s releases may run at once in %(scope)s, and %(ahead)s approved before it wait, too."
        ),
        Reason.PROMOTING: _("The candidate is being given all traffic."),
        Reason.PAUSED_BY_PERSON: _("Paused by a person; traffic stays as it is."),
        Reason.DRIFTED: _(
            "The mesh is not what Weir last wrote. Nothing moves forward until somebody restores or adopts it."
        ),
        Reason.VERSION_CHANGED: _("The candidate does not run the registered image:"),
        Reason.APPROVAL_VOID: _("The approval does not cover what would be written now:"),
        Reason.APPROVAL_REVOKED: _("An approver took the approval back."),
        Reason.APPROVAL_EXPIRED: _("It was not used in time, and its approval has ended."),
        Reason.SPLIT_MISMATCH: _(
            "The candidate gets %(observed)s %% of the requests where %(configured)s %% are configured (%(requests)s requests): the traffic does not arrive as it was written."
        ),
        Reason.OVERDUE: _(
            "Nobody looked after it since %(due)s, so the next step is late by more than its grace; a person decides whether it goes on."
        ),
        Reason.CHECKS_FAILED: _("The traffic can not be written:"),
        Reason.MESH_UNREACHABLE: _("The Kubernetes API does not answer; it is tried again."),
        Reason.MESH_REFUSED: _("The Kubernetes API refused the write:"),
        Reason.METRICS_UNREACHABLE: _("Prometheus does not answer; nothing is promoted without it."),
        Reason.INTERNAL_ERROR: _("The last pass failed and is tried again:"),
        Reason.GUARD_FAILED: _("A guard failed: %(sentence)s"),
        Reason.EXPERIMENT_LOST: _("The experiment chose the stable version; the candidate is discarded."),
        Reason.EVIDENCE_UNCLEAR: _("The evidence stayed unclear for as long as the plan allows."),
        Reason.ROLLED_BACK_BY_PERSON: _("Rolled back by a person."),
        Reason.ROLLED_BACK_BY_FREEZE: _("Rolled back because the freeze %(name)s began, which says so."),
        Reason.TRAIN_FAILED: _("The release train ended with %(rollout)s, so all of it goes back."),
        Reason.COMPLETED: _("Completed: %(candidate)s is the stable version now."),
        Reason.ENDED_BY_PERSON: _("Ended by a person."),
    }


@cache
def _actions(_language: str | None) -> Mapping[str, str]:
    """As above, of what is done."""
    return {
        "create": _("Asked for a rollout of %(candidate)s by a draft"),
        "create_train": _("Asked for a release train"),
        "edit": _("Edited the draft"),
        "submit": _("Submitted for approval"),
        "cancel": _("Cancelled"),
        "approve": _("Approved"),
        "reject": _("Rejected"),
        "withdraw": _("Withdrew the request"),
        "expire": _("The approval expired"),
        "start": _("Started"),
        "revoke": _("Took the approval back"),
        "void": _("The approval was voided"),
        "pause": _("Paused"),
        "resume": _("Resumed"),
        "resume:evidence_unclear": _("Resumed, and accepted the unclear evidence of step %(step)s"),
        "set_weight": _("Set the weight to %(weight)s %%"),
        "promote": _("Asked for promotion"),
        "roll_back": _("Began to roll back"),
        "restore": _("Restored the mesh to what Weir last wrote"),
        "adopt": _("Adopted the mesh as the new baseline"),
        "complete": _("Completed: %(candidate)s is stable"),
        "done": _("Rolled back: all traffic is on the stable version"),
        "revert": _("Reverted to the previous stable version"),
        "retry": _("Asked again"),
        "all_back": _("Gave all traffic back"),
        "request_traffic_change": _("Asked for %(weight)s %% for %(candidate)s by hand"),
        "approve_traffic_change": _("Approved the change of traffic"),
        "reject_traffic_change": _("Rejected the change of traffic"),
        "withdraw_traffic_change": _("Withdrew the change of traffic"),
        "apply_traffic_change": _("Applied the change of traffic: %(weight)s %%"),
        "done_traffic_change": _("The change of traffic is written; %(stable)s is stable"),
        "give_up_traffic_change": _("The change of traffic was not written"),
        "void_traffic_change": _("The change of traffic needs a vote now"),
        "log_in": _("Signed in"),
        "log_out": _("Signed out"),
        "issue_token": _("Issued an API token"),
        "revoke_token": _("Revoked an API token"),
        "lift_freeze": _("Lifted the freeze"),
        "review_emergency": _("Reviewed the emergency release"),
        "revoke_standard_change": _("Revoked the standard change"),
        "rehearse": _("Rehearsed the plan"),
        "raw_change": _("Changed past Weir, in the database"),
        "verify_audit": _("Read the audit trail back"),
        "complete_version": _("Filled in what was not known of a version"),
        "renew_content": _("Rendered the content again"),
        "renew_traffic_change": _("Rendered the change of traffic again"),
        "override_freeze": _("Asked to override a freeze"),
        "press_red_button": _("Pressed the red button"),
        "import_freezes": _("Imported freezes from a file"),
        "release_in_emergency": _("Released in an emergency"),
        "propose_standard": _("Proposed a standard change"),
        "revoke_standard": _("Revoked the standard change"),
        "ask_override": _("Asked to override a freeze"),
        "api_post": _("Tried to create or cause something"),
        "api_patch": _("Tried to change something"),
        "api_put": _("Tried to change something"),
        "api_delete": _("Tried to delete something"),
        "appoint_administrator": _("Appointed the first user administrators"),
        "agree": _("Agreed to a proposal"),
        "refuse": _("Said no to a proposal"),
        "withdraw_proposal": _("Took a proposal back"),
        "save_access": _("Changed accounts or roles"),
        "delete_access": _("Took a role or a group away"),
        "retry_notification": _("Sent the message again"),
        "export_audit": _("Exported the audit trail"),
        "export_evidence": _("Exported the evidence"),
        "archive_audit": _("Archived old audit events"),
        "register_version": _("Registered version %(name)s"),
        "discover": _("Looked through the cluster"),
        "thin_snapshots": _("Added up old figures: %(rows_before)s rows became %(rows_after)s"),
        "keep_unproven_snapshots": _(
            "Left old figures as they are: they are not what the verdicts were about"
        ),
    }


_OWN_REASONS = frozenset(
    {
        Reason.APPROVAL_VOID,
        Reason.CHECKS_FAILED,
        Reason.DRIFTED,
        Reason.EVIDENCE_UNCLEAR,
        Reason.GUARD_FAILED,
        Reason.OVERDUE,
        Reason.ROLLED_BACK_BY_FREEZE,
        Reason.SPLIT_MISMATCH,
        Reason.TRAIN_FAILED,
        Reason.VERSION_CHANGED,
        Reason.WAITING_FOR_PERSON,
    }
)
"""Reasons for which the engine acts without being asked; its audit events say them."""
