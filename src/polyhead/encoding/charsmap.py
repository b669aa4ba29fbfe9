"""The table of characters that sentencepiece compiles: 4 bytes, the size of a trie; the trie; the texts it leads to."""

from __future__ import annotations

import base64

from polyhead.encoding.vocabulary import RefusedError

_LARGEST = 4 * 2**20
_LONGEST = 64
"""Bytes that a character may become: 33 in Unicode's own tables."""


def check_charsmap(text: object) -> None:
    """Check a compiled table before the library reads it, which trusts it.

    Raises:
        RefusedError: If it is too large, or would make too long a text of one character.
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
