"""The portal speaks Chinese completely, and the check that says so can fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import gettext as _
from django.utils.translation import override

from istio.checks import ADVICE, Finding, Severity
from istio.sentence import Sentence
from portal import translations
from releases.domain import Blocked
from releases.said import said, said_of_refusal


def test_every_message_has_its_translation_and_none_is_left_over() -> None:
    assert translations.faults() == []


def test_strings_of_python_templates_and_the_theme_are_covered() -> None:
    wanted = translations.collected()
    assert wanted.get("Waits for approval.") is not None  # releases/sentences.py
    assert wanted.get("Read it again") is not None  # a template of the decision page
    assert wanted.get("Select action to run") is not None  # the theme's


def test_a_string_that_django_translates_is_not_translated_again() -> None:
    assert translations.collected().get("Yes, I’m sure") is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('msgid "Waits for approval."\nmsgstr "等待审批。"', "not translated: Waits for approval."),
        ('msgid "%(span)s ago"\nmsgstr "%(span)s前"', "not translated: %(span)s ago"),
    ],
)
def test_a_missing_message_fails_the_check(catalogue: Path, line: str, said: str) -> None:
    text = catalogue.read_text(encoding="utf-8")
    assert line in text
    catalogue.write_text(text.replace(line, line.rpartition(' "')[0] + ' ""'), encoding="utf-8")
    with pytest.raises(CommandError, match=said.replace("(", r"\(").replace(")", r"\)")):
        call_command("translations", "check")


def test_a_lost_placeholder_fails_the_check(catalogue: Path) -> None:
    text = catalogue.read_text(encoding="utf-8")
    catalogue.write_text(text.replace('"%(span)s前"', '"以前"'), encoding="utf-8")
    assert any("%(span)s ago" in fault for fault in translations.faults())


def test_a_message_nobody_asks_for_fails_the_check(catalogue: Path) -> None:
    with catalogue.open("a", encoding="utf-8") as file:
        file.write('\nmsgid "Nobody says this."\nmsgstr "没有人说。"\n')
    assert translations.faults() == ["obsolete: Nobody says this."]


def test_update_adds_what_is_missing_and_drops_what_is_left_over(catalogue: Path) -> None:
    text = catalogue.read_text(encoding="utf-8")
    lost = text.replace(
        'msgid "Waits for approval."\nmsgstr "等待审批。"\n', 'msgid "Nobody says this."\nmsgstr "没有。"\n'
    )
    catalogue.write_text(lost, encoding="utf-8")
    assert translations.update() == 1
    assert translations.faults() == ["not translated: Waits for approval."]


def test_the_compiled_catalogue_is_what_readers_get() -> None:
    with override("zh-hans"):
        assert _("Waits for approval.") == "等待审批。"


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that a test may damage."""
    copy = tmp_path / "django.po"
    copy.write_bytes(translations.CATALOGUE.read_bytes())
    monkeypatch.setattr(translations, "CATALOGUE", copy)
    return copy


@pytest.mark.parametrize("code", sorted(ADVICE))
def test_every_check_is_named_and_answered_in_the_readers_language(code: str) -> None:
    with override("zh-hans"):
        for sentence in ADVICE[code]:
            assert any("\u4e00" <= character <= "\u9fff" for character in said(sentence)), sentence


def test_a_refusal_says_once_what_was_found_and_what_to_do() -> None:
    message = Sentence("The rollback can be written")
    finding = Finding("WEIR0004", Severity.ERROR, "/spec", message)
    with override("zh-hans"):
        told = said_of_refusal(Blocked(message, findings=[finding]))
    assert told.count("可以写入回滚") == 1
    assert "准入规则" in told
