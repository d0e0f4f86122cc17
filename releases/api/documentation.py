"""The schema and the page that reads it. Both are open to whoever may read the API."""

from __future__ import annotations

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated

from releases.api.authentication import BearerAuthentication, PortalSession
from releases.api.permissions import TokenScope


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1, as YAML or JSON by ``Accept`` or ``?format=json``."""

    authentication_classes = [BearerAuthentication, PortalSession]
    permission_classes = [IsAuthenticated, TokenScope]


class DocsView(LoginRequiredMixin, TemplateView):
    """Swagger UI from our own static files; its script is a file, so the content security policy stays
    strict.
    """

    template_name = "api_docs.html"
