"""What is told and asked when votes do not wait, and when the calendar closes: an emergency and its review, a freeze and the way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import Visitor
from tests.e2e.portal import Json, Portal
from tests.lab.lab import RunningLab

Visit = Callable[..., Visitor]
SLOW = [(10, 600), (100, 60)]
WHY = "The checkout fails for everybody since 09:12."
HELD_MS = 90_000


@pytest.fixture
def drafted(portal: Portal) -> Iterator[Callable[[str], Json]]:
    """Write a request down; whatever becomes of it, it is over after the story."""
    live: list[Json] = []

    def draft(service: str) -> Json:
        live.append(portal.draft(service, plan=portal.plan("e2e emergency", steps=SLOW), reason="The fix."))
        return live[-1]

    yield draft
    for rollout in live:
        portal.end(rollout)


def page_of(rollout: Json) -> str:
    return f"/admin/releases/rollout/{rollout['id']}/change/"


def declare(page: Page, *, service: str, reason: str = WHY) -> None:
    """Fill in what an emergency asks for, and press the button of its dialog."""
    page.get_by_role("button", name="Release in an emergency").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Type the name of the service").fill(service)
    dialog.get_by_label("Incident").fill("INC-7")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name="Release in an emergency").click()


def let_a_day_pass(lab: RunningLab, rollout: Json) -> None:
    """Put the review of an emergency back by a day in the lab's database: nobody waits for it in a story."""
    due = (datetime.now(UTC) - timedelta(minutes=1)).strftime("%Y-%m-%d %H:%M:%S.%f")
    with sqlite3.connect(lab.state / "weir.sqlite3", timeout=20) as database:
        database.execute(
            "UPDATE releases_emergencyrelease SET due_at = ? WHERE rollout_id = ?", (due, rollout["id"])
        )


def test_an_emergency_starts_at_once_and_is_told_to_everyone(
    visit: Visit, drafted: Any, portal: Portal
) -> None:
    rollout = drafted("payment")
    operator = visit("operator")
    page = operator.go(page_of(rollout))
    declare(page, service="payment", reason="Too short")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    declare(page, service="orders")
    expect(page.get_by_text("Type the name of the service, to be sure.").first).to_be_visible()
    declare(page, service="payment")
    expect(page.get_by_text("starts without votes").first).to_be_visible()
    banner = page.get_by_role("note").filter(has_text="Emergency release for INC-7, declared by Operator")
    expect(banner).to_contain_text(WHY)
    expect(banner.get_by_role("button", name="Review it")).to_have_count(0)
    operator.shoot("emergency-1-declared")
    portal.until(rollout, states={"running"}, seconds=30)

    everyone = visit("auditor")
    seen = everyone.go("/")
    told = seen.get_by_role("listitem").filter(has_text="was released in an emergency")
    expect(told.filter(has_text="INC-7").first).to_be_visible()
    expect(seen.get_by_role("row").filter(has_text="payment").get_by_text("Emergency")).to_be_visible()
    everyone.shoot("emergency-2-overview")
    seen = everyone.go(f"/rollouts/{rollout['id']}")
    note = seen.get_by_role("region", name="Emergency release for INC-7")
    expect(note).to_contain_text("Somebody else reviews it by")
    assert everyone.barriers() == []
    expect(everyone.go("/admin/").get_by_text("for INC-7, declared by").first).to_be_visible()
    portal.post(
        f"rollouts/{rollout['id']}/review/", by="approver", outcome="justified", findings="It was down."
    )


def test_an_overdue_review_blocks_the_next_emergency_until_somebody_else_reviewed_it(
    visit: Visit, drafted: Any, portal: Portal, lab: RunningLab
) -> None:
    rollout, other = drafted("payment"), drafted("order")
    declared = {"emergency": True, "incident": "INC-8", "reason": WHY}
    portal.post(f"rollouts/{rollout['id']}/submit/", by="operator", service_name="payment", **declared)
    let_a_day_pass(lab, rollout)
    page = visit("operator").go(page_of(other))
    declare(page, service="order")
    expect(page.get_by_text("is overdue; no other begins before it is done").first).to_be_visible()
    assert portal.get(f"rollouts/{other['id']}/")["state"] == "draft"

    approver = visit("approver")
    review = approver.go("/").get_by_role("listitem").filter(has_text="INC-8")
    expect(review).to_contain_text("The review was due at")
    review.get_by_role("link", name="Review it").click()
    approver.page.get_by_role("button", name="Review it").click()
    dialog = approver.page.get_by_role("dialog")
    dialog.get_by_label("Outcome").select_option("justified")
    dialog.get_by_label("Findings").fill("Payments were down; the fix was the only way.")
    dialog.get_by_role("button", name="Store the review").click()
    expect(approver.page.get_by_role("note").filter(has_text="INC-8")).to_contain_text("Reviewed by")
    approver.shoot("emergency-3-reviewed")
    found = portal.get("audit/", rollout=rollout["id"], action="review_emergency")["results"]
    assert [event["actor"] for event in found] == ["approver"]

    begun = portal.post(f"rollouts/{other['id']}/submit/", by="operator", service_name="order", **declared)
    assert begun["state"] == "approved"
    portal.post(f"rollouts/{other['id']}/review/", by="approver", outcome="justified", findings="Part of it.")


@pytest.fixture
def frozen(portal: Portal) -> Iterator[Callable[[str], Json]]:
    """Freeze a service now; two people lift it after the story."""
    made: list[Json] = []

    def freeze(service: str) -> Json:
        now = datetime.now(UTC)
        made.append(
            portal.post(
                "freezes/",
                by="admin",
                name="Closing of the books",
                reason="Nobody moves while they are counted.",
                service=service,
                starts_at=now.isoformat(),
                ends_at=(now + timedelta(hours=2)).isoformat(),
            )
        )
        return made[-1]

    yield freeze
    for row in made:
        lifted = portal.post(f"freezes/{row['id']}/lift/", by="admin", reason="They are counted.")
        proposal = lifted["open_proposals"][0]["id"]
        portal.post(f"proposals/{proposal}/approve/", by="approver", reason="Yes.")


def test_a_freeze_over_a_later_step_holds_it_and_says_so_while_the_way_back_stays_open(
    visit: Visit, portal: Portal, frozen: Any
) -> None:
    plan = portal.plan("e2e frozen", steps=[(10, 15), (50, 600), (100, 60)])
    rollout = portal.ask("order", plan=plan)
    try:
        portal.approve(rollout)
        portal.until_step(rollout, step=0, seconds=20)
        frozen("order")
        operator = visit("operator")
        page = operator.go(f"/rollouts/{rollout['id']}")
        expect(page.get_by_text("Closing of the books").first).to_be_visible(timeout=HELD_MS)
        now = portal.get(f"rollouts/{rollout['id']}/")
        assert (now["state"], now["current_step"], now["reason_code"]) == ("running", 0, "held_by_freeze")
        operator.shoot("freeze-1-held")
        admin = operator.go(page_of(rollout))
        expect(admin.get_by_role("note").filter(has_text="The calendar stands in the way")).to_contain_text(
            "Closing of the books"
        )
        operator.go(f"/rollouts/{rollout['id']}")
        page.get_by_role("button", name="Roll back").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("textbox").fill("Not before the books are closed.")
        dialog.get_by_role("button", name="Roll back").click()
        heading = page.get_by_role("heading", level=1).locator("..")
        expect(heading).to_contain_text("Rolled back", timeout=HELD_MS)
        operator.shoot("freeze-2-rolled-back")
        assert (
            portal.get("services/", name="order")["results"][0]["stable"]["name"] == rollout["stable"]["name"]
        )
    finally:
        portal.end(rollout)
