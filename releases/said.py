"""Sentences of the pure packages in the reader's language: what they raise and find comes here on its way to a person.

What is stored (the audit trail, reasons, findings of a record) stays the English text it is.
"""

from __future__ import annotations

from django.utils.translation import gettext

from istio.checks import ADVICE
from istio.sentence import Sentence, message_of
from releases.domain import Blocked


def said(text: str) -> str:
    """Translate a Sentence with the values that are Sentences themselves; any other text is returned as it is."""
    if not isinstance(text, Sentence):
        return text
    values = {name: said(value) if isinstance(value, str) else value for name, value in text.params.items()}
    return gettext(text.template).format(**values)


def said_of(error: Exception) -> str:
    """Translate the message of an error."""
    return said(message_of(error))


def said_of_refusal(error: Exception) -> str:
    """Translate the message of an error, the findings that stand against what was asked for, and what to do about each."""
    findings = error.findings if isinstance(error, Blocked) else ()
    sentences = [said_of(error)]
    for finding in findings:
        sentences.append(said(finding.message))
        if advice := ADVICE.get(finding.code):
            sentences.append(said(advice[1]))
    return " ".join(dict.fromkeys(sentences))
