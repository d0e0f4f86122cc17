"""What can be said about a document before it is written: one rule per file, pure, over a value of facts."""

from istio.checks.finding import Finding, Severity

__all__ = ["Finding", "Severity"]
