"""What an audit event says, in the reader's language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

import releases
from releases.about import about
from releases.domain.reasons import Reason
from releases.models import AuditEvent, Proposal
from releases.sentences import audit_sentence, reason_sentence


@pytest.mark.parametrize(
    ("action", "kind", "english", "chinese"),
    [
        ("create_plan", "rolloutplan", "Created: rollout plan", "创建：发布计划"),
        ("change_window", "releasewindow", "Changed: release window", "修改：发布窗口"),
        ("save_holiday", "holiday", "Saved: holiday", "保存：节假日"),
        ("delete_role", "role", "Deleted: role", "删除：角色"),
        ("log_in", "user", "Signed in", "登录"),
        ("issue_token", "apitoken", "Issued an API token", "签发了 API 令牌"),
    ],
)
def test_what_was_done_is_said_in_words(action: str, kind: str, english: str, chinese: str) -> None:
    event = AuditEvent(action=action, object_type=kind, outcome=AuditEvent.Outcome.DONE)
    assert audit_sentence(event) == english
    with translation.override("zh-hans"):
        assert audit_sentence(event) == chinese


@pytest.mark.parametrize(
    ("event", "english", "chinese"),
    [
        (
            AuditEvent(object_type="rolloutplan", object_id="3", after={"name": "canary"}),
            "rollout plan canary",
            "发布计划 canary",
        ),
        (
            AuditEvent(object_type="freeze", object_id="4", before={"name": "double 11"}),
            "freeze double 11",
            "封网 double 11",
        ),
        (AuditEvent(object_type="apitoken", object_id="2", after={"name": 7}), "API token 2", "API 令牌 2"),
        (
            AuditEvent(object_type="django_session", object_id="x", after=["name"]),
            "django_session x",
            "django_session x",
        ),
    ],
)
def test_what_it_is_about_is_said_by_kind_and_name(event: AuditEvent, english: str, chinese: str) -> None:
    assert about(event) == english
    with translation.override("zh-hans"):
        assert about(event) == chinese


ACTS = {
    found.group(1)
    for file in Path(releases.__file__).parent.rglob("*.py")
    for found in re.finditer(
        r"""(?:\brecord\(|@attempt\(|record_refusal\(.*action=)\s*"([a-z_]+)\"""", file.read_text()
    )
}
"""Every act that the code names itself."""


def test_the_code_is_read_for_its_acts() -> None:
    assert {"raw_change", "press_red_button", "save_plan", "request_traffic_change"} <= ACTS


@pytest.mark.parametrize(
    "action",
    sorted(
        ACTS
        | {
            f"{verb}_{kind}"
            for verb in ("propose", "agreed", "refused", "withdrawn")
            for kind in Proposal.Kind
        }
    ),
)
def test_no_act_is_shown_by_its_code(action: str) -> None:
    event = AuditEvent(action=action, object_type="proposal", object_id="7", after={"target": "sre"})
    assert audit_sentence(event) != action.replace("_", " ")
    with translation.override("zh-hans"):
        assert re.search("[\u4e00-\u9fff]", audit_sentence(event)), audit_sentence(event)


def test_a_proposal_is_told_with_what_it_is_about() -> None:
    event = AuditEvent(action="agreed_give_role", object_type="proposal", after={"target": "Ann 100%"})
    assert audit_sentence(event) == "Agreed: give a role (Ann 100%)"


def test_an_act_of_a_later_version_is_shown_by_its_name() -> None:
    event = AuditEvent(action="sing_song", object_type="choir", outcome=AuditEvent.Outcome.REFUSED)
    assert audit_sentence(event) == "Refused: sing song"


def test_a_wait_for_evidence_that_was_not_judged_yet_ends_with_its_sentence() -> None:
    params = {"step": 0, "limit": "2026-11-24T05:51:08+00:00"}
    assert reason_sentence(Reason.WAITING_FOR_EVIDENCE, params=params).endswith("at most.")
