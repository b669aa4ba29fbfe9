"""Entities that a head cannot say as they are: ends inside a unit, overlaps, and the rest."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

from polyhead.checking.findings import Findings
from polyhead.checking.looking import Seen
from polyhead.encoding import Encoded, UnitKind
from polyhead.encoding.units import Units, find_units
from polyhead.records import Record, Span
from polyhead.tasks import Task

Policy = Literal["error", "snap", "drop"]
POLICIES: tuple[str, ...] = get_args(Policy)
_GAP = re.compile(r"\s+(?=\S)")
MOST = 0.01
"""Where no policy is given, misaligned entities are errors when they are more than this share."""


class Alignment:
    """Looks at the entities of one task whose head labels units.

    Args:
        task: The task.
        policy: What becomes of misaligned entities: they are errors, are moved to the bounds of units, or left out.
        findings: Hears of them.
    """

    def __init__(self, task: Task, policy: Policy | None, findings: Findings) -> None:
        self._task, self._policy, self._findings = task, policy, findings
        self._unit: UnitKind = task.options.unit
        self._one_at_a_time = task.head().reads == "token"
        self.counts: Counter[str] = Counter()

    def at(self, seen: Seen) -> None:
        """Look at a record's entities."""
        annotation = seen.record.annotations.get(self._task.name)
        if annotation is None or not (spans := self._task.annotated(annotation)):
            return
        self.counts["entities"] += len(spans)
        if seen.encoded and self._one_at_a_time and _plain(seen.record.text, spans, seen.encoded):
            return
        units = seen.encoded.units(self._unit) if seen.encoded else find_units(self._unit, seen.record.text, ())
        told = {*self._misaligned(seen.record, spans, units)}
        if self._one_at_a_time:
            told.update(self._overlapping(seen.record, spans))
        if seen.encoded is None:
            return
        for surface in self._task.beyond(annotation, seen.encoded):
            if surface not in told:
                self._findings.add("beyond", seen.record, repr(surface), task=self._task.name, surface=surface)

    def result(self) -> dict[str, Any]:
        """Nothing of its own: `Alignments` has the shares of all tasks."""
        return {}

    def _misaligned(self, record: Record, spans: Sequence[Span], units: Units) -> Iterator[str]:
        text = record.text
        if all(_between_blanks(text, span) for span in spans):
            return  # no unit goes on over a blank
        starts, ends = [start for start, _ in units.extents], [end for _, end in units.extents]
        snapped = [_snap(span, starts, ends) for span in spans]
        for at, (span, moved) in enumerate(zip(spans, snapped, strict=True)):
            if moved == span:
                continue
            self.counts["misaligned"] += 1
            self._tell(record, span, moved, [*snapped[:at], *snapped[at + 1 :]])
            yield text[span.start : span.end]

    def _tell(self, record: Record, span: Span, moved: Span, others: Sequence[Span]) -> None:
        text = record.text
        surface, new = text[span.start : span.end], text[moved.start : moved.end]
        clash = self._one_at_a_time and any(moved.start < own.end and own.start < moved.end for own in others)
        found = f"[{surface}]{span.label} at {span.start} to {span.end}"
        if self._policy == "drop":
            found += ": to be left out"
        elif clash:
            found += f"; moved to the bounds of units it would be [{new}], which overlaps another entity"
        else:
            found += f"; at the bounds of units it would be [{new}], {moved.start} to {moved.end}"
        self._findings.add(
            "misaligned",
            record,
            found,
            severity="warning" if self._policy == "drop" or (self._policy == "snap" and not clash) else "error",
            task=self._task.name,
            start=span.start,
            end=span.end,
            label=span.label,
            surface=surface,
            repair=None
            if self._policy == "drop" or clash
            else {"start": moved.start, "end": moved.end, "label": span.label, "surface": new},
        )

    def _overlapping(self, record: Record, spans: Sequence[Span]) -> Iterator[str]:
        before: Span | None = None
        for span in sorted(spans):
            if before is not None and span.start < before.end:
                one, other = (f"[{record.text[own.start : own.end]}]{own.label}" for own in (before, span))
                self._findings.add("overlap", record, f"{one} and {other}", task=self._task.name)
                yield record.text[before.start : before.end]
                yield record.text[span.start : span.end]
            if before is None or span.end > before.end:
                before = span


class Alignments:
    """Looks at the entities of all tasks whose heads label units.

    Args:
        tasks: The tasks; those without units are passed over.
        policy: See `Alignment`; where it is not given, misaligned entities are errors when there are many.
        findings: Hears of them.
    """

    def __init__(self, tasks: Sequence[Task], policy: Policy | None, findings: Findings) -> None:
        self._policy, self._findings = policy, findings
        with_units = [task for task in tasks if hasattr(task.options, "unit")]
        self._own = {task.name: Alignment(task, policy, findings) for task in with_units}

    def at(self, seen: Seen) -> None:
        """Look at a record."""
        for own in self._own.values():
            own.at(seen)

    def result(self) -> dict[str, Any]:
        """Return the shares of misaligned entities, by task."""
        found = {name: own.counts for name, own in self._own.items() if own.counts["entities"]}
        shares = {name: counts["misaligned"] / counts["entities"] for name, counts in found.items()}
        if self._policy is None and self._findings.total("misaligned") and max(shares.values()) <= MOST:
            self._findings.regrade("misaligned", "warning")
        return {
            "entities": {
                name: {
                    "entities": counts["entities"],
                    "misaligned": counts["misaligned"],
                    "share": round(shares[name], 6),
                }
                for name, counts in found.items()
            }
        }


def _plain(text: str, spans: Sequence[Span], encoded: Encoded) -> bool:
    """Whether entities are of whole words that each begin with a piece, side by side: then tags can say them.

    It is so of nearly all, and quicker to see than units are found.
    """
    starts = {start for start, _ in encoded.pieces}
    before = 0
    for span in spans:
        if span.start < before or span.start not in starts or not _between_blanks(text, span):
            return False
        surface = text[span.start : span.end]
        if len(surface.split()) > 1 and not all(span.start + gap.end() in starts for gap in _GAP.finditer(surface)):
            return False
        before = span.end
    return True


def _between_blanks(text: str, span: Span) -> bool:
    return (span.start == 0 or text[span.start - 1].isspace()) and (span.end == len(text) or text[span.end].isspace())


def _snap(span: Span, starts: Sequence[int], ends: Sequence[int]) -> Span:
    """Return a span at the bounds of the units that it begins and ends in; itself where these are its own."""
    first = max(0, bisect_right(starts, span.start) - 1)
    last = min(len(ends) - 1, bisect_left(ends, span.end))
    start = starts[first] if span.start < ends[first] else span.start
    end = ends[last] if span.end > starts[last] else span.end
    return Span(start, end, span.label)
