"""Sequences of BIO tags, as a head sees them and as units have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


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
