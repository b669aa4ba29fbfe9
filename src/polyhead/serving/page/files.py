"""The page's files, read once: nothing that is asked for ever becomes a path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
"""Content types by a name's ending. A file with another ending is not served."""


@dataclass(frozen=True)
class StaticFile:
    """One file of the page.

    Attributes:
        content: Its bytes.
        content_type: As the header says it.
        etag: A strong validator, quoted, that changes with the content.
    """

    content: bytes
    content_type: str
    etag: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Return the files by name, all of them from the package itself."""
    found = {}
    for entry in files("polyhead.serving.page").joinpath("static").iterdir():
        content_type = _TYPES.get(entry.name.rpartition(".")[2])
        if content_type and entry.is_file():
            content = entry.read_bytes()
            found[entry.name] = StaticFile(content, content_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return MappingProxyType(found)
