"""Inputs of forms that the theme does not have."""

from __future__ import annotations

from typing import Any

from django import forms


class MomentInput(forms.DateTimeInput):
    """The browser's own picker of date and time, in the reader's zone."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"class": "input", "step": "1", **(attrs or {})}, format="%Y-%m-%dT%H:%M:%S")
