"""The schema and the page that reads it. Both are open to whoever may read the API."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.mixins import LoginRequiredMixin
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from releases.api.authentication import BearerAuthentication, PortalSession
from releases.api.permissions import TokenScope


class FormatInQuery(DefaultContentNegotiation):
    """``?format=`` chooses here alone: elsewhere it is a word of the API's own (the audit's export)."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        asked = request.query_params.get("format")
        chosen: tuple[BaseRenderer, str] = super().select_renderer(
            request, list(renderers), format_suffix or asked
        )
        return chosen


class SchemaView(SpectacularAPIView):
    """OpenAPI 3.1, as YAML or JSON by ``Accept`` or ``?format=json``."""

    content_negotiation_class = FormatInQuery
    authentication_classes = [BearerAuthentication, PortalSession]
    permission_classes = [IsAuthenticated, TokenScope]


class DocsView(LoginRequiredMixin, TemplateView):
    """Swagger UI from our own static files; its script is a file, so the content security policy stays
    strict.
    """

    template_name = "api_docs.html"
