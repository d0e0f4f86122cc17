"""A sentence is English text everywhere and keeps what a translation needs; the pure packages raise nothing else."""

from __future__ import annotations

import ast
import builtins
import copy
import json
import pickle
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from istio.documents import BadSpec
from istio.sentence import (
    Sentence,
    from_parts,
    in_a_row,
    listed,
    message_of,
    parts_of,
    sentence_of,
    with_parts,
)

ROOT = Path(__file__).resolve().parents[2]
BROKEN = Sentence("{where} must be {kind}.", where="steps[0]", kind=Sentence("a list"))


def test_it_is_the_english_text() -> None:
    assert BROKEN == "steps[0] must be a list."
    assert f"Step 1: {BROKEN}" == "Step 1: steps[0] must be a list."
    assert json.loads(json.dumps([BROKEN])) == ["steps[0] must be a list."]


def test_it_keeps_the_template_and_the_values() -> None:
    assert BROKEN.template == "{where} must be {kind}."
    assert dict(BROKEN.params) == {"where": "steps[0]", "kind": "a list"}
    assert isinstance(BROKEN.params["kind"], Sentence)


def test_braces_in_a_value_are_no_placeholders() -> None:
    assert Sentence("{value} is no weight.", value="{'x': '{y}'}") == "{'x': '{y}'} is no weight."


def test_a_value_that_is_not_given_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        Sentence("{where} must be {kind}.", where="steps[0]")


@pytest.mark.parametrize(
    "again", [pickle.loads(pickle.dumps(BROKEN)), copy.deepcopy(BROKEN)], ids=["pickled", "copied"]
)
def test_its_parts_survive_a_cache(again: Sentence) -> None:
    assert (again, again.template, again.params) == (BROKEN, BROKEN.template, BROKEN.params)
    assert isinstance(again.params["kind"], Sentence)


def test_an_error_gives_its_sentence_with_the_parts() -> None:
    assert message_of(BadSpec(BROKEN)) is BROKEN
    assert message_of(ValueError("plain")) == "plain"
    assert message_of(ValueError()) == ""


def test_a_list_is_said_item_by_item() -> None:
    found = listed([Sentence("pause"), Sentence("roll back"), "v2"])
    assert found == "pause, roll back, v2"
    assert isinstance(found, Sentence)
    assert isinstance(found.params["before"], Sentence)
    assert listed([]) == ""


def test_what_the_pure_packages_tell_people_is_a_sentence() -> None:
    assert [place for folder in ("istio", "releases/domain") for place in _bare_texts(ROOT / folder)] == []


def test_a_bare_text_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text('def f(x):\n    raise BadSpec(f"{x} is wrong")\n', encoding="utf-8")
    (tmp_path / "other.py").write_text('Finding(CODE, ERROR, "spec", "Wrong.")\n', encoding="utf-8")
    assert sorted(_bare_texts(tmp_path)) == ["other.py:1", "some.py:2"]


def _bare_texts(folder: Path) -> Iterator[str]:
    """Name the places where an error of ours or a finding is made with a literal text, which nobody could translate."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            told = _told(node)
            if isinstance(told, ast.JoinedStr) or (
                isinstance(told, ast.Constant) and isinstance(told.value, str)
            ):
                yield f"{path.relative_to(folder)}:{told.lineno}"


def _told(node: ast.AST) -> ast.expr | None:
    """Return what an error or a finding says, if this node makes one."""
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[told, *_])) if _is_ours(name):
            return told
        case ast.Call(func=ast.Name(id="Finding"), args=[_, _, _, told]):
            return told
        case _:
            return None


def _is_ours(name: str) -> bool:
    """Whether it is no error of Python's, which tells of a mistake of ours; a bad template begins with its code."""
    return not hasattr(builtins, name) and name != "BadTemplate"


def test_a_sentence_survives_a_json_column_with_the_sentences_in_it() -> None:
    whole = Sentence(
        "{server} took {seconds} s.", server=Sentence("Prometheus at {place}", place="p"), seconds=5
    )

    again = sentence_of(json.loads(json.dumps(parts_of(whole))))

    assert again == whole == "Prometheus at p took 5 s."
    assert isinstance(again, Sentence)
    assert isinstance(again.params["server"], Sentence)
    assert sentence_of(parts_of("plain")) == "plain"
    assert sentence_of({}) == ""


def test_values_for_a_json_column_keep_the_english_text_and_its_parts() -> None:
    problem = in_a_row([Sentence("{ref} is away.", ref=PurePosixPath("a/b")), "Look at it."])

    stored = json.loads(json.dumps(with_parts({"step": 2, "problem": problem})))

    assert (stored["step"], stored["problem"]) == (2, "a/b is away. Look at it.")
    assert isinstance(from_parts(stored, "problem"), Sentence)
    assert from_parts(stored, "problem") == problem
    assert with_parts({"step": 2, "problem": "plain"}) == {"step": 2, "problem": "plain"}


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ({}, ""),
        ({"problem": None}, ""),
        ({"problem": "from before"}, "from before"),
        ({"problem": "another", "problem_parts": parts_of(BROKEN)}, "another"),
    ],
)
def test_a_text_without_its_own_parts_is_read_as_it_is(stored: dict[str, object], text: str) -> None:
    assert from_parts(stored, "problem") == text
    assert not isinstance(from_parts(stored, "problem"), Sentence)
