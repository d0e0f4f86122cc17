"""Which requests go to which version: Match and Rule, as values and as JSON. Knows no document.

Every instance is valid: constructors raise BadSpec with a sentence that names the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from istio.documents import BadSpec, is_dns_label
from istio.reading import list_in, object_in, one_of, only, text_in
from istio.regex import BadRegex, check_regex
from istio.sentence import Sentence, message_of

Source = Literal["header", "cookie", "query"]
Comparison = Literal["exact", "prefix", "regex", "users"]
Destination = Literal["candidate", "stable"]

# As many UUIDs make 5,000 match entries: Envoy 1.40 takes them in 0.4 s and the object stays under 1 MiB.
MAX_USERS = 10_000
MAX_USER_LENGTH = 64
MAX_TEXT_LENGTH = 1024
# Istio ignores these four among headers: they are fields of a match of their own.
NOT_HEADERS = frozenset({"uri", "scheme", "method", "authority"})
_HEADER_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,256}")
_OTHER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~\[\]-]{1,256}")


def check_header(name: str, *, field: str) -> None:
    """Raise BadSpec unless this is a header's name in lower case that Istio compares."""
    if not _HEADER_NAME.fullmatch(name):
        raise BadSpec(
            Sentence(
                "{field} {name} is no header name; write a-z, 0-9 and '-', in lower case.",
                field=field,
                name=f"{name!r:.80}",
            )
        )
    if name in NOT_HEADERS:
        raise BadSpec(
            Sentence(
                "Istio ignores {name} among headers; choose another header as {field}.",
                name=repr(name),
                field=field,
            )
        )


@dataclass(frozen=True, slots=True)
class Match:
    """One condition on a request: ``value`` is compared as ``comparison`` says, or is one of ``users``."""

    source: Source
    name: str
    comparison: Comparison
    value: str = ""
    users: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.source, choices=get_args(Source), field="source")
        one_of(self.comparison, choices=get_args(Comparison), field="comparison")
        if self.source == "header":
            check_header(self.name, field="header")
        elif not _OTHER_NAME.fullmatch(self.name):
            raise BadSpec(
                Sentence("{name} is no {source} name.", name=f"{self.name!r:.80}", source=self.source)
            )
        if self.comparison == "users":
            self._check_users()
        else:
            self._check_value()

    def _check_value(self) -> None:
        where = Sentence(
            "{comparison} on {source} {name}",
            comparison=self.comparison,
            source=self.source,
            name=repr(self.name),
        )
        if self.users or not _is_visible(self.value, at_most=MAX_TEXT_LENGTH):
            raise BadSpec(
                Sentence(
                    "{where} needs one text of 1 to {limit} visible characters.",
                    where=where,
                    limit=MAX_TEXT_LENGTH,
                )
            )
        if self.comparison == "regex":
            try:
                check_regex(self.value)
            except BadRegex as error:
                raise BadSpec(
                    Sentence(
                        "{where} is no regular expression that Envoy (RE2) takes: {error}.",
                        where=where,
                        error=message_of(error),
                    )
                ) from error

    def _check_users(self) -> None:
        if self.value or self.source != "header":
            raise BadSpec(
                Sentence(
                    "users are listed for a header and have no other value (rule on {name}).",
                    name=repr(self.name),
                )
            )
        if not 1 <= len(self.users) <= MAX_USERS:
            raise BadSpec(
                Sentence(
                    "users has {count} entries; give 1 to {limit}, or a sticky percentage instead.",
                    count=len(self.users),
                    limit=MAX_USERS,
                )
            )
        for user in self.users:
            if not _is_visible(user, at_most=MAX_USER_LENGTH):
                raise BadSpec(
                    Sentence(
                        "users holds {user}; an id is 1 to {limit} visible characters.",
                        user=f"{user!r:.80}",
                        limit=MAX_USER_LENGTH,
                    )
                )
        if len(set(self.users)) != len(self.users):
            raise BadSpec(Sentence("users names somebody twice; give each id once."))

    def as_json(self) -> dict[str, object]:
        """Return the fields of a rule's JSON that say the condition."""
        value = list(self.users) if self.comparison == "users" else self.value
        return {self.source: self.name, self.comparison: value}


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests that match go to one version, whatever the weights. ``name`` is a DNS label, or ""."""

    match: Match
    to: Destination = "candidate"
    name: str = ""

    def __post_init__(self) -> None:
        one_of(self.to, choices=get_args(Destination), field="to")
        if self.name and (not is_dns_label(self.name) or self.name == "sticky"):
            raise BadSpec(
                Sentence(
                    "{name} cannot name a rule; use a-z, 0-9 and '-', and not 'sticky'.",
                    name=f"{self.name!r:.80}",
                )
            )

    @staticmethod
    def from_json(value: object, *, field: str) -> Rule:
        """Read ``{"name"?, "header" | "cookie" | "query", "exact" | "prefix" | "regex" | "users", "to"?}``.

        ``field`` is where it stands, for the sentence. Raises BadSpec.
        """
        document = object_in(value, field=field)
        sources, comparisons = get_args(Source), get_args(Comparison)
        only(document, fields={"name", "to", *sources, *comparisons}, where=field)
        source = _the_one(document, choices=sources, field=field)
        comparison = _the_one(document, choices=comparisons, field=field)
        name = text_in(document[source], field=f"{field}.{source}")
        users: tuple[str, ...] = ()
        text = ""
        if comparison == "users":
            users = tuple(
                dict.fromkeys(_user(user) for user in list_in(document["users"], field=f"{field}.users"))
            )
        else:
            text = text_in(document[comparison], field=f"{field}.{comparison}")
        to = text_in(document.get("to"), field=f"{field}.to") or "candidate"
        return Rule(
            Match(
                cast("Source", source),
                name.lower() if source == "header" else name,
                cast("Comparison", comparison),
                value=text,
                users=users,
            ),
            to=cast("Destination", to),
            name=text_in(document.get("name"), field=f"{field}.name"),
        )

    def as_json(self) -> dict[str, object]:
        """Return what ``from_json`` reads."""
        named: dict[str, object] = {"name": self.name} if self.name else {}
        return {**named, **self.match.as_json(), "to": self.to}


def _the_one(document: object, *, choices: Sequence[str], field: str) -> str:
    given = [choice for choice in choices if object_in(document, field=field).get(choice) is not None]
    if not given:
        raise BadSpec(
            Sentence(
                "{field} must have exactly one of {choices}; it has none.",
                field=field,
                choices=", ".join(choices),
            )
        )
    if len(given) > 1:
        raise BadSpec(
            Sentence(
                "{field} must have exactly one of {choices}; it has {given}.",
                field=field,
                choices=", ".join(choices),
                given=", ".join(given),
            )
        )
    return given[0]


def _user(value: object) -> str:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else text_in(value, field="users")


def _is_visible(text: object, *, at_most: int) -> bool:
    return isinstance(text, str) and 0 < len(text) <= at_most and text.isprintable() and text.strip() == text
