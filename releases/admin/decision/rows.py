"""The row behind a decision page, and the page's address."""

from __future__ import annotations

from django.http import Http404
from django.urls import reverse

from releases import selectors
from releases.models import Rollout


def rollout_or_404(rollout_id: str) -> Rollout:
    """Return the rollout with everything joined. Raises Http404."""
    rows = selectors.rollouts().prefetch_related("approvals__by__groups", "service__policy__required_groups")
    found = rows.filter(pk=rollout_id).first() if rollout_id.isdigit() else None
    if found is None:
        raise Http404
    return found


def page_of(rollout: Rollout) -> str:
    """The address of the decision page."""
    return reverse("admin:releases_rollout_change", args=[rollout.pk])
