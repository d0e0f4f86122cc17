"""Something with a host in the mesh, in one cluster and namespace."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from istio.mesh import DESTINATION_RULE, VIRTUAL_SERVICE, Ref
from istio.presets import ISTIO, SOURCES
from istio.telemetry import Target
from services.models.cluster import Cluster
from services.models.metric import Metric
from services.models.policy import Policy


class Service(models.Model):
    """A host whose traffic is split between versions.

    ``stable`` is set by discovery (the only version with weight) and changed by the end of a rollout, in its transaction.
    ``http_routes`` names the routes that are edited; empty: the only one that carries the stable version.
    """

    cluster = models.ForeignKey(Cluster, models.PROTECT, related_name="services", verbose_name=_("cluster"))
    namespace = models.CharField(_("namespace"), max_length=63)
    name = models.CharField(_("name"), max_length=63)
    title = models.CharField(_("title"), max_length=200, blank=True)
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(_("port"), null=True, blank=True)
    virtual_service = models.CharField(_("VirtualService"), max_length=253)
    destination_rule = models.CharField(_("DestinationRule"), max_length=253)
    http_routes = models.JSONField(_("HTTP routes"), default=list, blank=True)
    owners = models.ForeignKey(
        Group, models.PROTECT, related_name="services", verbose_name=_("owners"), null=True, blank=True
    )
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="services", verbose_name=_("policy"))
    metrics_source = models.CharField(
        _("source of requests and latencies"),
        max_length=20,
        choices=[(source.name, source.title) for source in SOURCES.values()],
        default=ISTIO.name,
    )
    shadow = models.BooleanField(
        _("shadow mode"),
        default=False,
        help_text=_(
            "Verdicts are recorded and shown, and nothing is done by them: no guard rolls back, no gate holds."
        ),
    )
    metrics = models.ManyToManyField(Metric, related_name="services", verbose_name=_("metrics"), blank=True)
    stable = models.ForeignKey(
        "services.Version",
        models.PROTECT,
        related_name="stable_of",
        verbose_name=_("stable version"),
        null=True,
        blank=True,
    )

    class Meta:
        verbose_name = _("service")
        verbose_name_plural = _("services")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "namespace", "name"], name="one_service_per_name"),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__range=(1, 65535)), name="service_port_in_range"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def virtual_service_ref(self) -> Ref:
        return Ref(VIRTUAL_SERVICE, self.namespace, self.virtual_service)

    @property
    def destination_rule_ref(self) -> Ref:
        return Ref(DESTINATION_RULE, self.namespace, self.destination_rule)

    @property
    def target(self) -> Target:
        """How the metrics of its source name this service."""
        return Target(namespace=self.namespace, service=self.name, source=self.metrics_source)

    @property
    def routes(self) -> list[str] | None:
        """The route names as ``istio.weights`` takes them: None for "the only one"."""
        return list(self.http_routes) or None
