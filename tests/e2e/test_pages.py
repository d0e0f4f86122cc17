"""Every page, in both themes and languages and on a phone: no barrier, nothing sideways, no complaint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict

import pytest
from playwright.sync_api import expect

from tests.e2e.keyboard import walk
from tests.e2e.people import PHONE, WIDE, Browsers, Look, Visitor
from tests.e2e.portal import Portal
from tests.e2e.scene import Scene, scene

# Each page twice: between them the two looks have both themes, both languages and both widths.
LOOKS = [Look(), Look(language="zh-hans", theme="dark", width=PHONE)]

DASHBOARD = {
    "overview": "/",
    "services": "/services",
    "service": "/services/1",
    "rollout": "/rollouts/{rollout}",
    "rules": "/services/{order}/rules",
    "trains": "/trains",
    "train": "/trains/{train}",
    "train-new": "/trains/new",
    "experiments": "/experiments",
    "experiment": "/experiments/{experiment}",
    "calendar": "/calendar",
    "audit": "/audit",
    "missing": "/nowhere",
}
ADMIN = {
    "board": "/admin/",
    "approvals": "/admin/releases/rollout/?mine=needs-me",
    "rollouts": "/admin/releases/rollout/",
    "decision": "/admin/releases/rollout/{rollout}/change/",
    "decision-live": "/admin/releases/rollout/{experiment}/change/",
    "rollout-new": "/admin/releases/rollout/add/",
    "changes": "/admin/releases/trafficchange/",
    "change": "/admin/releases/trafficchange/{change}/change/",
    "change-new": "/admin/releases/trafficchange/add/?service=1",
    "freezes": "/admin/releases/freeze/",
    "freeze": "/admin/releases/freeze/{freeze}/change/",
    "freeze-new": "/admin/releases/freeze/add/",
    "windows": "/admin/releases/releasewindow/",
    "window": "/admin/releases/releasewindow/{window}/change/",
    "holidays": "/admin/releases/holiday/",
    "holiday": "/admin/releases/holiday/{holiday}/change/",
    "proposals": "/admin/releases/proposal/",
    "proposal": "/admin/releases/proposal/{proposal}/change/",
    "channels": "/admin/releases/notificationchannel/",
    "channel": "/admin/releases/notificationchannel/1/change/",
    "outbox": "/admin/releases/delivery/",
    "message": "/admin/releases/delivery/1/change/",
    "plans": "/admin/releases/rolloutplan/",
    "plan": "/admin/releases/rolloutplan/1/change/",
    "plan-new": "/admin/releases/rolloutplan/add/",
    "admin-services": "/admin/services/service/",
    "admin-service": "/admin/services/service/1/change/",
    "versions": "/admin/services/version/",
    "policy": "/admin/services/policy/1/change/",
    "clusters": "/admin/services/cluster/",
    "metrics": "/admin/services/metric/",
    "policies": "/admin/services/policy/",
    "snapshots": "/admin/releases/metricsnapshot/",
    "verdicts": "/admin/releases/verdict/",
    "users": "/admin/releases/user/",
    "user": "/admin/releases/user/1/change/",
    "tokens": "/admin/releases/apitoken/",
    "token-new": "/admin/releases/apitoken/add/",
    "audit-events": "/admin/releases/auditevent/",
    "audit-event": "/admin/releases/auditevent/1/change/",
    "roles": "/admin/releases/role/",
    "groups": "/admin/auth/group/",
    "limits": "/admin/services/rolloutlimit/",
    "limit-new": "/admin/services/rolloutlimit/add/",
    "standard-changes": "/admin/releases/standardchange/",
    "password": "/admin/password_change/",
    "confirm": "/confirm/?next=/admin/",
}

ASKS = {
    "rollout-new": "requester",
    "train-new": "requester",
    "plan-new": "requester",
    "change": "approver",
    "change-new": "requester",
    "approvals": "approver",
}
"""Who opens the page, if not the administrator: asking for a release takes the role, and so does deciding."""

WALKED = [
    *("overview", "service", "rollout", "rules", "experiment", "calendar", "audit"),
    *("board", "decision", "plan", "audit-events", "freeze-new"),
]
"""One page of each kind is walked by the Tab key alone."""


@pytest.fixture(scope="module")
def shown(portal: Portal, browsers: Browsers) -> Iterator[Scene]:
    """Return what there is to show; nothing of it holds up the stories of other files."""
    admin = browsers.open("admin", look=Look())
    with scene(portal, admin=admin) as made:
        yield made
    admin.close()


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("name", [*DASHBOARD, *ADMIN])
def test_a_page_has_no_barrier_and_nothing_sticks_out(
    visit: Callable[..., Visitor], shown: Scene, name: str, look: Look
) -> None:
    visitor = visit(ASKS.get(name, "admin"), look)
    visitor.go(({**DASHBOARD, **ADMIN})[name].format(**asdict(shown)))
    visitor.shoot(name)
    assert visitor.barriers() == []
    assert visitor.sticks_out() == 0


@pytest.mark.parametrize(
    ("name", "width"),
    [*((name, WIDE) for name in WALKED), *((name, PHONE) for name in ("overview", "rules", "decision"))],
)
def test_every_control_is_reached_by_keyboard_and_shows_it(
    visit: Callable[..., Visitor], shown: Scene, name: str, width: int
) -> None:
    visitor = visit("admin", Look(width=width))
    page = visitor.go(({**DASHBOARD, **ADMIN})[name].format(**asdict(shown)))
    assert walk(page) == []


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_the_log_in_page_has_no_barrier(visit: Callable[..., Visitor], look: Look) -> None:
    visitor = visit("", look)
    visitor.go("/admin/login/")
    visitor.shoot("log-in")
    assert visitor.barriers() == []
    assert visitor.sticks_out() == 0


@pytest.mark.parametrize("path", ["/", "/admin/"], ids=["dashboard", "admin"])
@pytest.mark.parametrize("width", [320, 768, 1024, 1100, 1200, 1280])
def test_the_bar_fits_every_window(visit: Callable[..., Visitor], path: str, width: int) -> None:
    visitor = visit("approver", Look(width=width))
    page = visitor.go(path)
    assert visitor.sticks_out() == 0
    assert page.locator(".nav").evaluate("bar => bar.scrollWidth - bar.clientWidth") == 0


WAYS = {
    "en": {
        "Services": "Services",
        "Trains": "Release trains",
        "Experiments": "Experiments",
        "Calendar": "Calendar",
        "Audit": "Audit",
        "Approvals": "Rollouts",
        "Plans": "Rollout plans",
        "Operations": "Operations",
        "Overview": "Overview",
    },
    "zh-hans": {
        "服务": "服务",
        "发布列车": "发布列车",
        "实验": "实验",
        "日历": "日历",
        "审计": "审计",
        "审批": "发布单",
        "发布计划": "发布计划",
        "运维后台": "运维后台",
        "概览": "概览",
    },
}
"""The entries of the bar and the heading each leads to."""


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("face", ["/", "/admin/"], ids=["dashboard", "admin"])
def test_every_entry_of_the_bar_leads_to_its_page(
    visit: Callable[..., Visitor], face: str, look: Look
) -> None:
    visitor = visit("approver", look)
    for name, heading in WAYS[look.language].items():
        page = visitor.go(face)
        if look.width == PHONE:
            page.get_by_label("菜单", exact=True).click()
        page.get_by_role("navigation").get_by_role("link", name=name).locator("visible=true").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        visitor.settle()


def test_the_rules_of_a_service_are_reached_from_its_page(visit: Callable[..., Visitor]) -> None:
    page = visit("operator").go("/services/1")
    page.get_by_role("link", name="Weights and rules").click()
    expect(page).to_have_url(re.compile(r"/services/1/rules$"))
