"""The newest verdict of each rollout of a page, in one query."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import OuterRef, Subquery

from releases.models import Rollout, Verdict


def newest_verdicts(rollouts: Iterable[Rollout]) -> dict[int, Verdict]:
    """Return rollout id -> verdict. The index ``verdict_latest`` is read once for each rollout."""
    newest = Verdict.objects.filter(rollout=OuterRef("pk")).order_by("-at", "-pk").values("pk")[:1]
    of_these = Rollout.objects.filter(pk__in=[rollout.pk for rollout in rollouts]).order_by()
    wanted = of_these.annotate(newest=Subquery(newest)).values("newest")
    return {verdict.rollout_id: verdict for verdict in Verdict.objects.filter(pk__in=wanted)}
