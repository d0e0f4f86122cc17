"""Every address of the portal. What no other line takes belongs to the dashboard."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path, re_path

from portal.dashboard import dashboard
from portal.health import healthz, metrics, readyz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("releases.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    re_path(r"^(?!(?:admin|api|i18n|static)(?:/|$)).*$", dashboard, name="dashboard"),
]
