"""Every address of the portal. What no other line takes belongs to the dashboard."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path, re_path

from portal.dashboard import dashboard
from portal.health import healthz, metrics, readyz
from releases.admin.sign_in import confirm_view

urlpatterns = [
    # The admin's own log-out lets only staff out.
    path("admin/logout/", LogoutView.as_view(next_page="admin:login"), name="log-out"),
    path("admin/", admin.site.urls),
    path("confirm/", confirm_view, name="confirm"),
    *([path("oidc/", include("mozilla_django_oidc.urls"))] if settings.OIDC_ENABLED else []),
    path("api/v1/", include("releases.api.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    re_path(r"^(?!(?:admin|api|i18n|oidc|static)(?:/|$)).*$", dashboard, name="dashboard"),
]
