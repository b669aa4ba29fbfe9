"""Texts that are nearly the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from polyhead.checking.near import NearTexts
from polyhead.records import text_key
from polyhead.splitting.grouping import Joined


def join_near(
    texts: Sequence[str], *, threshold: float, on_text: Callable[[int], None] = lambda _: None
) -> list[tuple[int, int]]:
    """Find texts that are nearly the same, as `polyhead.checking.near` does.

    Args:
        texts: Different texts.
        threshold: How large a share of the pieces of five characters that either text has both must have.
        on_text: Called with the number of texts done since the last call.

    Returns:
        Pairs of places, of which each group of texts is put together that hang together by near pairs. Each was
        compared piece by piece; pairs that are only just near enough may be missed.
    """
    joined, pairs = Joined(len(texts)), list[tuple[int, int]]()
    keys = [text_key(text) for text in texts]
    with TemporaryDirectory(prefix="polyhead-") as folder:
        near = NearTexts(Path(folder), at_least=threshold)
        for key in keys:
            near.add(key)
            on_text(1)
        for pair in near.pairs(keys.__getitem__):
            if joined.root(pair.other) != joined.root(pair.record):
                joined.join(pair.other, pair.record)
                pairs.append((pair.other, pair.record))
    return pairs
