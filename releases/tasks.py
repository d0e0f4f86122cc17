"""Celery's tasks: the pulse, and one pass over one rollout. They take ids, read the clock, and call flow."""

from __future__ import annotations

import logging
import socket
import time

from celery import shared_task
from django.core.cache import cache

from istio.mesh import MeshError
from releases import flow, selectors
from releases.clock import database_now
from releases.domain import DomainError
from releases.domain.actor import Actor, Channel
from releases.heartbeat import LAST_PULSE

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def pulse() -> None:
    """Wake every rollout that is due. Beat calls this; nothing else starts work."""
    for rollout_id, urgent in selectors.due_rollouts():
        task = roll_back_rollout if urgent else advance_rollout
        task.apply_async(args=(rollout_id,), expires=10)
    cache.set(LAST_PULSE, time.time(), timeout=None)


@shared_task(ignore_result=True)
def record_raw_changes() -> None:
    """Tell the audit trail what changed behind its back; apart from the pulse, which costs one query when nothing is due."""
    flow.record_raw_changes()


@shared_task(ignore_result=True)
def advance_rollout(rollout_id: int) -> None:
    """Do what is due for one rollout."""
    flow.advance(rollout_id, clock=database_now, by=worker())


@shared_task(ignore_result=True)
def roll_back_rollout(rollout_id: int) -> None:
    """The same on the queue of rollbacks, which no forward step can fill."""
    flow.advance(rollout_id, clock=database_now, by=worker())


@shared_task(ignore_result=True)
def take_rehearsals() -> None:
    """Send each rehearsal that waits to a worker. Beat calls this."""
    for rehearsal_id in flow.due_rehearsals(now=database_now()):
        rehearse.apply_async(args=(rehearsal_id,), expires=10)


@shared_task(ignore_result=True)
def rehearse(rehearsal_id: int) -> None:
    """Play one plan over a service's recorded past."""
    flow.carry_out_rehearsal(rehearsal_id, clock=database_now)


@shared_task(ignore_result=True)
def finish_traffic_changes() -> None:
    """Finish the writes of changes by hand that a crash or an unreachable mesh interrupted."""
    for change_id in selectors.unfinished_changes(now=database_now()):
        finish_traffic_change.apply_async(args=(change_id,), expires=10)


@shared_task(ignore_result=True)
def finish_traffic_change(change_id: int) -> None:
    """The same write again, or none, on the queue of rollbacks: "all back" is among them."""
    try:
        flow.finish_change(change_id, by=worker(), clock=database_now)
    except (MeshError, DomainError) as error:
        logger.warning("Traffic change %d is not finished yet: %s", change_id, error)


def worker() -> Actor:
    """Workers are actors too."""
    return Actor(name=f"scheduler@{socket.gethostname()}", channel=Channel.SCHEDULER)


@shared_task(ignore_result=True)
def send_notifications() -> None:
    """Look what is due in the outbox. Beat calls this; each message is a task of its own, so a slow receiver delays no other."""
    now = database_now()
    flow.remind(now=now)
    for delivery_id in flow.due_deliveries(now=now):
        deliver_notification.apply_async(args=(delivery_id,), expires=30)


@shared_task(ignore_result=True)
def deliver_notification(delivery_id: int) -> None:
    """Try one message once."""
    flow.deliver(delivery_id, clock=database_now)


@shared_task(ignore_result=True)
def keep_heads() -> None:
    """Sign the head of the audit trail when that is due, and bring heads to where they are kept."""
    flow.record_failed_log_ins(now=database_now())
    flow.sign_head(clock=database_now)
    flow.send_heads(clock=database_now)


@shared_task(ignore_result=True)
def thin_snapshots() -> None:
    """Add up the figures of releases that ended long ago, a share of them at a time."""
    flow.thin_snapshots(by=worker(), clock=database_now)


@shared_task(ignore_result=True)
def ask_parts() -> None:
    """Remember how the broker and the clusters do, so that no page waits for one that is away."""
    selectors.ask_parts()


@shared_task(ignore_result=True)
def read_chain() -> None:
    """Read the audit chain back: a part of what is under way, else what is due."""
    whole = flow.due_chain_check(now=database_now())
    if whole is not None:
        flow.start_chain_check(clock=database_now, whole=whole)
    if flow.carry_on_chain_check(clock=database_now, by=worker()):
        read_chain.delay()
