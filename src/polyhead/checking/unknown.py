"""Pieces that the encoder's vocabulary lacks, by script: where there are many, it is not one of this language."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from functools import cache
from typing import Any

import numpy as np

from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.encoding import Encoded, TextEncoder
from polyhead.records import Record

_AT_ONCE = 2048
_EXAMPLES = 8
_KEPT = 10_000
"""Different unknown surfaces of a script that are counted, to show the most frequent."""
_MANY = 0.01
"""Above this share of unknown pieces they are a warning."""
_SCRIPTS = {"CJK": "Han", "IDEOGRAPHIC": "Han", "KATAKANA-HIRAGANA": "Katakana", "HALFWIDTH": "Katakana"}
"""First words of characters' names that are not the script's."""


class UnknownPieces:
    """Counts known and unknown pieces by script.

    Args:
        encoder: A tokenizer that has a piece for what it does not know.
        findings: Hears of texts with such pieces.
    """

    def __init__(self, encoder: TextEncoder, findings: Findings) -> None:
        self._findings, self._unknown = findings, encoder.unknown_id
        ids = range(encoder.highest_id + 1)
        names = encoder.names(ids)
        self._scripts = sorted({script_of(name.removeprefix("##")) for name in names})
        numbers = {script: number for number, script in enumerate(self._scripts)}
        self._of_id = np.array([numbers[script_of(name.removeprefix("##"))] for name in names])
        self._known = np.zeros(len(self._scripts), dtype=np.int64)
        self._lacks: Counter[str] = Counter()
        self._waiting: list[tuple[Record, Encoded]] = []
        self._surfaces: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def at(self, seen: Seen) -> None:
        """Take a record's pieces, some thousand records at once."""
        if seen.encoded is not None and self._unknown is not None:
            self._waiting.append((seen.record, seen.encoded))
            if len(self._waiting) == _AT_ONCE:
                self._count()

    def _count(self) -> None:
        waiting, self._waiting = self._waiting, []
        ids = np.concatenate([np.zeros(0, dtype=np.int64), *(encoded.ids for _, encoded in waiting)])
        lacks = ids == self._unknown
        self._known += np.bincount(self._of_id[ids[~lacks]], minlength=len(self._known))
        ends = np.cumsum([len(encoded.ids) for _, encoded in waiting])
        for own in np.unique(np.searchsorted(ends, np.flatnonzero(lacks), side="right")).tolist():
            self._tell(*waiting[own])

    def _tell(self, record: Record, encoded: Encoded) -> None:
        places = (encoded.pieces[at] for at in np.flatnonzero(encoded.ids == self._unknown).tolist())
        surfaces = [encoded.text[start:end] for start, end in places]
        for surface in surfaces:
            script = script_of(surface)
            self._lacks[script] += 1
            if len(self._surfaces[script]) < _KEPT or surface in self._surfaces[script]:
                self._surfaces[script][surface] += 1
        shown = ", ".join(map(repr, dict.fromkeys(surfaces)))
        self._findings.add("unknown piece", record, shown, pieces=len(surfaces), surfaces=surfaces)

    def result(self) -> dict[str, Any]:
        """Return known and unknown pieces by script, most unknown first."""
        self._count()
        known = dict(zip(self._scripts, self._known.tolist(), strict=True))
        scripts = sorted({*known, *self._lacks}, key=lambda script: (-self._lacks[script], -known.get(script, 0)))
        total, lacks = int(self._known.sum()) + self._lacks.total(), self._lacks.total()
        if total and lacks / total > _MANY:
            self._findings.regrade("unknown piece", "warning")
        return {
            "unknown pieces": {
                "pieces": total,
                "unknown": lacks,
                "share": lacks / total if total else 0.0,
                "scripts": [
                    {
                        "script": script,
                        "pieces": known.get(script, 0) + self._lacks[script],
                        "unknown": self._lacks[script],
                        "share": self._lacks[script] / (known.get(script, 0) + self._lacks[script]),
                        "examples": [surface for surface, _ in self._surfaces[script].most_common(_EXAMPLES)],
                    }
                    for script in scripts
                    if known.get(script, 0) + self._lacks[script]
                ],
            }
        }


def script_of(text: str) -> str:
    """Return the script of a text's first letter, such as ``Latin``; ``signs`` where it has none."""
    return next((_script(character) for character in text if character.isalpha()), "signs")


@cache
def _script(letter: str) -> str:
    """Return a letter's script: the first word of its name, but for a few."""
    first = unicodedata.name(letter, "UNNAMED").split(" ")[0]
    return _SCRIPTS.get(first, first.capitalize())
