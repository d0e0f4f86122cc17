"""A Kubernetes cluster with Istio and the Prometheus that watches it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Cluster(models.Model):
    """Where services live. Credentials are never stored: ``kubeconfig_env`` names the variable that holds the path."""

    name = models.SlugField(_("name"), max_length=63, unique=True)
    kubeconfig_env = models.CharField(
        _("kubeconfig variable"),
        max_length=100,
        blank=True,
        help_text=_(
            "Environment variable with the path of a kubeconfig file; empty: the cluster Weir itself runs in."
        ),
    )
    context = models.CharField(_("kubeconfig context"), max_length=200, blank=True)
    prometheus_url = models.URLField(_("Prometheus"), max_length=500)
    grafana_url = models.URLField(_("Grafana"), max_length=500, blank=True)
    kiali_url = models.URLField(_("Kiali"), max_length=500, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="Asia/Shanghai")

    class Meta:
        verbose_name = _("cluster")
        verbose_name_plural = _("clusters")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
