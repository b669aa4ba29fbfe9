"""`manifest.json`: size and SHA-256 of each file of a folder, written last; a folder without it is not whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from polyhead.bundle.reading import MIB, plain_file, read_text
from polyhead.errors import BundleError
from polyhead.strict_json import parse_json

MANIFEST = "manifest.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254}")


def manifest_of(folder: Path) -> str:
    """Return the content of the manifest of a folder's files as they are now."""
    files = {path.name: _fingerprint(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    return json.dumps({"files": files}, indent=2) + "\n"


def verify(folder: Path, names: Iterable[str], *, cure: str, limits: Mapping[str, int] | None = None) -> None:
    """Check files against the manifest, before anything is made of them; no other file is opened.

    Args:
        folder: The folder.
        names: The files that must be there and be what the manifest says.
        cure: What to do when they are not, as it ends a message.
        limits: Bytes that a file may have, by name.

    Raises:
        BundleError: If one is missing, no plain file, too large, or altered.
    """
    wanted = _listed(folder, names, cure=cure)
    for name, (size, digest) in wanted.items():
        path, limit = folder / name, (limits or {}).get(name)
        with plain_file(path, cure=cure) as (file, found):
            if found != size:
                raise BundleError(f"{path}: altered: it has {found:,} bytes, the manifest says {size:,}; {cure}")
            _check_no_holes(path, file.fileno(), cure)
            if limit is not None and found > limit:
                raise BundleError(f"{path}: too large: it may have {limit:,} bytes, found {found:,}; {cure}")
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise BundleError(f"{path}: altered: its SHA-256 is not the one in the manifest; {cure}")


def _check_no_holes(path: Path, handle: int, cure: str) -> None:
    """See that a large file is as large on the disk: a terabyte of nothing takes hours to read."""
    found = os.fstat(handle)
    on_disk = getattr(found, "st_blocks", 0) * 512
    if found.st_size > 64 * MIB and 0 < on_disk < found.st_size // 4:
        raise BundleError(f"{path}: {found.st_size:,} bytes of which {on_disk:,} are on the disk: mostly holes; {cure}")


def _listed(folder: Path, names: Iterable[str], *, cure: str) -> dict[str, tuple[int, str]]:
    """Return size and checksum of the files that are wanted, as the manifest says."""
    text = read_text(folder / MANIFEST, cure=cure, limit=MIB)
    try:
        files = parse_json(text)["files"]
        _check_names(files)
        return {name: _entry(name, files[name]) for name in names}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{folder / MANIFEST}: cannot be read as a manifest: {repr(error)[:1000]}; {cure}") from error


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name) or name in {".", ".."}:
            raise ValueError(f"it names {name[:80]!r}, which is no name of a file in this folder")


def _entry(name: str, entry: Mapping[str, Any]) -> tuple[int, str]:
    size, digest = entry["bytes"], entry["sha256"]
    if type(size) is not int or not 0 <= size < 2**63 or not _DIGEST.fullmatch(digest):
        raise ValueError(f"of {name} it says {reprlib.repr(size)} bytes and the SHA-256 {reprlib.repr(digest)}")
    return size, digest


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
