"""What an audit event says, in the reader's language."""

from __future__ import annotations

import pytest
from django.utils import translation

from releases.models import AuditEvent
from releases.sentences import audit_sentence


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


def test_an_act_of_a_later_version_is_shown_by_its_name() -> None:
    event = AuditEvent(action="sing_song", object_type="choir", outcome=AuditEvent.Outcome.REFUSED)
    assert audit_sentence(event) == "Refused: sing song"
