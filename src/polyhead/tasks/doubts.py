"""How much a model that was trained without a record speaks against the record's annotation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding import Encoded
from polyhead.metrics.matching import errors
from polyhead.records import Span, in_words
from polyhead.tasks.head import IGNORE

if TYPE_CHECKING:
    from polyhead.tasks.base import Task


@dataclass(frozen=True)
class Doubt:
    """One thing in an annotation that a model disagrees with.

    Attributes:
        score: By how much more probable the model holds its own answer than what is annotated; above 0, to 1.
        given: What is annotated, in words.
        suggested: What the model answers, in words.
        span: First character and one past the last, where it is about a part of the text.
        is_extent: Whether it is about where something is, or that it is there at all, rather than about what it is.
    """

    score: float
    given: str
    suggested: str
    span: tuple[int, int] | None = None
    is_extent: bool = False


def doubts_of_whole(
    task: Task,
    annotation: Any,
    logits: NDArray[np.float32],
    encoded: Encoded,
    *,
    say: Callable[[Any], str] | None = None,
) -> list[Doubt]:
    """Return at most one doubt: that which speaks most clearly against an annotation, of any of its targets.

    Args:
        task: The task.
        annotation: One that it knows.
        logits: As `Task.decode` gets them.
        encoded: The text.
        say: Puts an answer in words, as annotations are; its own words where not given.
    """
    answer = task.decode(logits, encoded)
    if task.is_right(annotation, answer):
        return []
    soft, target = task.soften(logits, encoded), task.encode(annotation, encoded)
    score = float(_margins(soft, target, is_class=not task.head().target).max(initial=0.0))
    given = task.in_words(annotation, encoded.text)
    suggested = say(answer) if say else answer.in_words(encoded.text)
    return [Doubt(score, given, suggested)] if score > 0 else []


def doubts_of_entities(
    text: str, golds: Sequence[Span], found: Sequence[Span], probable: Callable[[Span], float]
) -> list[Doubt]:
    """Return a doubt for each entity, or pair of entities taken for one another, that is not strictly right.

    Args:
        text: The text.
        golds: The annotated entities.
        found: Those that the model answers.
        probable: How probable the model holds an entity. Where one stands against none, its opposite is compared with.
    """
    doubts = []
    for error, gold, own in errors(golds, found):
        of_gold, of_own = (None if span is None else probable(span) for span in (gold, own))
        score = _or_opposite(of_own, of_gold) - _or_opposite(of_gold, of_own)
        spans = [span for span in (gold, own) if span is not None]
        place = min(span.start for span in spans), max(span.end for span in spans)
        given, suggested = (in_words([] if span is None else [span], text) for span in (gold, own))
        if score > 0:
            doubts.append(Doubt(score, given, suggested, place, is_extent=error != "wrong type"))
    return doubts


def _or_opposite(value: float | None, other: float | None) -> float:
    return value if value is not None else 1 - (other or 0.0)


def truth(soft: NDArray[np.float32], target: NDArray[Any], *, is_class: bool) -> NDArray[np.float32]:
    """Return how probable each known part of a target is held.

    Args:
        soft: Of `Task.soften`.
        target: Of `Task.encode`.
        is_class: The target is a class for the text or for each unit, not a yes or no for each output.
    """
    return _held(soft, target, is_class=is_class)[0]


def _margins(soft: NDArray[np.float32], target: NDArray[Any], *, is_class: bool) -> NDArray[np.float32]:
    """Return by how much more probable than each known part of a target the most probable other answer is held."""
    right, best = _held(soft, target, is_class=is_class)
    return best - right


def _held(
    soft: NDArray[np.float32], target: NDArray[Any], *, is_class: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return how probable each known part of a target is held, and how probable what is most probable there."""
    if is_class:
        rows, places = soft.reshape(-1, soft.shape[-1]), target.reshape(-1)
        known = (places != IGNORE) & ~np.isnan(rows[:, 0])
        return rows[known, places[known]], rows[known].max(axis=1)
    target = target.reshape(soft.shape)
    known = (target != IGNORE) & ~np.isnan(soft)
    right = np.where(target == 1, soft, 1 - soft)[known]
    return right, np.maximum(right, 1 - right)
