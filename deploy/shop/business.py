"""The shop's business counters. The mesh cannot see these: to it, a declined payment is a good answer.

``version`` is the version of the process that counts, ``variant`` the version of *product* the user saw: a
product release is judged by what its users did in order and payment. Payments also name the order version
that asked (``caller``, ``caller_version``), so that an order release can be judged by them too.
"""

from __future__ import annotations

from collections import OrderedDict

from prometheus_client import CollectorRegistry, Counter, Summary, disable_created_metrics, generate_latest

from deploy.shop.settings import NO_VARIANT, VERSIONS

# A *_created series beside every counter doubles them, and nobody reads it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # the client leaves this one function untyped

LABELS = ("service", "version", "variant")
CALLED = (*LABELS, "caller", "caller_version")
USERS_REMEMBERED = 100_000


def known_version(header: str | None) -> str:
    """Return a version that may become a label. Anything else is ``none``: headers come from outside."""
    return header if header in VERSIONS else NO_VARIANT


class FirstTime:
    """Says once per key that it is new. Remembers the newest ``capacity`` keys, so memory is bounded."""

    def __init__(self, *, capacity: int = USERS_REMEMBERED) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._capacity = capacity

    def __call__(self, key: str) -> bool:
        """Return whether the key is new; an empty key (a guest) never is."""
        if not key:
            return False
        new = key not in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return new


class Business:
    """The counters of one process, in a registry of its own."""

    def __init__(self, *, service: str, version: str) -> None:
        self._who = {"service": service, "version": version}
        self._registry = CollectorRegistry()
        self._orders = self._counter("shop_orders", "Orders placed, paid or not.")
        self._conversions = self._counter("shop_conversions", "Users who paid for their first order.")
        self._assignments = self._counter("shop_assignments", "Users by the variant they saw first.")
        self._attempted = self._counter("shop_payments_attempted", "Payments tried.", labels=CALLED)
        self._succeeded = self._counter("shop_payments_succeeded", "Payments taken.", labels=CALLED)
        self._dwell_squared = self._counter("shop_dwell_seconds_squared", "Sum of squared dwell times, s^2.")
        self._dwell = Summary("shop_dwell_seconds", "Time on a page.", LABELS, registry=self._registry)
        self._converts_first = FirstTime()
        self._arrives_first = FirstTime()

    def _counter(self, name: str, text: str, *, labels: tuple[str, ...] = LABELS) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def user_arrived(self, user: str, *, variant: str) -> None:
        """Count the user for the variant, once."""
        if self._arrives_first(user):
            self._assignments.labels(**self._who, variant=variant).inc()

    def order_placed(self, user: str, *, variant: str, paid: bool) -> None:
        """Count an order, and the user's first paid one as a conversion."""
        self._orders.labels(**self._who, variant=variant).inc()
        if paid and self._converts_first(user):
            self._conversions.labels(**self._who, variant=variant).inc()

    def payment_made(self, *, variant: str, caller: str, caller_version: str, succeeded: bool) -> None:
        """Count a payment attempt; a declined one is an attempt that did not succeed."""
        labels = {**self._who, "variant": variant, "caller": caller, "caller_version": caller_version}
        self._attempted.labels(**labels).inc()
        # Both series start together, so that a version whose first payments all fail reads 0, not "no data".
        self._succeeded.labels(**labels).inc(1 if succeeded else 0)

    def page_left(self, seconds: float, *, variant: str) -> None:
        """Record how long a user stayed on a page."""
        self._dwell.labels(**self._who, variant=variant).observe(seconds)
        self._dwell_squared.labels(**self._who, variant=variant).inc(seconds * seconds)

    def exposition(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        return generate_latest(self._registry)
