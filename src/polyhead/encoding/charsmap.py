"""The table of characters that sentencepiece compiles: 4 bytes, the size of a trie; the trie; the texts it leads to.

The library trusts it, and a place beyond its end takes the whole process down. So every way through the trie is gone
before, as the library would go it (a double array: Aoe 1989).
"""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding.vocabulary import RefusedError

_LARGEST = 4 * 2**20
_LONGEST = 64
"""Bytes that a character may become: 33 in Unicode's own tables."""
_MOST_STEPS = 64
"""Bytes of what is replaced."""
_LABEL = 1 << 31 | 0xFF


def check_charsmap(text: object) -> None:
    """Check a compiled table before the library reads it.

    Raises:
        RefusedError: If it is too large, would make too long a text of one character, or leads beyond its end.
        ValueError: If it is none.
    """
    if not isinstance(text, str) or len(text) > _LARGEST:
        raise RefusedError(f"a table of characters is a text of at most {_LARGEST:,} bytes")
    content = base64.b64decode(text, validate=True)
    size = int.from_bytes(content[:4], "little")
    if not 0 < size <= len(content) - 4 or size % 4:
        raise ValueError("the table of characters (precompiled_charsmap) is cut short")
    texts = content[4 + size :]
    texts.decode("utf-8")
    if not texts.endswith(b"\0") or max(map(len, texts.split(b"\0"))) > _LONGEST:
        raise RefusedError(f"its table of characters makes more than {_LONGEST} bytes of one")
    _check_ways(np.frombuffer(content, dtype="<u4", count=size // 4, offset=4).astype(np.int64), texts)


def _check_ways(units: NDArray[np.int64], texts: bytes) -> None:
    """Go all ways from the root, and see that each ends in the table, and at the beginning of a text's character."""
    seen = np.zeros(len(units), dtype=np.bool_)
    places = _inside(np.array([_offset(units[:1])[0]]), units)
    for _ in range(_MOST_STEPS):
        steps = _inside(places[:, None] ^ np.arange(1, 256), units)
        taken = (units[steps] & _LABEL) == np.arange(1, 256)
        reached = steps[taken]
        if not len(reached):
            return
        places = _inside(reached ^ _offset(units[reached]), units)
        _check_texts(units[places[(units[reached] >> 8) & 1 == 1]] & 0x7FFFFFFF, texts)
        places = np.unique(places[~seen[places]])
        seen[places] = True
        if not len(places):
            return
    raise RefusedError(f"its table of characters replaces more than {_MOST_STEPS} bytes at once")


def _offset(units: NDArray[np.int64]) -> NDArray[np.int64]:
    return (units >> 10) << ((units & (1 << 9)) >> 6)


def _inside(places: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.int64]:
    if len(places) and places.max() >= len(units):
        raise RefusedError("its table of characters leads beyond its own end")
    return places


def _check_texts(starts: NDArray[np.int64], texts: bytes) -> None:
    if len(starts) and starts.max() >= len(texts):
        raise RefusedError("its table of characters leads beyond its texts")
    first = np.frombuffer(texts, dtype=np.uint8)[starts]
    if ((first & 0xC0) == 0x80).any():
        raise RefusedError("its table of characters leads into the middle of a character")
