"""`manifest.json`: size and SHA-256 of each file of a folder, written last; a folder without it is not whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from polyhead.errors import BundleError

MANIFEST = "manifest.json"


def manifest_of(folder: Path) -> str:
    """Return the content of the manifest of a folder's files as they are now."""
    files = {path.name: _fingerprint(path) for path in sorted(folder.iterdir()) if path.name != MANIFEST}
    return json.dumps({"files": files}, indent=2) + "\n"


def verify(folder: Path, names: Iterable[str], *, cure: str) -> None:
    """Check files against the manifest, before anything is made of them.

    Args:
        folder: The folder.
        names: The files that must be there and be what the manifest says.
        cure: What to do when they are not, as it ends a message.

    Raises:
        BundleError: If one is missing, no plain file, or altered.
    """
    try:
        listed = json.loads(read_text(folder / MANIFEST, cure=cure))["files"]
        wanted = {name: (listed[name]["bytes"], listed[name]["sha256"]) for name in names}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BundleError(f"{folder / MANIFEST}: cannot be read as a manifest: {error!r}; {cure}") from error
    for name, (size, digest) in wanted.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; {cure}")
        found = path.stat().st_size
        if found != size:
            raise BundleError(f"{path}: altered: it has {found:,} bytes, the manifest says {size!r}; {cure}")
        if _fingerprint(path)["sha256"] != digest:
            raise BundleError(f"{path}: altered: its SHA-256 is not the one in the manifest; {cure}")


def read_text(path: Path, *, cure: str) -> str:
    """Read a file that must be there.

    Raises:
        BundleError: If it is not, or is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BundleError(f"{path}: missing; {cure}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read: {error}; {cure}") from error


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
