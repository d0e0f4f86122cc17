"""A subset of a service: name, labels, image, commit."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from services.models.service import Service


class Version(models.Model):
    """What can be released. The same name with another image is refused, since an approval names both."""

    service = models.ForeignKey(Service, models.PROTECT, related_name="versions", verbose_name=_("service"))
    name = models.CharField(_("name"), max_length=63)
    subset = models.CharField(_("subset"), max_length=63)
    labels = models.JSONField(_("labels"), default=dict, blank=True)
    image = models.CharField(_("image"), max_length=500, blank=True)
    commit = models.CharField(_("commit"), max_length=64, blank=True)
    notes_url = models.URLField(_("release notes"), max_length=500, blank=True)
    registered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        verbose_name=_("registered by"),
        null=True,
        blank=True,
    )
    registered_at = models.DateTimeField(_("registered at"), auto_now_add=True)
    running_image = models.CharField(_("running image"), max_length=500, blank=True, editable=False)
    replicas_ready = models.PositiveIntegerField(_("replicas ready"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering = ["service", "name"]
        constraints = [models.UniqueConstraint(fields=["service", "name"], name="one_version_per_name")]

    def __str__(self) -> str:
        return f"{self.service.name} {self.name}"
