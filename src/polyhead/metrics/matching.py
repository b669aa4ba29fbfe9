"""How entities found match the gold ones of a text, strictly and less so.

Four schemes of SemEval-2013 task 9.1 (Segura-Bedmar et al. 2013), as the library nervaluate counts them: each entity
found, in the order of the text, takes the gold entity that fits it by the scheme; failing that, the first one left that
it touches, and counts as half right (``partial``) or wrong; failing that, it is spurious. Gold entities left over are
missed.

    strict    place and type
    exact     place
    partial   place; what only touches counts half
    ent_type  type, of entities that touch; of several the one whose boundaries are nearest
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from polyhead.records import Span

SCHEMES = ("strict", "exact", "partial", "ent_type")
Outcome = Literal["correct", "incorrect", "partial", "spurious"]
OUTCOMES: tuple[Outcome, ...] = ("correct", "incorrect", "partial", "spurious")

_Fits = Callable[[Span, Span], bool]


def _same_place(one: Span, other: Span) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _touch(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


_FITS: dict[str, _Fits] = {
    "strict": lambda found, gold: found == gold,
    "exact": _same_place,
    "partial": _same_place,
    "ent_type": lambda found, gold: found.label == gold.label and _touch(found, gold),
}


def outcomes(golds: Sequence[Span], found: Sequence[Span], scheme: str) -> dict[Outcome, int]:
    """Count how the entities found in a text come off by a scheme; missed are the gold ones that none of these took."""
    counts = dict.fromkeys(OUTCOMES, 0)
    if tuple(golds) == tuple(found):  # the usual case; then each finds its own
        return counts | {"correct": len(found)}
    fits = _FITS[scheme]
    left = list(golds)
    for own in found:
        fitting = min((gold for gold in left if fits(own, gold)), key=lambda gold: _apart(own, gold), default=None)
        touched = next((gold for gold in left if _touch(own, gold)), None)
        taken = fitting if fitting is not None else touched
        if taken is None:
            counts["spurious"] += 1
            continue
        left.remove(taken)
        counts[_outcome(scheme, fits=fitting is not None)] += 1
    return counts


def _outcome(scheme: str, *, fits: bool) -> Outcome:
    if fits:
        return "correct"
    return "partial" if scheme == "partial" else "incorrect"


def _apart(one: Span, other: Span) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


Error = Literal["wrong type", "wrong boundary", "wrong type and boundary", "missed", "spurious"]
ERRORS: tuple[Error, ...] = ("wrong type", "wrong boundary", "wrong type and boundary", "missed", "spurious")


def errors(golds: Sequence[Span], found: Sequence[Span]) -> list[tuple[Error, Span | None, Span | None]]:
    """Sort what is wrong in a text.

    What is right is set aside. Then entities in the same place are taken for one another, then those of one type that
    touch, then those that touch.

    Returns:
        The error, the gold entity and the entity found; `None` where there is none, of what is spurious or missed.
    """
    right = set(golds) & set(found)
    golds_left, found_left = ([span for span in spans if span not in right] for spans in (golds, found))
    pairs: list[tuple[Error, Span | None, Span | None]] = []
    stages: tuple[tuple[Error, _Fits], ...] = (
        ("wrong type", _same_place),
        ("wrong boundary", _FITS["ent_type"]),
        ("wrong type and boundary", _touch),
    )
    for error, fits in stages:
        for own in list(found_left):
            if (gold := next((gold for gold in golds_left if fits(own, gold)), None)) is not None:
                golds_left.remove(gold)
                found_left.remove(own)
                pairs.append((error, gold, own))
    pairs += [("missed", gold, None) for gold in golds_left]
    return pairs + [("spurious", None, own) for own in found_left]
