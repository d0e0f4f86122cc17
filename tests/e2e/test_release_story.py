"""A release as people live it: asked for, read, approved by somebody else, watched to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.people import PHONE, SETTLED_MS, Look, Visitor
from tests.e2e.portal import Json, Portal

Visit = Callable[..., Visitor]
QUICK = [(20, 4), (50, 4), (100, 3)]
SLOW = [(10, 600), (100, 60)]
TO_THE_END_MS = 90_000


@pytest.fixture
def asked(portal: Portal) -> Iterator[Callable[..., Json]]:
    """Ask for a release; whatever becomes of it, it is over after the story."""
    live: list[Json] = []

    def ask(service: str, *, name: str, steps: list[tuple[int, int]]) -> Json:
        live.append(portal.ask(service, plan=portal.plan(name, steps=steps)))
        return live[-1]

    yield ask
    for rollout in live:
        portal.end(rollout)


def test_an_approver_reads_the_difference_approves_and_watches_it_reach_everybody(
    visit: Visit, asked: Any, portal: Portal
) -> None:
    rollout = asked("product", name="e2e quick", steps=QUICK)
    approver = visit("approver")
    page = approver.go("/")
    attention = page.get_by_role("listitem").filter(has_text="product")
    approver.shoot("story-1-overview")
    attention.get_by_role("link").first.click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("product")
    expect(page.get_by_text("If you approve,")).to_contain_text("20 % of requests to product")
    difference = page.get_by_role("region", name="Difference, step 1")
    expect(difference).to_contain_text("weight: 20")
    page.get_by_role("tab", name="50 %").click()
    expect(page.get_by_role("region", name="Difference, step 2")).to_contain_text("weight: 50")
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_role("region", name="Difference side by side, step 2")).to_be_visible()
    page.get_by_role("button", name="Unified").click()
    page.get_by_role("button", name="Where does it go?").click()
    expect(page.locator("[data-answer]")).to_contain_text("20")
    approver.shoot("story-2-decision")

    page.get_by_label("Comment, stored with your vote").fill("Read every step; the split is right.")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("list", name="Approvals")).to_contain_text("approved", timeout=SETTLED_MS)

    row = approver.go("/").get_by_role("row").filter(has_text="product")
    expect(row).to_contain_text("50", timeout=TO_THE_END_MS)
    approver.shoot("story-3-overview-live")
    approver.go(f"/rollouts/{rollout['id']}")
    expect(page.get_by_text("What is next").or_(page.get_by_text("Why it has not moved on"))).to_be_visible()
    expect(page.get_by_role("heading", level=1).locator("..")).to_contain_text(
        "Completed", timeout=TO_THE_END_MS
    )
    approver.shoot("story-4-completed")

    row = approver.go("/").get_by_role("row").filter(has_text="product")
    expect(row.get_by_text(rollout["candidate"]["name"]).first).to_be_visible()
    approver.shoot("story-5-overview-after")
    found = portal.get("audit/", rollout=rollout["id"], action="approve")["results"]
    assert [event["actor"] for event in found] == ["approver"]


def test_a_requester_sees_why_the_decision_is_somebody_elses(visit: Visit, asked: Any) -> None:
    rollout = asked("product", name="e2e slow", steps=SLOW)
    requester = visit("requester")
    page = requester.go(f"/admin/releases/rollout/{rollout['id']}/change/")
    approve = page.get_by_role("button", name="Approve")
    expect(approve).to_have_attribute("aria-disabled", "true")
    expect(approve).to_have_accessible_description(
        "You asked for this rollout, so somebody else has to decide."
    )
    approve.focus()
    expect(approve).to_be_focused()
    approve.click(force=True)
    expect(page.get_by_text("Waiting for approval").first).to_be_visible()
    requester.shoot("requester-decision")


def test_an_approver_approves_on_a_phone_in_chinese(visit: Visit, asked: Any, portal: Portal) -> None:
    rollout = asked("product", name="e2e slow", steps=SLOW)
    approver = visit("second_approver", Look(language="zh-hans", theme="dark", width=PHONE))
    page = approver.go("/admin/")
    approver.shoot("phone-1-board")
    page.get_by_role("link", name="打开审批页面").first.click()
    expect(page.get_by_text("批准后，")).to_contain_text("10 % 请求")
    assert approver.sticks_out() == 0
    approver.shoot("phone-2-decision")
    approver.shoot("phone-3-decision-bar", whole=False)
    page.get_by_label("意见，随投票一同保存").fill("已逐步看过变更。")
    page.get_by_role("button", name="批准").tap()
    expect(page.get_by_role("list", name="审批")).to_contain_text("已批准")
    approver.shoot("phone-4-approved", whole=False)
    after = portal.until(rollout, states={"approved", "running"}, seconds=10)
    assert [vote["reason"] for vote in after["approvals"]] == ["已逐步看过变更。"]


def test_the_decision_bar_locks_when_the_content_changes_under_it(
    visit: Visit, asked: Any, portal: Portal
) -> None:
    rollout = asked("product", name="e2e slow", steps=SLOW)
    approver = visit("approver")
    page = approver.go(f"/admin/releases/rollout/{rollout['id']}/change/")
    expect(page.get_by_role("button", name="Approve")).not_to_have_attribute("aria-disabled", "true")
    path = f"rollouts/{rollout['id']}"
    portal.post(f"{path}/withdraw/", by="requester", reason="One word was wrong.")
    portal.patch(f"{path}/", by="requester", impact="Everybody, and the shop's partners.")
    portal.post(f"{path}/submit/", by="requester")
    expect(page.get_by_role("alert")).to_contain_text("out of date")
    expect(page.get_by_role("button", name="Approve")).to_have_attribute("aria-disabled", "true")
    approver.shoot("decision-locked", whole=False)
    page.get_by_role("link", name="Read it again").click()
    expect(page.get_by_role("button", name="Approve")).not_to_have_attribute("aria-disabled", "true")


def test_a_bad_release_is_back_before_anybody_looks_and_says_why(
    visit: Visit, asked: Any, portal: Portal, fault: Any
) -> None:
    rollout = asked("order", name="e2e wide", steps=[(50, 90), (100, 5)])
    fault("order", rollout["candidate"]["name"], "--errors", "0.5")
    portal.approve(rollout)
    operator = visit("operator")
    page = operator.go(f"/rollouts/{rollout['id']}")
    heading = page.get_by_role("heading", level=1).locator("..")
    expect(heading).to_contain_text("Rolled back", timeout=TO_THE_END_MS)
    expect(page.get_by_text("A guard failed").first).to_be_visible()
    operator.shoot("bad-rollout")
    page = operator.go("/")
    expect(page.get_by_role("listitem").filter(has_text="order").first).to_contain_text("was rolled back")
    operator.shoot("bad-overview")
    page.get_by_role("row").filter(has_text="order").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("order", timeout=SETTLED_MS)
    operator.settle()
    operator.shoot("bad-service")


def test_an_operator_pauses_by_keyboard_alone_and_gives_the_reason(
    visit: Visit, asked: Any, portal: Portal
) -> None:
    rollout = asked("payment", name="e2e slow", steps=SLOW)
    portal.approve(rollout)
    portal.until(rollout, states={"running"}, seconds=15)
    operator = visit("operator")
    page = operator.go(f"/rollouts/{rollout['id']}")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to content")
    pause = page.get_by_role("button", name="Pause")
    pause.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    dialog.get_by_role("textbox").fill("Looking at the logs first.")
    page.keyboard.press("Tab")
    dialog.get_by_role("button", name="Pause").press("Enter")
    expect(page.get_by_role("heading", level=1).locator("..")).to_contain_text("Paused")
    operator.shoot("operator-paused")
    assert portal.get(f"rollouts/{rollout['id']}/")["state"] == "paused"
