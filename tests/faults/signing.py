"""Bundles whose manifest is as it should be, whatever is in them: what a stranger would send."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from polyhead.bundle.manifest import MANIFEST, manifest_of


def sign(folder: Path) -> Path:
    """Write the manifest of a folder anew."""
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / MANIFEST).write_text(manifest_of(folder), encoding="utf-8")
    return folder


def put(folder: Path, name: str, content: bytes | str) -> Path:
    """Replace a file and sign the folder."""
    (folder / name).write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return sign(folder)


def change_json(folder: Path, name: str, **changes: Any) -> Path:
    """Replace keys of a JSON file and sign the folder."""
    content = json.loads((folder / name).read_text(encoding="utf-8"))
    return put(folder, name, json.dumps({**content, **changes}))


def safetensors(header: Any, data: bytes = b"") -> bytes:
    """Write a safetensors file with any header; a text stays as it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
