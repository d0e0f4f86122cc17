"""Releases as a Django app."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class ReleasesConfig(AppConfig):
    name = "releases"
    verbose_name = _("Releases")

    def ready(self) -> None:
        """Register what only exists when models do: the guards around ``migrate``, and the deployment checks."""
        from releases import checks, sessions  # noqa: F401, PLC0415 - register by being imported
        from releases.models import guards, word_index  # noqa: PLC0415 - models are not loaded before ready()

        pre_migrate.connect(guards.before_migrate, sender=self)
        post_migrate.connect(guards.after_migrate, sender=self)
        post_migrate.connect(word_index.after_migrate, sender=self)
