"""Settings as TOML: what a file of them says, once more."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def as_toml(settings: Mapping[str, Any]) -> str:
    """Write settings as TOML, which `tomllib` reads back as they were.

    Args:
        settings: Tables, lists, texts, numbers and truth values; a path is written as a text, and what is `None` is
            left out, since TOML has no word for it.
    """
    return "\n".join(_section(settings, ())).strip("\n") + "\n"


def _section(table: Mapping[str, Any], name: tuple[str, ...]) -> Iterator[str]:
    """Yield a table's own values, then the tables in it: what stands behind a table's head belongs to it."""
    own = {key: value for key, value in table.items() if value is not None and not isinstance(value, Mapping)}
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    if name and (own or not inner):
        yield f"\n[{'.'.join(map(_key, name))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in own.items())
    for key, value in inner.items():
        yield from _section(value, (*name, key))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return _text(str(value))
    if isinstance(value, Mapping):
        inside = (f"{_key(key)} = {_value(own)}" for key, own in value.items() if own is not None)
        return f"{{ {', '.join(inside)} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    return repr(value)


def _text(text: str) -> str:
    # JSON's escapes are TOML's, but that TOML escapes DEL, too, and knows no halves of pairs.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
