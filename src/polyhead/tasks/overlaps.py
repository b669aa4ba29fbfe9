"""What entities that overlap are to do."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Literal

from polyhead.records import Span
from polyhead.tasks.entities import Entity

Overlap = Literal["any", "nested", "none"]


def settle(entities: Iterable[Entity], overlap: Overlap) -> tuple[Entity, ...]:
    """Keep the entities that may stand together; of two that may not, the more probable one stays.

    Args:
        entities: In any order.
        overlap: ``any``: all may. ``nested``: those may that do not cross. ``none``: those may that share no character.

    Returns:
        Those that stay, in the order of the text.
    """
    kept: list[Entity] = []  # in the order of the text, so that only those nearby are looked at
    starts: list[int] = []
    clash, widest = _CLASHES[overlap], 0
    for entity in sorted(entities, key=lambda entity: (-entity.score, entity.span)):
        span = entity.span
        nearby = slice(bisect_left(starts, span.start - widest), bisect_left(starts, span.end))
        if not any(clash(span, other.span) for other in kept[nearby]):
            at = bisect_left(starts, span.start)
            kept.insert(at, entity)
            starts.insert(at, span.start)
            widest = max(widest, span.end - span.start)
    return tuple(sorted(kept, key=lambda entity: entity.span))


def side_by_side(entities: Iterable[Entity]) -> tuple[Span, ...]:
    """Return places that can be drawn into a text: from left to right, and of those that begin together the widest."""
    drawn: list[Span] = []
    for entity in sorted(entities, key=lambda entity: (entity.span.start, -entity.span.end, -entity.score)):
        if not drawn or entity.span.start >= drawn[-1].end:
            drawn.append(entity.span)
    return tuple(drawn)


def _never(one: Span, other: Span) -> bool:  # noqa: ARG001
    return False


def _cross(one: Span, other: Span) -> bool:
    first, second = sorted((one, other))
    return first.start < second.start < first.end < second.end


def _share_characters(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


_CLASHES: dict[Overlap, Callable[[Span, Span], bool]] = {"any": _never, "nested": _cross, "none": _share_characters}
