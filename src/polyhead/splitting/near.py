"""Texts that are nearly the same."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

from polyhead.errors import MissingExtraError
from polyhead.records import text_key
from polyhead.splitting.grouping import Joined

_SHINGLE = 4
"""Characters of a shingle: texts are as near as the sets of theirs."""
_HASHES = 128
_SEED = 1
"""Of the hashes; fixed, so that what is near does not depend on the seed of a split."""
_WEIGHTS = (0.1, 0.9)
"""Of pairs found in vain and of pairs missed, when the bands are chosen: what is found is looked at again."""


def shingles(text: str) -> frozenset[bytes]:
    """Return the stretches of four characters of a text, case and white space aside."""
    key = f" {text_key(text)} "
    return frozenset(
        key[at : at + _SHINGLE].encode("utf-8", "surrogatepass") for at in range(max(1, len(key) - _SHINGLE + 1))
    )


def join_near(
    texts: Sequence[str], *, threshold: float, on_text: Callable[[int], None] = lambda _: None
) -> list[tuple[int, int]]:
    """Find texts that are nearly the same, by MinHash and locality-sensitive hashing (Broder 1997).

    Args:
        texts: Different texts.
        threshold: How large a share of the shingles of two texts together both must have (Jaccard index).
        on_text: Called with the number of texts done since the last call.

    Returns:
        Pairs of places, of which each group of texts is put together that hang together by near pairs. Each was
        compared shingle by shingle; pairs that are only just near enough may be missed.

    Raises:
        MissingExtraError: If datasketch is not installed.
    """
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError as error:
        raise MissingExtraError("finding near-duplicates", "check") from error
    empty = MinHash(num_perm=_HASHES, seed=_SEED, hashfunc=zlib.crc32)  # to make one anew takes longer than a copy
    index = MinHashLSH(threshold=threshold, num_perm=_HASHES, weights=_WEIGHTS)
    sets = [shingles(text) for text in texts]
    joined, pairs = Joined(len(texts)), list[tuple[int, int]]()
    for at, own in enumerate(sets):
        hashed = empty.copy()
        hashed.update_batch(own)
        for other in sorted(index.query(hashed)):
            # One near text of a group is enough: in a crowd of like texts each is near to many.
            if joined.root(other) != joined.root(at) and _jaccard(sets[other], own) >= threshold:
                joined.join(other, at)
                pairs.append((other, at))
        index.insert(at, hashed, check_duplication=False)
        on_text(1)
    return pairs


def _jaccard(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
