"""Characters that nobody sees."""

from __future__ import annotations

import pytest

from polyhead.checking.characters import check_characters, shown
from polyhead.checking.findings import Findings
from polyhead.records import Record, Source


def found_in(text: str, second: str | None = None) -> dict[str, list[str]]:
    findings = Findings()
    check_characters(Record(text, {}, Source("f", 1), second), findings)
    return {kind: [own["found"] for own in rows] for kind, rows in findings.to_json().items()}


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("a\u200bb", "character", "U+200B ZERO WIDTH SPACE at 1"),
        ("\ufeffab", "character", "U+FEFF ZERO WIDTH NO-BREAK SPACE (byte order mark) at 0"),
        ("I\ufffd\ufffdd", "character", "U+FFFD REPLACEMENT CHARACTER at 1"),
        ("a\x07b", "character", "U+0007 control character at 1"),
        ("a\u202eb", "character", "U+202E RIGHT-TO-LEFT OVERRIDE at 1"),
        ("a\u200db", "character", "U+200D ZERO WIDTH JOINER at 1"),
        ("a  b", "blank", "several blanks in a row"),
        (" a\u00a0", "blank", "a blank at the start, a blank at the end"),
        ("cafe\u0301", "not NFC", "another text in NFC: accents stand apart from their letters, say"),
    ],
)
def test_odd_characters_are_told(text: str, kind: str, said: str) -> None:
    assert found_in(text) == {kind: [said]}


@pytest.mark.parametrize("text", ["plain", "Zoë", "👩\u200d🚀 flies", "می\u200cخواهم", "a\tb\nc", "日本語"])
def test_what_belongs_there_is_not(text: str) -> None:
    assert found_in(text) == {}


def test_second_texts_are_looked_at() -> None:
    assert list(found_in("a", "b\u200bc")) == ["character"]


def test_shown_writes_out_what_nobody_sees() -> None:
    assert shown("a\u200b\x1b[1m\nb\t") == "a<U+200B><U+001B>[1m⏎b<U+0009>"
    assert shown("abcdef", 4) == "abc…"
