"""What the lab says when it cannot do what was asked."""

from __future__ import annotations


class LabError(Exception):
    """``str()`` is a sentence for the person at the keyboard: what is wrong and what to do."""
