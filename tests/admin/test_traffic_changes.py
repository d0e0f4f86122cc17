"""The pages on which a change of traffic is decided and applied, and the button that gives everything back."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from istio.mesh import VIRTUAL_SERVICE, Ref, Unreachable
from istio.weights import weights_of
from releases import flow
from releases.domain.traffic_change import ChangeEvent
from releases.models import TrafficChange, User
from tests.admin.world import World, actor

SignIn = Callable[[User], Client]
BASE = "/admin/releases/trafficchange/"


def asked(world: World, weight: int = 20) -> TrafficChange:
    rules = [{"name": "testers", "header": "x-tester", "exact": "1"}]
    return flow.request_change(
        service=world.service("product"),
        spec={"candidate_weight": weight, "rules": rules},
        reason="Try it on <b>few</b>.",
        by=actor(world.requester),
    )


def post(client: Client, change: TrafficChange, event: str, **body: str) -> str:
    answer = client.post(
        f"{BASE}{change.pk}/events/{event}/", {"fingerprint": change.fingerprint, **body}, follow=True
    )
    change.refresh_from_db()
    return answer.content.decode()


def configured(world: World) -> dict[str, float]:
    return weights_of(
        world.mesh.get(Ref(VIRTUAL_SERVICE, "shop", "product")), host="product", namespace="shop"
    )


def test_the_decision_page_shows_what_would_be_written_and_escapes_what_was_said(
    world: World, sign_in: SignIn
) -> None:
    change = asked(world)
    html = sign_in(world.approver).get(f"{BASE}{change.pk}/change/").content.decode()
    assert "weir-primary.testers" in html
    assert "20 % of ordinary requests to product" in html
    assert "&lt;b&gt;few&lt;/b&gt;" in html
    assert 'data-dialog="ask-approve"' in html


def test_who_asked_sees_why_they_may_not_approve(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    html = sign_in(world.requester).get(f"{BASE}{change.pk}/change/").content.decode()
    assert 'data-dialog="ask-approve"' not in html
    assert "You asked for this change" in post(sign_in(world.requester), change, "approve")
    assert change.state == "pending"


def test_it_is_approved_and_applied_on_the_page(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    post(sign_in(world.approver), change, "approve", reason="read it")
    assert change.state == "approved"
    post(sign_in(world.operator), change, "apply", reason="now")
    assert (change.state, configured(world)["v2"]) == ("applied", 20)


def test_a_vote_on_other_content_is_refused_in_words(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    assert "Read what changed" in post(sign_in(world.approver), change, "approve", fingerprint="0" * 64)
    assert change.state == "pending"


def test_the_open_page_learns_that_it_is_out_of_date(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    watched = sign_in(world.approver).get(f"{BASE}{change.pk}/watch/").json()
    assert (watched["state"], watched["fingerprint"]) == ("pending", change.fingerprint)


def test_a_page_without_a_mesh_says_so(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    world.mesh.fail_next(Unreachable("the cluster is away"), on="list", times=5)
    answer = sign_in(world.approver).get(f"{BASE}{change.pk}/change/")
    assert answer.status_code == 200
    assert "the cluster is away" in answer.content.decode()


def test_the_list_and_the_board_show_what_waits(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    client = sign_in(world.approver)
    assert str(change) in client.get(BASE).content.decode()
    assert f"{BASE}{change.pk}/change/" in client.get("/admin/").content.decode()
    assert f"{BASE}{change.pk}/change/" not in sign_in(world.requester).get("/admin/").content.decode()


def test_one_button_of_the_services_page_gives_everything_back(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    flow.perform_change(change, ChangeEvent.APPROVE, by=actor(world.approver), fingerprint=change.fingerprint)
    flow.perform_change(change, ChangeEvent.APPLY, by=actor(world.operator))
    client = sign_in(world.operator)
    page = client.get(f"/admin/services/service/{change.service_id}/change/").content.decode()
    assert "All back to v1" in page
    answer = client.post(
        f"{BASE}all-back/{change.service_id}/", {"version": str(change.stable_id)}, follow=True
    )
    assert answer.status_code == 200
    assert configured(world) == {"v1": 100, "v2": 0}


@pytest.mark.parametrize("event", ["done", "give_up", "nonsense"])
def test_weirs_own_events_are_no_buttons(world: World, sign_in: SignIn, event: str) -> None:
    change = asked(world)
    client = sign_in(world.operator)
    answer = client.post(f"{BASE}{change.pk}/events/{event}/")
    change.refresh_from_db()
    assert change.state == "pending"
    assert answer.status_code in {302, 404}


def test_nobody_changes_anything_by_reading(world: World, sign_in: SignIn) -> None:
    change = asked(world)
    assert sign_in(world.operator).get(f"{BASE}{change.pk}/events/apply/").status_code == 405
