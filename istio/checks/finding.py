"""One thing a check found: a code of the published table, how grave it is, where, and a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """ERROR blocks a write that goes up, never one that goes back; the others are shown."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """``path`` points into the checked document, such as ``spec/http[0]/route[1]/destination``."""

    code: str
    severity: Severity
    path: str
    message: str
