"""Business metrics are checked when they are saved: a template that fails would otherwise fail in the middle of a release."""

from __future__ import annotations

from django.utils.translation import gettext as _

from istio.telemetry import QueryRejected, Target, TelemetryUnreachable
from istio.templates import LABEL_PAIRS, BadTemplate, check_template, render_template
from releases.domain import BadPlan
from releases.said import said_of
from services.connections import telemetry_of
from services.models import Cluster, Metric

_TRIED_SECONDS = 60.0
_WITH_DENOMINATOR = {Metric.Kind.RATIO, Metric.Kind.MEAN}


def check_metric(metric: Metric) -> None:
    """Check both templates by the rules of istio/templates.py, then by a Prometheus that answers. Raises BadPlan.

    A metric without templates is one of the standard figures. Call this outside a transaction: it uses the network.
    """
    if not metric.numerator.strip() and not metric.denominator.strip():
        return
    if not metric.numerator.strip():
        raise BadPlan(_("A metric with a denominator needs a query of its own too."), field="numerator")
    if metric.kind in _WITH_DENOMINATOR and not metric.denominator.strip():
        raise BadPlan(_("A ratio and a mean need the query of their denominator."), field="denominator")
    for field in ("numerator", "denominator"):
        if template := getattr(metric, field).strip():
            _check(template, field=field)


def _check(template: str, *, field: str) -> None:
    try:
        check_template(template)
    except BadTemplate as error:
        raise BadPlan(_explained(error), field=field) from error
    targets = [Target("default", "some-service")]
    query = render_template(template, targets, seconds=_TRIED_SECONDS)
    for cluster in Cluster.objects.order_by("pk"):
        try:
            rows = telemetry_of(cluster).check(query)
        except TelemetryUnreachable:
            continue  # checked as far as it can be without a server; another cluster's may answer
        except QueryRejected as error:
            raise BadPlan(
                _("Prometheus refuses the query: %(problem)s") % {"problem": said_of(error)}, field=field
            ) from error
        lacking = [labels for labels in rows if not any(labels.issuperset(pair) for pair in LABEL_PAIRS)]
        if lacking:
            raise BadPlan(_explained(BadTemplate("no_labels", "")), field=field)
        return


def _explained(error: BadTemplate) -> str:
    sentences = {
        "too_long": _("The query template is too long."),
        "unknown_placeholder": _(
            "%(name)s is no placeholder; there are $increase(...), $window, $namespaces and $services."
        ),
        "no_window": _(
            "The query does not say which time it is about: use $increase(counter{...}) or rate(counter{...}[$window])."
        ),
        "no_services": _(
            'The query would read every service there is: select with service=~"$services" or namespace=~"$namespaces".'
        ),
        "no_labels": _(
            "The result must carry the labels service and version (or destination_service_name and destination_version): sum by (service, version) (...)."
        ),
        "no_selector": _("$increase(...) takes one counter with its labels, not %(selector)s."),
        "open_bracket": _("A bracket of $increase( is not closed."),
    }
    return sentences[error.code] % error.params if error.params else sentences[error.code]
