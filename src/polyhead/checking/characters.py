"""Characters in texts that nobody sees, or that look like others."""

from __future__ import annotations

import re
import unicodedata

from polyhead.checking.findings import Findings
from polyhead.records import Record

_ODD = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffd"
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""Zero-width and direction marks, line and paragraph separators, U+FEFF, U+FFFD, and control characters but tab and
line ends."""
_SHOWN = re.compile(f"{_ODD.pattern}|[\t\r]")
_JOINERS = frozenset("\u200c\u200d")
"""Zero-width characters that scripts and emoji need between characters."""
_TWO_BLANKS = re.compile(r"\s\s")
_NAMES = {"\ufeff": "ZERO WIDTH NO-BREAK SPACE (byte order mark)"}


def check_characters(record: Record, findings: Findings) -> None:
    """Look at a record's texts.

    Args:
        record: The record.
        findings: Hears what is odd.
    """
    for text in (record.text,) if record.second is None else (record.text, record.second):
        if odd := [found for found in _ODD.finditer(text) if not _joins(text, found.start())]:
            names = dict.fromkeys(name_of(found.group()) for found in odd)
            places = [found.start() for found in odd]
            findings.add("character", record, f"{', '.join(names)} at {places[0]}", characters=list(names), at=places)
        if blanks := _blanks(text):
            findings.add("blank", record, blanks)
        if not text.isascii() and not unicodedata.is_normalized("NFC", text):
            findings.add("not NFC", record, "another text in NFC: accents stand apart from their letters, say")


def name_of(character: str) -> str:
    """Name a character by its code point, and its name where it has one."""
    name = _NAMES.get(character) or unicodedata.name(character, "control character")
    return f"U+{ord(character):04X} {name}"


def shown(text: str, most: int | None = None) -> str:
    """Return a text with its odd characters written out, line ends too, and no more than so many characters of it."""
    cut = text if most is None or len(text) <= most else f"{text[: most - 1]}…"
    return _SHOWN.sub(lambda found: f"<U+{ord(found.group()):04X}>", cut.replace("\r\n", "⏎").replace("\n", "⏎"))


def _joins(text: str, at: int) -> bool:
    """Whether a joiner stands between two characters that are not ASCII: then it belongs there."""
    if text[at] not in _JOINERS:
        return False
    return 0 < at < len(text) - 1 and not text[at - 1].isascii() and not text[at + 1].isascii()


def _blanks(text: str) -> str:
    found = []
    if _TWO_BLANKS.search(text.strip()):
        found.append("several blanks in a row")
    if text[:1].isspace():
        found.append("a blank at the start")
    if text[-1:].isspace():
        found.append("a blank at the end")
    return ", ".join(found)
