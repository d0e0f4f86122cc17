"""The project as an app: it brings templates, the admin's navigation and the translations that cover the theme."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Weir"

    def ready(self) -> None:
        """Register the deployment checks."""
        from portal import checks  # noqa: F401, PLC0415 - registers by being imported, which settings must precede
