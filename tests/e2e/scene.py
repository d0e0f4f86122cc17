"""What the pages have to show: a release that is over, a running A/B test, a calendar, a change and a proposal that wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.e2e.people import Visitor
from tests.e2e.portal import Json, Portal

CHANNEL = "release desk"
_SPLIT = {"weight": 0, "bake_seconds": 3600, "sticky": {"header": "x-user-id", "percent": 50}}
SAID = {
    "reason": "Both ends of a new call.",
    "impact": "Everybody who orders.",
    "test_evidence": "All suites passed on the same images.",
    "rollback_note": "All traffic back; no data was changed.",
}
_RULE = {"kpi": "conversion", "maximum_seconds": 3600, "on_tie": "stable"}


@dataclass(frozen=True, slots=True)
class Scene:
    """Ids by noun, as the addresses of the pages name them."""

    rollout: int
    experiment: int
    train: int
    order: int
    change: int
    proposal: int
    freeze: int
    window: int
    holiday: int


@contextmanager
def scene(portal: Portal, *, admin: Visitor) -> Iterator[Scene]:
    """Bring everything about by the API and one form, and take back afterwards whatever would hold a later story up."""
    _tell(admin)
    done = portal.ask("payment", plan=portal.plan("e2e short", steps=[(50, 3), (100, 2)]))
    portal.approve(done)
    portal.until(done, states={"completed"}, seconds=60)
    experiment = _experiment(portal)
    train = _train(portal)
    order = portal.get("services/", name="order")["results"][0]["id"]
    change = _change(portal)
    proposal = _proposal(portal)
    made = _calendar(portal)
    yield Scene(
        rollout=done["id"],
        experiment=experiment["id"],
        train=train["id"],
        order=order,
        change=change["id"],
        proposal=proposal["id"],
        **{noun: row["id"] for noun, row in made.items()},
    )
    portal.end(experiment)
    portal.post(f"trains/{train['id']}/cancel/", by="requester", reason="Over.")
    portal.post(f"traffic-changes/{change['id']}/withdraw/", by="requester", reason="Over.")
    portal.post(f"proposals/{proposal['id']}/withdraw/", by="admin", reason="Over.")
    portal.post(f"freezes/{made['freeze']['id']}/lift/", by="admin", reason="Over.")
    for noun, path in (("window", "release-windows"), ("holiday", "holidays")):
        portal.delete(f"{path}/{made[noun]['id']}/", by="admin")


def _tell(admin: Visitor) -> None:
    """Add a channel whose variable nobody has set: its messages stay in the outbox with the reason."""
    page = admin.go("/admin/releases/notificationchannel/add/")
    page.get_by_label("Name").fill(CHANNEL)
    page.get_by_label("Kind").select_option("webhook")
    page.get_by_label("Variable with the address").fill("RELEASE_DESK_URL")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("table").get_by_role("link", name=CHANNEL)).to_be_visible()


def _experiment(portal: Portal) -> Json:
    name = "e2e A/B"
    if not portal.get("plans/", name=name)["results"]:
        portal.post(
            "plans/",
            by="requester",
            name=name,
            strategy="ab_test",
            steps=[_SPLIT],
            evidence={"policy": "guard", "interval_seconds": 2, "experiment": _RULE},
        )
    asked = portal.ask("product", plan=name, reason="Does the new page sell more?")
    portal.approve(asked)
    return portal.until(asked, states={"running"}, seconds=20)


def _train(portal: Portal) -> Json:
    """Leave it a draft: a service has one live rollout, and the other scenes need theirs."""
    plan = portal.plan("e2e train", steps=[(10, 600), (100, 600)])
    members = [
        {"service": name, "candidate": portal.candidate(name), "plan": plan} for name in ("order", "product")
    ]
    return portal.post("trains/", by="requester", name="checkout", members=members, **SAID)


def _change(portal: Portal) -> Json:
    phones = {"header": "x-platform", "exact": "ios", "to": "candidate"}
    return portal.post(
        "traffic-changes/",
        by="requester",
        service="order",
        spec={"candidate_weight": 10, "rules": [phones]},
        reason="Phones first, and a tenth of all others.",
    )


def _proposal(portal: Portal) -> Json:
    """Ask for two approvals where one is enough; it waits for a second administrator."""
    policy = portal.get("policies/")["results"][0]
    portal.patch(f"policies/{policy['id']}/", by="admin", approvals_needed=2)
    found: Json = portal.get("proposals/", state="open")["results"][0]
    return found


def _calendar(portal: Portal) -> dict[str, Json]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    freeze = portal.post(
        "freezes/",
        by="admin",
        name="Season sale",
        reason="Most orders of the year.",
        service="product",
        starts_at=(today + timedelta(days=2)).isoformat(),
        ends_at=(today + timedelta(days=4)).isoformat(),
    )
    window = portal.post(
        "release-windows/",
        by="admin",
        name="Office hours",
        service="order",
        starts_at=(today + timedelta(hours=1)).isoformat(),
        ends_at=(today + timedelta(hours=9)).isoformat(),
        rule="FREQ=DAILY",
        days="working",
    )
    day = (today + timedelta(days=5)).date().isoformat()
    holiday = portal.post("holidays/", by="admin", day=day, name="Stocktaking", working=False)
    return {"freeze": freeze, "window": window, "holiday": holiday}
