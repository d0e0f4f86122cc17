"""The calendar in the admin: one person closes, two open."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils import timezone

from releases import flow
from releases.domain.roles import RoleName
from releases.models import Freeze, Proposal, Role
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor


def freeze(world: World) -> Freeze:
    Role.objects.create(user=world.administrator, name=RoleName.CALENDAR_MANAGER.value)
    now = timezone.now()
    fields = {
        "name": "双十一封网",
        "starts_at": now - timedelta(hours=1),
        "ends_at": now + timedelta(hours=9),
    }
    return flow.create_freeze(by=actor(world.administrator), fields=fields)


def form_of(row: Freeze, **changes: str) -> dict[str, str]:
    return {
        "name": row.name,
        "reason": "over early",
        "starts_at": f"{timezone.localtime(row.starts_at):%Y-%m-%d %H:%M:%S}",
        "ends_at": f"{timezone.localtime(row.ends_at):%Y-%m-%d %H:%M:%S}",
        "time_zone": row.time_zone,
        "rule": "",
        "days": "any",
        "effect": "hold",
        **changes,
    }


def test_lifting_an_active_freeze_waits_for_a_second_person(world: World, sign_in: SignIn) -> None:
    row = freeze(world)
    page = reverse("admin:releases_freeze_change", args=[row.pk])
    answer = sign_in(world.administrator).post(page, form_of(row, lift="on"))
    assert answer.status_code == 302, answer.content.decode()[:2000]
    row.refresh_from_db()
    assert row.lifted_at is None
    inbox = reverse("admin:releases_proposal_change", args=[Proposal.objects.get().pk])
    sign_in(world.administrator).post(inbox, {"decision": "agree", "answer": "mine"})
    assert Proposal.objects.get().state == Proposal.State.OPEN, "nobody agrees with themselves"
    sign_in(world.approver).post(inbox, {"decision": "agree", "answer": "yes"})
    row.refresh_from_db()
    assert row.lifted_at is not None


def test_who_may_not_edit_the_calendar_reads_it(world: World, sign_in: SignIn) -> None:
    row = freeze(world)
    client = sign_in(world.viewer)
    assert "双十一封网" in client.get(reverse("admin:releases_freeze_changelist")).content.decode()
    assert (
        client.post(reverse("admin:releases_freeze_change", args=[row.pk]), form_of(row)).status_code == 403
    )
    for name in ("releasewindow", "holiday", "proposal"):
        assert client.get(reverse(f"admin:releases_{name}_changelist")).status_code == 200


def test_the_decision_page_says_what_falls_into_a_freeze_and_what_changes_data(
    world: World, sign_in: SignIn
) -> None:
    freeze(world)
    draft = world.draft()
    flow.edit(
        draft,
        by=actor(world.requester),
        changes={"changes_data": True, "compatibility_note": "Both read the new column."},
    )
    page = sign_in(world.approver).get(reverse("admin:releases_rollout_change", args=[draft.pk]))
    text = page.content.decode()
    assert "Step 1 falls into 双十一封网" in text
    assert "Both read the new column." in text
