"""Sequences of BIO tags, as a head sees them and as units have them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from polyhead.tasks.numeric import log_softmax

Stretched = Callable[[int, int], float]
"""How probable the entity from a unit to another, which is one past its last, is."""


def fill_in(tags: Sequence[str], places: NDArray[np.int64], units: int) -> list[str]:
    """Give units without a piece the tag that keeps an entity around them whole, else ``O``.

    Args:
        tags: Of the units with a piece.
        places: Which those are.
        units: How many there are in all.
    """
    all_tags = ["O"] * units
    for place, tag in zip(places, tags, strict=True):
        all_tags[place] = tag
    for before, after in pairwise(places):
        if all_tags[after].startswith("I-"):
            all_tags[before + 1 : after] = [all_tags[after]] * (after - before - 1)
    return all_tags


def stretches(path: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first unit of each entity, and one past its last, of tags that keep the scheme.

    Tag 0 is ``O``; those of one type stand beside each other, the one that begins it first.
    """
    first = None
    for unit, tag in enumerate(path):
        if first is not None and (tag == 0 or tag % 2 == 1):
            yield first, unit
            first = None
        if tag % 2 == 1:
            first = unit
    if first is not None:
        yield first, len(path)


def sure_of_tags(logits: NDArray[np.float32], path: NDArray[np.int64], counts: Sequence[int]) -> Iterator[Stretched]:
    """Yield, for each of several texts, what says how probable an entity of it is: as all its tags are together.

    Args:
        logits: Shape (units of all texts, tags): one text behind the other.
        path: Shape (units of all texts,): the tags.
        counts: Of each text, its units.
    """
    sure = np.zeros(len(path))
    inside = np.flatnonzero(path)  # only what is in an entity needs its probability, which takes longest
    sure[inside] = log_softmax(logits[inside])[np.arange(len(inside)), path[inside]] if len(inside) else 0.0
    best, at = sure.tolist(), 0
    for count in counts:
        own, at = best[at : at + count], at + count
        yield partial(_product, own)


def _product(logs: Sequence[float], first: int, behind: int) -> float:
    return math.exp(sum(logs[first:behind]))
