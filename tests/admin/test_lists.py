"""Lists and the board: what they show, that they stay fast, and that nothing audited can be changed."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from istio.mesh import Unreachable
from releases import flow
from releases.admin import records
from releases.domain.states import Event
from releases.models import AuditEvent, MetricSnapshot, Rollout, Verdict, guards
from tests.admin.conftest import SignIn
from tests.admin.world import World, actor, person

LISTS = [
    "releases_rollout",
    "releases_rolloutplan",
    "releases_auditevent",
    "releases_metricsnapshot",
    "releases_verdict",
    "releases_proposal",
    "releases_standardchange",
    "releases_user",
    "releases_role",
    "releases_apitoken",
    "services_cluster",
    "services_service",
    "services_version",
    "services_metric",
    "services_policy",
    "auth_group",
]


def list_of(name: str, query: str = "") -> str:
    return reverse(f"admin:{name}_changelist") + query


@pytest.mark.parametrize("name", LISTS)
def test_every_list_opens_for_the_operator(world: World, sign_in: SignIn, name: str) -> None:
    world.running()
    response = sign_in(world.operator).get(list_of(name))
    assert response.status_code == 200
    assert 'name="action"' not in response.content.decode()


def test_no_list_has_an_action() -> None:
    with_actions = [model for model, owner in admin.site._registry.items() if owner.actions is not None]
    assert with_actions == []


@pytest.mark.parametrize(
    "name", ["releases_rollout", "releases_auditevent", "services_version", "releases_verdict"]
)
def test_more_rows_cost_no_more_queries(world: World, sign_in: SignIn, name: str) -> None:
    world.running("product")
    client = sign_in(world.operator)
    client.get(list_of(name))
    with CaptureQueriesContext(connection) as few:
        client.get(list_of(name))
    for service in ("order", "payment"):
        world.running(service)
    with CaptureQueriesContext(connection) as many:
        client.get(list_of(name))
    assert len(many) == len(few), [query["sql"][:160] for query in many]


def many_events(count: int) -> None:
    """A trail of this length, written past the chain by an owner of the database who took the guards off."""
    head = AuditEvent.objects.order_by("-seq").first()
    assert head is not None
    guards.remove(connection)
    AuditEvent.objects.bulk_create(
        AuditEvent(
            **{
                field.attname: getattr(head, field.attname)
                for field in AuditEvent._meta.concrete_fields
                if field.attname not in {"id", "seq", "prev", "hash"}
            },
            seq=head.seq + number,
            prev=f"{number:064x}",
            hash=f"{number:064d}",
        )
        for number in range(1, count + 1)
    )
    guards.install(connection)


@pytest.mark.parametrize("query", ["", "?q=operator", "?outcome__exact=done", "?p=2"])
def test_a_long_trail_is_read_by_as_many_queries_and_never_counted_whole(
    world: World, sign_in: SignIn, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PAGES_AHEAD", 2)
    world.running()
    client = sign_in(world.operator)
    url = list_of("releases_auditevent", query)
    client.get(url)
    with CaptureQueriesContext(connection) as few:
        client.get(url)
    many_events(600)
    with CaptureQueriesContext(connection) as many:
        page = client.get(url)
    assert page.status_code == 200
    assert len(many) <= len(few), [found["sql"][:160] for found in many]
    counts = [found["sql"] for found in many if "COUNT(" in found["sql"] and "auditevent" in found["sql"]]
    assert counts, "the pages are counted, up to the limit"
    ahead = 2 + int(query.partition("p=")[2] or 1)
    assert all(f"LIMIT {50 * ahead}" in sql for sql in counts), counts


@pytest.mark.parametrize("query", ["", "?outcome__exact=done", "?p=2", "?channel=api"])
def test_the_plan_of_a_page_of_the_trail_reads_an_index(world: World, sign_in: SignIn, query: str) -> None:
    """With a trail of any length: the newest rows come from an index, and nothing sorts or scans all of them."""
    world.running()
    many_events(600)
    client = sign_in(world.operator)
    with CaptureQueriesContext(connection) as asked:
        assert client.get(list_of("releases_auditevent", query)).status_code == 200
    rows = [
        found["sql"]
        for found in asked
        if found["sql"].startswith("SELECT") and 'FROM "releases_auditevent"' in found["sql"]
    ]
    assert rows
    for sql in rows:
        plan = explained(sql)
        assert "TEMP B-TREE" not in plan, (sql, plan)
        assert "Seq Scan on releases_auditevent" not in plan, (sql, plan)
        assert not re.search(r"SCAN releases_auditevent(?! USING)", plan) or "ORDER BY" not in sql, (
            sql,
            plan,
        )


def explained(sql: str) -> str:
    """What the database would do. PostgreSQL is told that reading all rows is dear, as it is when there are a million."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(row[-1]) for row in cursor.fetchall())


def test_the_board_shows_what_waits_for_me(world: World, sign_in: SignIn) -> None:
    world.pending("product")
    world.running("order")
    html = sign_in(world.approver).get(reverse("admin:index")).content.decode()
    assert "product waits for your decision on v2" in html
    assert re.search(r'Approvals<span class="count">1<', html)
    asked = sign_in(world.requester).get(reverse("admin:index")).content.decode()
    assert "Nothing waits for your decision." in asked
    assert "Mine, not finished" in asked


def test_a_dead_cluster_does_not_hold_the_board_up(world: World, sign_in: SignIn) -> None:
    world.mesh.fail_next(Unreachable("The Kubernetes API of test does not answer."))
    client = sign_in(world.operator)
    assert "does not answer" not in client.get(reverse("admin:index")).content.decode()
    assert "does not answer" in client.get(reverse("admin:releases_rollout_health")).content.decode()


def test_the_board_costs_no_more_with_more_rollouts(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.approver)
    world.pending("product")
    client.get(reverse("admin:index"))
    with CaptureQueriesContext(connection) as few:
        client.get(reverse("admin:index"))
    world.pending("order")
    world.pending("payment")
    with CaptureQueriesContext(connection) as many:
        client.get(reverse("admin:index"))
    assert len(many) == len(few)


def test_needs_me_lists_what_this_person_may_decide(world: World, sign_in: SignIn) -> None:
    waiting = world.pending("product")
    world.draft("order")
    for_me = sign_in(world.approver).get(list_of("releases_rollout", "?mine=needs-me")).content.decode()
    not_for_me = sign_in(world.requester).get(list_of("releases_rollout", "?mine=needs-me")).content.decode()
    assert f"{waiting} product" in for_me
    assert " order" not in for_me
    assert f"{waiting} product" not in not_for_me


def test_a_vote_takes_the_rollout_from_my_list(world: World, sign_in: SignIn) -> None:
    world.policy.approvals_needed = 2
    world.policy.save()
    rollout = world.pending()
    flow.perform(rollout, Event.APPROVE, by=actor(world.approver), fingerprint=rollout.fingerprint)
    html = sign_in(world.approver).get(list_of("releases_rollout", "?mine=needs-me")).content.decode()
    assert f"{rollout} product" not in html


def test_rollouts_are_filtered_by_state(world: World, sign_in: SignIn) -> None:
    draft, running = world.draft("product"), world.running("order")
    html = sign_in(world.operator).get(list_of("releases_rollout", "?state__exact=running")).content.decode()
    assert f"{running} order" in html
    assert f"{draft} product" not in html


@pytest.mark.parametrize("model", [AuditEvent, MetricSnapshot, Verdict], ids=lambda model: model.__name__)
def test_what_was_recorded_has_no_add_change_or_delete(
    world: World, sign_in: SignIn, model: type[Model]
) -> None:
    world.running()
    row = model._default_manager.first()
    assert row
    name = f"releases_{model._meta.model_name}"
    client = sign_in(world.operator)
    assert client.get(reverse(f"admin:{name}_add")).status_code == 403
    assert client.post(reverse(f"admin:{name}_change", args=[row.pk]), {"reason": "x"}).status_code == 403
    assert client.post(reverse(f"admin:{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    page = client.get(reverse(f"admin:{name}_change", args=[row.pk])).content.decode()
    assert "<button" not in page[page.index("<main") :]
    assert model._default_manager.filter(pk=row.pk).exists()


def test_a_rollout_is_not_deleted(world: World, sign_in: SignIn) -> None:
    rollout = world.draft()
    client = sign_in(world.operator)
    assert (
        client.post(reverse("admin:releases_rollout_delete", args=[rollout.pk]), {"post": "yes"}).status_code
        == 403
    )
    assert Rollout.objects.filter(pk=rollout.pk).exists()


def test_an_audit_event_has_a_page_with_before_and_after(world: World, sign_in: SignIn) -> None:
    rollout = world.approved()
    event = AuditEvent.objects.get(rollout=rollout, action="approve")
    html = (
        sign_in(world.auditor)
        .get(reverse("admin:releases_auditevent_change", args=[event.pk]))
        .content.decode()
    )
    assert "state: pending" in html
    assert "state: approved" in html
    assert event.hash in html
    assert "read it" in html


def test_the_trail_is_searched_by_actor_and_read_by_role(world: World, sign_in: SignIn) -> None:
    world.approved()
    url = list_of("releases_auditevent", f"?q={world.approver.username}")
    html = sign_in(world.auditor).get(url).content.decode()
    assert "1 row" in html
    assert "1 row" in sign_in(world.viewer).get(url).content.decode()
    assert "0 rows" in sign_in(person("newcomer")).get(url).content.decode()


def test_the_history_of_a_row_is_its_audit_events(world: World, sign_in: SignIn) -> None:
    client = sign_in(world.operator)
    response = client.get(reverse("admin:releases_rolloutplan_history", args=[world.plan.pk]), follow=True)
    assert response.status_code == 200
    assert "1 row" in response.content.decode()
