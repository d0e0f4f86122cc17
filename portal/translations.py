"""The message catalogue: extracted, checked and compiled by Babel, so that no machine needs gettext.

It covers our own packages and the strings of the admin's theme that Django does not translate already: the theme
ships no catalogue of its own. The source, ``django.po``, is committed; the compiled file is built where it is needed.
"""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import NamedTemporaryFile

import django
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("portal", "releases", "services", "istio")
CATALOGUE = ROOT / "portal" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
COMPILED = CATALOGUE.with_suffix(".mo")

# Which arguments of a call are the message: the context of a message is marked "c".
_PLACES: Mapping[str, tuple[int | tuple[int, int] | tuple[int, str], ...]] = {
    "gettext": (1,),
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_PLACES = {
    "_": (1,),
    "gettext_noop": (1,),
    "Sentence": (1,),
    **_PLACES,
    **{f"{name}_lazy": at for name, at in _PLACES.items()},
}
_PLACEHOLDER = re.compile(r"%\(\w+\)|\{\w*\}")
# Babel writes placeholders into these; nobody reads them.
_UNUSED_HEADERS = ('"Project-Id', '"Report-Msgid', '"Last-Translator', '"Language-Team', '"Generated-By')
_Found = tuple[str | None, str | tuple[str, ...]]


def collected() -> Catalog:
    """Read every message of the code and the templates, ours first, then the theme's."""
    catalog = Catalog(locale="zh_Hans")
    for package in PACKAGES:
        for context, message in _messages(ROOT / package):
            catalog.add(message, context=context)
    covered = _translated_by_django()
    for context, message in _messages(_folder_of("unfold")):
        if (message if isinstance(message, str) else message[0]) not in covered:
            catalog.add(message, context=context)
    return catalog


def committed() -> Catalog:
    """Read the catalogue as it is committed."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans")


def update() -> int:
    """Bring the catalogue in line with the code; answer how many messages still want a translation."""
    catalog = committed() if CATALOGUE.exists() else Catalog(locale="zh_Hans")
    catalog.update(collected(), no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    written = io.BytesIO()
    write_po(written, catalog, no_location=True, sort_output=True, width=0)
    lines = written.getvalue().decode().splitlines(keepends=True)
    CATALOGUE.write_text(
        "".join(line for line in lines if not line.startswith(_UNUSED_HEADERS)), encoding="utf-8"
    )
    return sum(1 for message in catalog if message.id and not _is_complete(message))


def faults() -> list[str]:
    """Name what keeps the catalogue from being complete: a sentence per message, empty when all is well."""
    catalog, wanted = committed(), collected()
    found = [
        f"obsolete: {_name(message)}" for message in _entries(catalog) if not _in(wanted, message=message)
    ]
    for message in _entries(wanted):
        translated = catalog.get(message.id, context=message.context)
        if translated is None or not _is_complete(translated):
            found.append(f"not translated: {_name(message)}")
        elif translated.fuzzy:
            found.append(f"fuzzy: {_name(message)}")
        else:
            found += [f"{error}: {_name(message)}" for error in translated.check(catalog)]
            if _placeholders(message.id) != _placeholders(translated.string):
                found.append(f"other placeholders: {_name(message)}")
    return found


def compile_catalogue() -> Path:
    """Write the binary catalogue that Django reads, in one rename: another process may be reading it."""
    with NamedTemporaryFile(dir=COMPILED.parent, delete=False) as file:
        write_mo(file, committed())
    unfinished = Path(file.name)
    unfinished.chmod(0o644)
    return unfinished.replace(COMPILED)


def compile_if_stale() -> None:
    """Compile unless the compiled catalogue is at least as new as its source."""
    if not COMPILED.exists() or COMPILED.stat().st_mtime < CATALOGUE.stat().st_mtime:
        compile_catalogue()


def _messages(folder: Path) -> Iterator[_Found]:
    """Yield context and message (singular and plural for a counted one) of each file below ``folder``."""
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html")]):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            # What is no message comes out as noise in its old indentation, which a Python tokenizer would refuse.
            text = "\n".join(line.strip() for line in templatize(text, origin=str(path)).splitlines())
        for _line, function, found, _comments in extract_python(io.BytesIO(text.encode()), _PLACES, [], {}):
            message = _message(_PLACES[str(function)], found=found)
            if message is not None:
                yield message


def _message(
    places: Sequence[int | tuple[int, int] | tuple[int, str]], *, found: str | Sequence[str | None] | None
) -> _Found | None:
    """Pick context and message out of a call's literal arguments; nothing if the message is not a literal."""
    arguments = (found,) if isinstance(found, str) or found is None else tuple(found)
    context: str | None = None
    texts: list[str] = []
    for place in places:
        index = place if isinstance(place, int) else place[0]
        argument = arguments[index - 1] if index <= len(arguments) else None
        if not argument:
            return None
        if isinstance(place, int):
            texts.append(argument)
        else:
            context = argument
    return context, texts[0] if len(texts) == 1 else tuple(texts)


def _translated_by_django() -> set[str]:
    files = Path(django.__file__).parent.glob("**/locale/zh_Hans/LC_MESSAGES/django.mo")
    covered: set[str] = set()
    for path in files:
        with path.open("rb") as file:
            for key in gettext.GNUTranslations(file)._catalog:  # type: ignore[attr-defined]  # the only way to list one
                covered.add(key if isinstance(key, str) else key[0])
    return covered


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(package)
    return Path(spec.origin).parent


def _entries(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def _in(catalog: Catalog, *, message: Message) -> bool:
    return catalog.get(message.id, context=message.context) is not None


def _is_complete(message: Message) -> bool:
    return all(message.string) if isinstance(message.string, tuple | list) else bool(message.string)


def _placeholders(text: str | Sequence[str] | None) -> set[str]:
    """The names that a message fills in; of a counted one, those of its last form."""
    return set(_PLACEHOLDER.findall(text if isinstance(text, str) else (text or [""])[-1]))


def _name(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"{message.context}: {text}" if message.context else text
