"""``rollouts/{id}/evidence.zip``: what an auditor takes away about one rollout."""

from __future__ import annotations

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from releases import flow, selectors
from releases.api.actors import actor_of
from releases.api.base import Door
from releases.clock import database_now


class EvidenceView(Door):
    """Everything about this rollout, the chain it stands in, the signed heads, and a verifier that needs no Weir."""

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def get(self, request: Request, pk: int) -> HttpResponseBase:
        rollout = get_object_or_404(selectors.rollouts(), pk=pk)
        evidence = selectors.evidence_of(rollout)
        export = flow.begin_evidence_pack(
            rollout,
            by=actor_of(request),
            clock=database_now,
            digests=evidence.digests,
            as_of=evidence.as_of,
        )
        packed = selectors.evidence_pack(rollout, evidence=evidence, export=export)
        response = HttpResponse(packed, content_type="application/zip")
        response["Content-Disposition"] = f'attachment; filename="weir-{rollout}-evidence.zip"'
        return response
