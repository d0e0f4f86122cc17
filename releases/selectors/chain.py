"""What is known of the audit chain: when it was read last, how far, and whether it held."""

from __future__ import annotations

from dataclasses import dataclass

from releases.models import ChainCheck


@dataclass(frozen=True, slots=True)
class ChainState:
    """``shown`` is the reading that speaks for the chain: a broken one before any that held since it read less. ``whole`` is the
    last reading of everything, ``running`` one that goes on now. Each is None when there was none.
    """

    shown: ChainCheck | None
    whole: ChainCheck | None
    running: ChainCheck | None

    @property
    def valid(self) -> bool:
        return self.shown is not None and not self.shown.problem


def chain() -> ChainState:
    """Return it by three queries, whatever the length of the trail."""
    ended = ChainCheck.objects.exclude(finished_at=None).order_by("-finished_at", "-id")
    whole, newest = ended.filter(whole=True).first(), ended.first()
    broken = next((check for check in (newest, whole) if check and check.problem), None)
    running = ChainCheck.objects.filter(finished_at=None).order_by("-whole").first()
    return ChainState(shown=broken or newest, whole=whole, running=running)
