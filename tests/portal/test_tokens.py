"""The dashboard and the admin are drawn from the same tokens, kept in two files because two builds read them."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DASHBOARD = REPOSITORY / "frontend/src/styles/tokens.css"
ADMIN = REPOSITORY / "portal/static/weir/tokens.css"


def tokens_of(path: Path) -> dict[str, str]:
    """Return name -> value, however the file is formatted."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = re.findall(r"(--[a-z0-9-]+):\s*([^;]+);", text)
    return {name: re.sub(r"\b0\.", ".", " ".join(value.split())).replace('"', "'") for name, value in found}


def test_dashboard_and_admin_have_the_same_tokens() -> None:
    dashboard = tokens_of(DASHBOARD)
    assert len(dashboard) > 40
    assert dashboard == tokens_of(ADMIN)
