"""The theme of the operators' face. Its colours are set in ``static/weir/admin.css``, from the tokens."""

from __future__ import annotations

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Weir",
    "SITE_HEADER": "Weir",
    "SITE_URL": "/",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": False,  # the shell has its own switch
    "COLORS": {},
    "GLOBAL_CALLBACK": "releases.admin.shell.shell_context",
    "DASHBOARD_CALLBACK": "releases.admin.board.board_context",
    # Every active account may log in here: staff enter the operators' face, all others the dashboard.
    "LOGIN": {"form": "django.contrib.auth.forms.AuthenticationForm"},
}
