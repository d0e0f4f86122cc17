"""How long Hypothesis may look: no example has a deadline, since the suite shares its machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("istio", deadline=None, max_examples=60)
settings.load_profile("istio")
