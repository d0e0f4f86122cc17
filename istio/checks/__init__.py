"""What can be said about a document before it is written: one rule per file, pure, over a value of facts."""

from istio.checks.facts import CheckFacts
from istio.checks.finding import Finding, Severity
from istio.checks.run import ADVICE, UNREADABLE, as_markdown, run_checks

__all__ = ["ADVICE", "UNREADABLE", "CheckFacts", "Finding", "Severity", "as_markdown", "run_checks"]
