"""States and events as words of a sentence, which a door translates: the codes themselves are the API's."""

from __future__ import annotations

from collections.abc import Iterable

from istio.sentence import Sentence, listed

_WORDS = {
    str(word): word
    for word in (
        Sentence("draft"),
        Sentence("pending"),
        Sentence("approved"),
        Sentence("running"),
        Sentence("paused"),
        Sentence("rolling back"),
        Sentence("completed"),
        Sentence("rolled back"),
        Sentence("rejected"),
        Sentence("cancelled"),
        Sentence("expired"),
        Sentence("reverted"),
        Sentence("writing"),
        Sentence("applied"),
        Sentence("withdrawn"),
        Sentence("edit"),
        Sentence("submit"),
        Sentence("cancel"),
        Sentence("approve"),
        Sentence("reject"),
        Sentence("withdraw"),
        Sentence("expire"),
        Sentence("start"),
        Sentence("revoke"),
        Sentence("void"),
        Sentence("pause"),
        Sentence("resume"),
        Sentence("set weight"),
        Sentence("promote"),
        Sentence("roll back"),
        Sentence("restore"),
        Sentence("adopt"),
        Sentence("complete"),
        Sentence("done"),
        Sentence("revert"),
        Sentence("retry"),
        Sentence("apply"),
        Sentence("give up"),
    )
}


def word(code: str) -> Sentence:
    """Return the word of a state or an event: ``rolling_back`` is "rolling back"."""
    return _WORDS[code.replace("_", " ")]


def words(codes: Iterable[str]) -> str:
    """Return the words of several, with commas between them, or "nothing"."""
    return listed(map(word, codes)) or Sentence("nothing")
