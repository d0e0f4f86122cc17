"""Filling PostgreSQL with ten thousand rollouts, a million snapshots and a million audit events in about two minutes.

Snapshots and verdicts are made by the server (``generate_series``), events by COPY. The audit chain is a genuine one: every event's
text is canonical, hashed and linked, and ``flow.verify_chain`` finds nothing wrong with it. Its guards are off meanwhile, since
they ask for the present time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from releases.domain.fingerprint import canonical
from releases.domain.states import State
from releases.domain.verifier import GENESIS, digest_of, link
from releases.flow.record import contents
from releases.models import AuditEvent, MetricSnapshot, Rollout, StepRun, User, Verdict, guards
from tests.admin.world import World, person

ROLLOUTS, SNAPSHOTS, EVENTS = 10_000, 1_000_000, 1_000_000
VERDICTS_PER_SNAPSHOT = 0.2
SERVICES, PEOPLE = 50, 40
LONG_RELEASE = 20_000
"""Snapshots of the one rollout that was measured for days."""
YEARS = timedelta(days=730)
ACTIONS = ("create", "submit", "approve", "start", "mesh_write", "complete")
REFUSED_EVERY, RARE_EVERY = 997, 50_021
_EDGES = ("1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf")
_SAMPLED_EVERY = 5_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Filled:
    """What the measurements ask for: a rollout among many, the longest one, and one that is live."""

    middle: Rollout
    longest: Rollout
    live: Rollout
    rare_word: str = "cinnabar"
    rare_address: str = "203.0.113.77"


def fill(world: World, *, scale: float, say: Say) -> Filled:
    """Put the rows in, oldest first, and let the planner know of them."""
    guards.remove(connection)
    AuditEvent.objects.all().delete()  # the trail begins two years ago
    indexes = _without_indexes("releases_auditevent", "releases_metricsnapshot")
    rollouts = _rollouts(world, count=max(int(ROLLOUTS * scale), 2 * SERVICES))
    say(f"{len(rollouts)} rollouts")
    _snapshots(count=int(SNAPSHOTS * scale), longest=rollouts[-1])
    say(f"{MetricSnapshot.objects.count()} snapshots, {Verdict.objects.count()} verdicts")
    _events(rollouts, count=int(EVENTS * scale), say=say)
    say("indexes")
    with connection.cursor() as cursor:
        for statement in indexes:
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")
    guards.install(connection)
    live = Rollout.objects.filter(state=State.RUNNING.value).latest("pk")
    return Filled(middle=rollouts[len(rollouts) // 2], longest=rollouts[-1], live=live)


def _without_indexes(*tables: str) -> list[str]:
    """Drop the indexes that hold no constraint, and return the statements that make them again: a million rows go in faster."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND indexdef LIKE 'CREATE INDEX%%'",
            [list(tables)],
        )
        found = cursor.fetchall()
        for name, _definition in found:
            cursor.execute(f'DROP INDEX "{name}"')
    return [definition for _name, definition in found]


def _rollouts(world: World, *, count: int) -> list[Rollout]:
    """Make two years of releases; on half of the services one is running."""
    services = [world.service(f"service-{number}") for number in range(SERVICES)]
    pairs = [tuple(service.versions.order_by("name")[:2]) for service in services]
    people = [world.requester, *(person(f"developer-{number}") for number in range(PEOPLE))]
    frozen, now = world.plan.frozen().as_json(), datetime.now(tz=UTC)
    rows = []
    for number in range(count):
        stable, candidate = pairs[number % SERVICES]
        begun = now - YEARS + YEARS * (number / count)
        is_live = number >= count - SERVICES // 2
        state = State.RUNNING if is_live else (State.COMPLETED if number % 3 else State.ROLLED_BACK)
        rows.append(
            Rollout(
                service=services[number % SERVICES],
                stable=stable,
                candidate=candidate,
                plan=world.plan,
                plan_name=world.plan.name,
                frozen_plan=frozen,
                state=state.value,
                reason_code="baking" if is_live else "",
                reason_params={"until": now.isoformat()} if is_live else {},
                current_step=0,
                requested_by=people[number % len(people)],
                reason="A release among many.",
                impact="-",
                test_evidence="-",
                rollback_note="-",
                fingerprint=hashlib.sha256(str(number).encode()).hexdigest(),
                started_at=begun,
                ended_at=None if is_live else begun + timedelta(minutes=30),
            )
        )
    rollouts = Rollout.objects.bulk_create(rows, batch_size=1000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE releases_rollout SET created_at = started_at")
    StepRun.objects.bulk_create(
        [
            StepRun(rollout=row, position=0, planned=frozen["steps"][0], desired=5, written=5)
            for row in rollouts
        ],
        batch_size=1000,
    )
    return rollouts


def _snapshots(*, count: int, longest: Rollout) -> None:
    """Measure every rollout every 15 s, one of them for days, and judge each fifth look."""
    counts = {
        "requests": 1000.0,
        "errors": 1.0,
        "latency_bucket": dict.fromkeys(_EDGES, 1000.0),
        "latency_sum_ms": 52_000.0,
    }
    numbers: dict[str, Any] = {"decision": "wait", "metrics": [], "decisive": None, "missing_requests": 120}
    long = int(min(LONG_RELEASE, count / 10))
    each = max((count - long) // Rollout.objects.count(), 1)
    with connection.cursor() as cursor:
        for rollouts, times, rows in (
            ("SELECT id, started_at FROM releases_rollout WHERE id <> %s", each, "id"),
            ("SELECT id, started_at FROM releases_rollout WHERE id = %s", long, "id"),
        ):
            cursor.execute(
                f"""
                INSERT INTO releases_metricsnapshot (rollout_id, step, at, window_seconds, weight, stable, candidate,
                                                     problem, resolution_seconds, windows)
                SELECT r.{rows}, 0, r.started_at + n * interval '15 seconds', 15, 5, %s::jsonb, %s::jsonb, '', 0, 1
                FROM ({rollouts}) AS r CROSS JOIN generate_series(1, %s) AS n
                """,
                [json.dumps(counts), json.dumps(counts), longest.pk, times],
            )
        cursor.execute(
            """
            INSERT INTO releases_verdict (rollout_id, step, at, outcome, metric, rule, judge_version, reason_code, numbers,
                                          settings, shadow, snapshots_hash)
            SELECT rollout_id, step, at, 'inconclusive', '', 'evidence', 0, 'wait', %s::jsonb, '{}'::jsonb, false, ''
            FROM releases_metricsnapshot WHERE id %% %s = 0 ORDER BY id
            """,
            [json.dumps(numbers), round(1 / VERDICTS_PER_SNAPSHOT)],
        )


def _events(rollouts: list[Rollout], *, count: int, say: Say) -> None:
    fields = AuditEvent._meta.concrete_fields
    columns = ", ".join(f'"{field.column}"' for field in fields)
    people = list(User.objects.order_by("pk"))
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY releases_auditevent ({columns}) FROM STDIN") as copy,
    ):
        for number, values in enumerate(_chain(rollouts, people=people, count=count)):
            copy.write_row([values[field.attname] for field in fields])
            if number and number % 250_000 == 0:
                say(f"{number} audit events")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('releases_auditevent_id_seq', (SELECT MAX(id) FROM releases_auditevent))"
        )


def _chain(rollouts: list[Rollout], *, people: list[User], count: int) -> Iterator[dict[str, Any]]:
    """Yield columns of events that link to each other, spread over the time of the rollouts."""
    prev = GENESIS
    begun = datetime.now(tz=UTC) - YEARS
    for number in range(count):
        seq = number + 1
        rollout, who = rollouts[number * len(rollouts) // count], people[number % len(people)]
        is_rare = number % RARE_EVERY == RARE_EVERY - 1
        after = {"number": number, "state": "running"}
        told = {
            "seq": seq,
            "at": (begun + YEARS * (number / count)).isoformat(timespec="microseconds"),
            "actor": who.username,
            "user": who.pk,
            "on_behalf_of": "",
            "channel": "cli" if is_rare else ("api", "admin")[number % 2],
            "ip": "203.0.113.77" if is_rare else f"10.0.{number % 7}.{number % 251}",
            "request_id": f"{number:032x}",
            "action": ACTIONS[number % len(ACTIONS)],
            "object_type": "rollout",
            "object_id": str(rollout.pk),
            "service": rollout.service_id,
            "rollout": rollout.pk,
            "outcome": "refused" if number % REFUSED_EVERY == 0 else "done",
            "reason": "A word that is rare: cinnabar." if is_rare else "One act among a million.",
            "fingerprint": rollout.fingerprint,
            "before": None,
            "after": after,
        }
        # For such values the canonical form is what json writes, a tenth of the time; held against the real one now and then.
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if number % _SAMPLED_EVERY == 0:
            _check_text(told, text=text)
        hash_ = link(prev=prev, digest=digest_of(text))
        yield {
            **told,
            "id": seq + 1_000,
            "user_id": told["user"],
            "service_id": told["service"],
            "rollout_id": told["rollout"],
            "after": json.dumps(after),
            "text": text,
            "prev": prev,
            "hash": hash_,
        }
        prev = hash_


def _check_text(told: dict[str, Any], *, text: str) -> None:
    """Raise RuntimeError when the portal itself would have written and hashed another text for this event."""
    event = AuditEvent(
        **{
            **told,
            "at": datetime.fromisoformat(told["at"]),
            "user": None,
            "service": None,
            "rollout": None,
        }
    )
    event.user_id, event.service_id, event.rollout_id = told["user"], told["service"], told["rollout"]
    if canonical(contents(event)) != text:
        raise RuntimeError(f"Event {told['seq']} is not written as the portal writes it: {text}")
