"""JSON objects, and arrays of them with the line on which each begins."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner))
objects = st.dictionaries(st.text(max_size=6), values, max_size=4)
indents = st.sampled_from([None, 0, 1, 4, "\t"])


def array_of(records: list[dict[str, Any]], *, indent: int | str | None, ascii_only: bool) -> tuple[str, list[int]]:
    """Write an array as `json.dump` does, and say on which line each element begins."""
    text = json.dumps(records, indent=indent, ensure_ascii=ascii_only)
    if indent is None:
        return text, [1] * len(records)
    lines = []
    at = 2
    for record in records:
        lines.append(at)
        at += 1 + json.dumps(record, indent=indent, ensure_ascii=ascii_only).count("\n")
    return text, lines


def lines_of(records: list[dict[str, Any]], *, ascii_only: bool) -> str:
    """Write JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=ascii_only) + "\n" for record in records)
