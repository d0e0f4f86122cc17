"""Reading JSON bodies: a wrong one is an InputError, which the frame answers with 400 and the sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from json import JSONDecodeError

from starlette.requests import Request


class InputError(Exception):
    """The caller sent something that makes no sense. ``str()`` says what is expected."""


async def json_object(request: Request) -> dict[str, object]:
    """Read a JSON object. Raises InputError."""
    try:
        raw = await request.json()
    except (JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError("The body is not JSON.") from error
    if not isinstance(raw, dict):
        raise InputError("The body is not a JSON object.")
    return raw


def number(body: Mapping[str, object], name: str, *, highest: float) -> float:
    """Return a finite number from 0 to ``highest``. Raises InputError."""
    value = body.get(name)
    # bool is an int to Python, never to the sender.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{name} must be a number.")
    if not (math.isfinite(value) and 0 <= value <= highest):
        raise InputError(f"{name} must lie between 0 and {highest:g}.")
    return float(value)


def whole_number(body: Mapping[str, object], name: str, *, lowest: int, highest: int) -> int:
    """Return a whole number from ``lowest`` to ``highest``. Raises InputError."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{name} must be a whole number.")
    if not lowest <= value <= highest:
        raise InputError(f"{name} must lie between {lowest} and {highest}.")
    return value
