"""Every page, in both themes and languages and on a phone: no barrier, nothing sideways, no complaint."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.people import PHONE, Look, Visitor
from tests.e2e.portal import Portal

# Each page twice: between them the two looks have both themes, both languages and both widths.
LOOKS = [Look(), Look(language="zh-hans", theme="dark", width=PHONE)]

DASHBOARD = {
    "overview": "/",
    "services": "/services",
    "service": "/services/1",
    "rollout": "/rollouts/{rollout}",
    "audit": "/audit",
    "missing": "/nowhere",
}
ADMIN = {
    "board": "/admin/",
    "rollouts": "/admin/releases/rollout/",
    "decision": "/admin/releases/rollout/{rollout}/change/",
    "rollout-new": "/admin/releases/rollout/add/",
    "plans": "/admin/releases/rolloutplan/",
    "plan": "/admin/releases/rolloutplan/1/change/",
    "plan-new": "/admin/releases/rolloutplan/add/",
    "admin-services": "/admin/services/service/",
    "admin-service": "/admin/services/service/1/change/",
    "versions": "/admin/services/version/",
    "policy": "/admin/services/policy/1/change/",
    "users": "/admin/releases/user/",
    "user": "/admin/releases/user/1/change/",
    "tokens": "/admin/releases/apitoken/",
    "token-new": "/admin/releases/apitoken/add/",
    "audit-events": "/admin/releases/auditevent/",
    "audit-event": "/admin/releases/auditevent/1/change/",
    "password": "/admin/password_change/",
}

ASKS = {"rollout-new": "requester", "plan-new": "requester"}
"""Who opens the page, if not the administrator: asking for a release takes the role."""


@pytest.fixture(scope="session")
def rollout(portal: Portal) -> int:
    """Return the id of a release that is over, with snapshots and verdicts to show."""
    asked = portal.ask("payment", plan=portal.plan("e2e short", steps=[(50, 3), (100, 2)]))
    portal.approve(asked)
    portal.until(asked, states={"completed"}, seconds=60)
    return int(asked["id"])


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("name", [*DASHBOARD, *ADMIN])
def test_a_page_has_no_barrier_and_nothing_sticks_out(
    visit: Callable[..., Visitor], rollout: int, name: str, look: Look
) -> None:
    visitor = visit(ASKS.get(name, "admin"), look)
    visitor.go(({**DASHBOARD, **ADMIN})[name].format(rollout=rollout))
    visitor.shoot(name)
    assert visitor.barriers() == []
    assert visitor.sticks_out() == 0


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_log_in_page_has_no_barrier(visit: Callable[..., Visitor], look: Look) -> None:
    visitor = visit("", look)
    visitor.go("/admin/login/")
    visitor.shoot("log-in")
    assert visitor.barriers() == []
    assert visitor.sticks_out() == 0


def test_a_person_comes_from_the_dashboard_to_the_admin_and_back(visit: Callable[..., Visitor]) -> None:
    visitor = visit("approver")
    page = visitor.go("/")
    for name, heading in [
        ("Approvals", "Rollouts"),
        ("Plans", "Rollout plans"),
        ("Operations", "Operations"),
        ("Services", "Services"),
        ("Audit", "Audit"),
        ("Overview", "Overview"),
    ]:
        page.get_by_role("navigation").get_by_role("link", name=name).first.click()
        visitor.settle()
        assert heading in page.get_by_role("heading", level=1).inner_text()
