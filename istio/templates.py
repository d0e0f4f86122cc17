"""Query templates of business metrics: what they must contain, and how they become PromQL. Pure.

A template is one PromQL expression for all services of a cluster at once, with these placeholders::

    $increase(selector)   how much each counter grew in the window, exactly (promql.growth)
    $window               the window's length, as in rate(x[$window])
    $namespaces           the namespaces of the services that are asked about, for namespace=~"$namespaces"
    $services             their names, for service=~"$services"

Its result carries ``service`` and ``version`` (or Istio's ``destination_service_name`` and ``destination_version``), so that one
answer serves every live rollout. ``namespace``, ``variant``, ``caller`` and ``caller_version`` are used where they are there
(istio/credit.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from istio import promql
from istio.telemetry import Target

LONGEST = 4000
PLACEHOLDERS = ("increase", "window", "namespaces", "services")
LABEL_PAIRS = (("service", "version"), ("destination_service_name", "destination_version"))


class BadTemplate(Exception):
    """The template cannot serve as a metric. ``str()`` says what is missing; ``code`` and ``params`` let a page translate it."""

    def __init__(self, code: str, text: str, **params: str) -> None:
        super().__init__(text)
        self.code, self.params = code, params


def check_template(template: str) -> None:
    """Refuse what could not serve every live service with one query. Raises BadTemplate."""
    text = template.strip()
    if len(text) > LONGEST:
        raise BadTemplate("too_long", f"A query template has at most {LONGEST} characters.")
    unknown = sorted(set(re.findall(r"\$([A-Za-z_]+)", text)) - set(PLACEHOLDERS))
    if unknown:
        known = ", ".join(f"${name}" for name in PLACEHOLDERS)
        raise BadTemplate(
            "unknown_placeholder",
            f"${unknown[0]} is no placeholder; there are {known}.",
            name=f"${unknown[0]}",
        )
    if "$increase(" not in text and "$window" not in text:
        raise BadTemplate(
            "no_window", "The query does not say which time it is about: use $increase(...) or [$window]."
        )
    if "$namespaces" not in text and "$services" not in text:
        raise BadTemplate(
            "no_services",
            'The query would read every service there is: select with service=~"$services" or namespace=~"$namespaces".',
        )
    grouped = {
        label.strip() for labels in re.findall(r"\bby\s*\(([^)]*)\)", text) for label in labels.split(",")
    }
    if not any(grouped.issuperset(pair) for pair in LABEL_PAIRS):
        raise BadTemplate(
            "no_labels",
            "The result must carry the labels service and version (or destination_service_name and destination_version): sum by (service, version) (...).",
        )
    _expand_increase(text, grow=lambda selector: selector)


def render_template(template: str, targets: Collection[Target], *, seconds: float) -> str:
    """Return the PromQL of a checked template for these services and a window of so many seconds."""
    text = _expand_increase(template.strip(), grow=lambda selector: promql.growth(selector, seconds=seconds))
    values = {
        "$namespaces": promql.alternatives(target.namespace for target in targets),
        "$services": promql.alternatives(target.service for target in targets),
        "$window": promql.duration(seconds),
    }
    return re.sub(r"\$(namespaces|services|window)\b", lambda found: values[found.group()], text)


def _expand_increase(text: str, *, grow: Callable[[str], str]) -> str:
    """Replace each ``$increase(selector)``; brackets in the selector are counted. Raises BadTemplate."""
    done, rest = "", text
    while (begin := rest.find("$increase(")) >= 0:
        end = _closing(rest, begin + len("$increase("))
        selector = rest[begin + len("$increase(") : end].strip()
        if not re.match(r"[a-zA-Z_:{]", selector) or re.search(r"[\])]\s*$", selector):
            raise BadTemplate(
                "no_selector",
                f'$increase(...) takes one counter with its labels, as in $increase(orders_total{{x=~"$services"}}), not {selector!r}.',
                selector=selector,
            )
        done, rest = done + rest[:begin] + grow(selector), rest[end + 1 :]
    return done + rest


def _closing(text: str, start: int) -> int:
    """Find the bracket that closes the one before ``start``, past strings."""
    depth, quote, at = 1, "", start
    while at < len(text):
        sign = text[at]
        if quote:
            at += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "\"'`":
            quote = sign
        else:
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                return at
        at += 1
    raise BadTemplate("open_bracket", "A bracket of $increase( is not closed.")
