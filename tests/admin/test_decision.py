"""The decision page: what it shows in each state, what may be done on it, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.text import capfirst

from istio.mesh import Manifest, Unreachable
from releases import flow
from releases.domain.roles import RoleName
from releases.domain.states import Event, State
from releases.models import AuditEvent, Rollout
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor, group, person

MOST_QUERIES = 60


def page_of(rollout: Rollout) -> str:
    return reverse("admin:releases_rollout_change", args=[rollout.pk])


def event_of(rollout: Rollout, event: Event) -> str:
    return reverse("admin:releases_rollout_event", args=[rollout.pk, event.slug])


def buttons(html: str) -> dict[str, bool]:
    """Return the label of each button of the decision bar, and whether it is allowed."""
    bar = html[html.index('class="decide"') : html.index("</section>", html.index('class="decide"'))]
    found = re.findall(
        r"<(?:button|a)([^>]*class=\"btn big[^>]*)>.*?</svg>([^<]+)</(?:button|a)>", bar, re.DOTALL
    )
    return {unescape(label).strip(): 'aria-disabled="true"' not in attributes for attributes, label in found}


def said(client: Client, url: str, **posted: str) -> str:
    """Post and return what the page says then."""
    response = client.post(url, posted)
    assert response.status_code == 302, response.content[:500]
    return " ".join(str(message) for message in get_messages(response.wsgi_request))


def _rejected(world: World) -> Rollout:
    return flow.perform(world.pending(), Event.REJECT, by=actor(world.approver), why="too late today")


def _cancelled(world: World) -> Rollout:
    return flow.perform(world.draft(), Event.CANCEL, by=actor(world.requester))


def _paused(world: World) -> Rollout:
    return flow.perform(world.running(), Event.PAUSE, by=actor(world.operator), why="lunch")


STATES: dict[State, Callable[[World], Rollout]] = {
    State.DRAFT: lambda world: world.draft(),
    State.PENDING: lambda world: world.pending(),
    State.APPROVED: lambda world: world.approved(),
    State.RUNNING: lambda world: world.running(),
    State.PAUSED: _paused,
    State.ROLLED_BACK: lambda world: world.running(error_ratio=0.3, pulses=8),
    State.COMPLETED: lambda world: world.running(pulses=60),
    State.REJECTED: _rejected,
    State.CANCELLED: _cancelled,
}


@pytest.mark.parametrize("state", STATES, ids=[state.value for state in STATES])
def test_the_page_shows_each_state_with_a_fixed_number_of_queries(
    world: World, sign_in: SignIn, state: State
) -> None:
    rollout = STATES[state](world)
    assert rollout.state == state
    client = sign_in(world.operator)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get(page_of(rollout))
    html = response.content.decode()
    assert response.status_code == 200
    assert capfirst(rollout.get_state_display()) in html
    assert len(queries) <= MOST_QUERIES, [query["sql"][:200] for query in queries]


def test_more_history_costs_no_more_queries(world: World, sign_in: SignIn) -> None:
    rollout = world.running(pulses=3)
    client = sign_in(world.operator)
    client.get(page_of(rollout))
    with CaptureQueriesContext(connection) as few:
        client.get(page_of(rollout))
    world.pulse(rollout, times=3)
    with CaptureQueriesContext(connection) as many:
        client.get(page_of(rollout))
    assert rollout.verdicts.count() > 4
    assert len(many) == len(few)


def test_the_sentence_says_who_goes_where_and_what_brings_them_back(world: World, sign_in: SignIn) -> None:
    html = sign_in(world.approver).get(page_of(world.pending())).content.decode()
    text = re.sub(r"<[^>]+>", "", html)
    assert "If you approve, 5 % of requests to product go to v2 at once, then 50 and 100 % by" in text
    assert "if a guard fails, all traffic returns to v1 in one write." in text


def test_a_drift_is_shown_on_three_sides_place_by_place(world: World, sign_in: SignIn) -> None:
    rollout = world.running()

    def change(document: Manifest) -> None:
        for entry, weight in zip(document["spec"]["http"][0]["route"], (40, 60), strict=True):
            entry["weight"] = weight

    world.mesh.edit(rollout.service.virtual_service_ref, change)
    world.pulse(rollout, times=3)
    html = sign_in(world.viewer).get(page_of(rollout)).content.decode()
    (row,) = re.findall(r"<tr><th[^>]*>http\[primary\]/weights/v2</th>(.*?)</tr>", html)
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == ["–", "5", "60"]


def test_the_difference_shows_each_step_with_glyphs(world: World, sign_in: SignIn) -> None:
    html = sign_in(world.approver).get(page_of(world.pending())).content.decode()
    assert html.count('role="tabpanel"') == 3
    removed = r'<div class="d"><span>\d+</span><span></span><span>−</span><span>\s*weight: 100</span></div>'
    added = r'<div class="a"><span></span><span>\d+</span><span>\+</span><span>\s*weight: 95</span></div>'
    assert re.search(removed, html)
    assert re.search(added, html)


def test_a_voided_vote_stays_visible_with_its_reason(world: World, sign_in: SignIn) -> None:
    rollout = world.approved()
    flow.perform(rollout, Event.REVOKE, by=actor(world.approver), why="saw an alert")
    html = sign_in(world.requester).get(page_of(rollout)).content.decode()
    assert "Approver (approved)" in html
    assert "saw an alert" in html


def test_a_required_group_has_a_named_slot_until_one_of_it_voted(world: World, sign_in: SignIn) -> None:
    sre = group("SRE", world.operator)
    world.policy.required_groups.add(sre)
    rollout = world.pending()
    client = sign_in(world.operator)
    assert "<b>SRE</b>" in client.get(page_of(rollout)).content.decode()
    said(client, event_of(rollout, Event.APPROVE), fingerprint=rollout.fingerprint)
    html = client.get(page_of(rollout)).content.decode()
    assert "<b>SRE</b>" not in html
    assert "<b>Operator</b>" in html


def test_a_cluster_that_does_not_answer_leaves_the_page_without_preview(
    world: World, sign_in: SignIn
) -> None:
    rollout = world.draft()
    world.mesh.fail_next(Unreachable("The Kubernetes API of test does not answer."))
    html = sign_in(world.requester).get(page_of(rollout)).content.decode()
    assert "What would be written can not be shown" in html
    assert "does not answer" in html


def test_an_approver_approves_what_was_shown(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    client = sign_in(world.approver)
    assert buttons(client.get(page_of(rollout)).content.decode())["Approve"]
    message = said(
        client, event_of(rollout, Event.APPROVE), fingerprint=rollout.fingerprint, reason="read it"
    )
    rollout.refresh_from_db()
    assert rollout.state == State.APPROVED
    assert rollout.approvals.get().reason == "read it"
    assert "Approved" in message


def test_a_stale_fingerprint_is_refused_and_nothing_changes(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    message = said(sign_in(world.approver), event_of(rollout, Event.APPROVE), fingerprint="0" * 64)
    revision = rollout.revision
    rollout.refresh_from_db()
    assert "Read what changed and decide again" in message
    assert (rollout.state, rollout.revision) == (State.PENDING, revision)
    assert not rollout.approvals.exists()
    assert _refused(rollout, Event.APPROVE, by=world.approver.username)


def test_the_requester_cannot_approve(world: World, sign_in: SignIn) -> None:
    both = person("both", RoleName.REQUESTER, RoleName.APPROVER)
    rollout = world.pending(by=both)
    client = sign_in(both)
    html = client.get(page_of(rollout)).content.decode()
    assert buttons(html)["Approve"] is False
    said(client, event_of(rollout, Event.APPROVE), fingerprint=rollout.fingerprint)
    rollout.refresh_from_db()
    assert rollout.state == State.PENDING
    assert not rollout.approvals.exists()
    assert _refused(rollout, Event.APPROVE, by="both")


def test_a_superuser_who_asked_cannot_approve(world: World, sign_in: SignIn) -> None:
    root = person("root", RoleName.REQUESTER, RoleName.APPROVER, is_superuser=True)
    rollout = world.pending(by=root)
    client = sign_in(root)
    assert buttons(client.get(page_of(rollout)).content.decode())["Approve"] is False
    said(client, event_of(rollout, Event.APPROVE), fingerprint=rollout.fingerprint)
    rollout.refresh_from_db()
    assert rollout.state == State.PENDING
    assert not rollout.approvals.exists()


def test_who_has_no_role_reads_the_page_and_may_do_nothing(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    client = sign_in(world.viewer)
    shown = buttons(client.get(page_of(rollout)).content.decode())
    assert shown
    assert not any(shown.values())
    said(client, event_of(rollout, Event.REJECT), reason="no")
    rollout.refresh_from_db()
    assert rollout.state == State.PENDING


def test_a_disabled_button_says_why(world: World, sign_in: SignIn) -> None:
    html = sign_in(world.viewer).get(page_of(world.pending())).content.decode()
    why = re.search(r'<small id="w-approve">([^<]+)</small>', html)
    assert why
    assert "approver" in why[1]


def test_rejecting_needs_a_reason(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    client = sign_in(world.approver)
    assert "says why" in said(client, event_of(rollout, Event.REJECT), reason="  ")
    said(client, event_of(rollout, Event.REJECT), reason="too late today")
    rollout.refresh_from_db()
    assert rollout.state == State.REJECTED


@pytest.mark.parametrize("who", ["requester", "approver", "operator"])
def test_rolling_back_is_offered_to_everybody_who_takes_part(world: World, sign_in: SignIn, who: str) -> None:
    rollout = world.running()
    client = sign_in(getattr(world, who))
    html = client.get(page_of(rollout)).content.decode()
    assert buttons(html)["Roll back"]
    assert 'id="ask-rollback"' in html
    said(client, event_of(rollout, Event.ROLL_BACK), reason="customers complain")
    rollout.refresh_from_db()
    assert rollout.state in {State.ROLLING_BACK, State.ROLLED_BACK}


def test_setting_the_weight_takes_the_number_of_the_dialog(world: World, sign_in: SignIn) -> None:
    rollout = world.running()
    client = sign_in(world.operator)
    assert 'name="weight"' in client.get(page_of(rollout)).content.decode()
    said(client, event_of(rollout, Event.SET_WEIGHT), weight="2", reason="carefully")
    world.pulse(rollout, times=2)
    assert rollout.step_runs.get().written == 2


def test_an_event_that_the_engine_alone_causes_is_refused(world: World, sign_in: SignIn) -> None:
    rollout = world.running()
    said(sign_in(world.operator), event_of(rollout, Event.COMPLETE))
    rollout.refresh_from_db()
    assert rollout.state == State.RUNNING


def test_events_are_posted_with_a_token_only(world: World) -> None:
    rollout = world.pending()
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.approver)
    url = event_of(rollout, Event.APPROVE)
    assert client.get(url).status_code == 405
    assert client.post(url, {"fingerprint": rollout.fingerprint}).status_code == 403
    assert not rollout.approvals.exists()


def test_the_open_page_can_watch_the_fingerprint_in_one_query(world: World, sign_in: SignIn) -> None:
    rollout = world.pending()
    client = sign_in(world.approver)
    url = reverse("admin:releases_rollout_watch", args=[rollout.pk])
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(url).json()
    assert answer["fingerprint"] == rollout.fingerprint
    assert answer["state"] == "pending"
    assert len(queries) <= 3  # the session, the person, the row


def test_the_tester_says_where_a_request_goes(world: World, sign_in: SignIn) -> None:
    steps: list[dict[str, Any]] = [
        {
            "weight": 0,
            "bake_seconds": 30,
            "rules": [{"header": "x-user-id", "users": ["42"], "to": "candidate"}],
        },
        {"weight": 100, "bake_seconds": 30},
    ]
    world.plan = flow.save_plan(
        name="by user", steps=steps, evidence={"policy": "guard"}, by=actor(world.requester)
    )
    client = sign_in(world.approver)
    url = reverse("admin:releases_rollout_try", args=[world.pending().pk])
    chosen = client.get(url, {"path": "/", "user": "42"}).content.decode()
    other = client.get(url, {"path": "/", "user": "43"}).content.decode()
    assert re.search(r"goes to <b>v2</b>, by route weir-", chosen)
    assert re.search(r"goes to <b>v1</b>, by route primary", other)


def test_what_the_tester_answers_is_escaped(world: World, sign_in: SignIn) -> None:
    url = reverse("admin:releases_rollout_try", args=[world.pending().pk])
    html = sign_in(world.approver).get(url, {"path": "/<script>", "headers": "x: <b>"}).content.decode()
    assert "<script>" not in html


def test_a_rollout_that_is_not_there_is_not_found(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.viewer)
    for address in ("999", "x"):
        assert client.get(reverse("admin:releases_rollout_change", args=[address])).status_code == 404
    assert client.post(reverse("admin:releases_rollout_event", args=["999", "approve"])).status_code == 404
    assert (
        client.post(reverse("admin:releases_rollout_event", args=[world.draft().pk, "explode"])).status_code
        == 404
    )


def _refused(rollout: Rollout, event: Event, *, by: str) -> bool:
    events = AuditEvent.objects.filter(rollout=rollout, action=event.value, actor=by)
    return [event.outcome for event in events] == [AuditEvent.Outcome.REFUSED]
