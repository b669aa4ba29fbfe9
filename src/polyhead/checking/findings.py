"""What a check finds: what kinds there are, how bad each is, and what to do about it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import Any, Literal

from polyhead.errors import DataError
from polyhead.records import Record, Source

Severity = Literal["error", "warning", "note"]
LISTED = 100_000
"""Findings of a kind that are kept with their places; all are counted."""


@dataclass(frozen=True)
class Kind:
    """One kind of finding.

    Attributes:
        severity: ``error`` where data must be mended before they are used, ``warning`` where figures or models will be
            worse than they look, ``note`` for what is worth knowing.
        what: What it is, in the plural.
        do: What to do about it.
    """

    severity: Severity
    what: str
    do: str


KINDS: dict[str, Kind] = {
    "malformed": Kind("error", "records that cannot be read", "mend the line; training stops at the first of them"),
    "tag": Kind("error", "tags that fit no scheme", "write 'O', or a prefix (B-, I-, L-, U-, E-, S-) and a type"),
    "untaught": Kind("error", "tasks that cannot be learnt", "annotate training records, or leave the task out"),
    "misaligned": Kind(
        "error", "entities that begin or end inside a unit", "move their ends, or choose another unit for the task"
    ),
    "overlap": Kind("error", "entities that overlap in a task of tags", "keep one of them, or use the kind 'spans'"),
    "scheme": Kind(
        "warning", "tags that break the file's scheme", "open entities by B- and close them as the file does"
    ),
    "beyond": Kind(
        "warning", "entities that the head cannot say", "they are never learnt: mend the text, or the task's settings"
    ),
    "conflict": Kind("warning", "equal texts with different annotations", "decide which is right; at most one is"),
    "leak": Kind(
        "warning", "texts that an earlier split has, too", "remove them from one split; scores on them flatter"
    ),
    "near leak": Kind("warning", "texts nearly as in an earlier split", "look whether they may stand in both splits"),
    "unseen label": Kind(
        "warning", "records with a label that training lacks", "they cannot be answered; train on some"
    ),
    "character": Kind("warning", "texts with characters that nobody sees", "remove or replace them, unless meant"),
    "duplicate": Kind("note", "texts that stand in their split already", "they count twice; keep them only if meant"),
    "near duplicate": Kind("note", "texts nearly as another of their split", "look whether they add anything"),
    "rare label": Kind("note", "labels of few training records", "annotate more, or merge labels"),
    "too long": Kind(
        "note", "texts longer than the encoder reads at once", "they are read in windows; nothing is lost"
    ),
    "unknown piece": Kind("note", "texts with pieces the encoder lacks", "take an encoder of the texts' language"),
    "blank": Kind("note", "texts with odd blanks", "nothing, unless places of entities are counted elsewhere"),
    "not NFC": Kind(
        "note", "texts that are not in Unicode's form NFC", "normalise them, and what is asked later, alike"
    ),
    "unread field": Kind("note", "fields that no task reads", "nothing, unless a task was to read them"),
}
"""The kinds, errors first."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        source: Where it is; `None` where it is about the whole.
        text: The record's text; "" where there is none.
        found: What was found.
        severity: Of this finding.
        more: Further particulars, as JSON values.
    """

    source: Source | None
    text: str
    found: str
    severity: Severity
    more: tuple[tuple[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        place = {"file": self.source.path, "line": self.source.line} if self.source else {"file": None, "line": None}
        return {**place, "severity": self.severity, "found": self.found, "text": self.text, **dict(self.more)}


class Findings:
    """Collects findings by kind: counts all, keeps the first `LISTED` of each kind.

    Args:
        listed: How many to keep of each kind.
    """

    def __init__(self, listed: int = LISTED) -> None:
        self._listed = listed
        self._kept: defaultdict[str, list[Finding]] = defaultdict(list)
        self._counts: defaultdict[str, Counter[Severity]] = defaultdict(Counter)

    def add(
        self,
        kind: str,
        about: Record | Source | None,
        found: str,
        *,
        severity: Severity | None = None,
        text: str = "",
        **more: Any,
    ) -> None:
        """Take a finding.

        Args:
            kind: Of `KINDS`.
            about: The record, or its place.
            found: What was found.
            severity: Where it is not the kind's.
            text: The text, where no record is given.
            more: Further particulars, as JSON values.
        """
        own = severity or KINDS[kind].severity
        self._counts[kind][own] += 1
        if len(self._kept[kind]) < self._listed:
            source, text = (about.source, about.text) if isinstance(about, Record) else (about, text)
            self._kept[kind].append(Finding(source, text, found, own, tuple(more.items())))

    def regrade(self, kind: str, severity: Severity) -> None:
        """Have all findings of a kind be of one severity, now that all of them are known."""
        self._counts[kind] = Counter({severity: self.total(kind)})
        self._kept[kind] = [replace(own, severity=severity) for own in self._kept[kind]]

    def add_error(self, error: DataError, path: str) -> None:
        """Take a complaint of the reader, which begins with file and line.

        Args:
            error: The complaint.
            path: The file's name.
        """
        rest = str(error).removeprefix(f"{path}:")
        line, _, said = rest.partition(": ")
        source = Source(path, int(line)) if line.isdecimal() else None
        self.add("malformed", source, said if source else str(error))

    def total(self, kind: str) -> int:
        """Return how many there are of a kind."""
        return self._counts[kind].total()

    def errors(self) -> int:
        """Return how many errors there are."""
        return sum(own["error"] for own in self._counts.values())

    def summary(self) -> list[dict[str, Any]]:
        """Return a row for each kind that there is: errors first."""
        rows = [
            {
                "finding": kind,
                "severity": self._worst(kind),
                "count": self.total(kind),
                "listed": len(self._kept[kind]),
                "what": about.what,
                "do": about.do,
            }
            for kind, about in KINDS.items()
            if self.total(kind)
        ]
        return sorted(rows, key=lambda row: ("error", "warning", "note").index(str(row["severity"])))

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return the findings that are kept, by kind."""
        return {row["finding"]: [own.to_json() for own in self._kept[row["finding"]]] for row in self.summary()}

    def _worst(self, kind: str) -> Severity:
        order: tuple[Severity, ...] = ("error", "warning", "note")
        return next(severity for severity in order if self._counts[kind][severity])
