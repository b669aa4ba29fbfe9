"""The folder form of a bundle.

polyhead.json       tasks, encoding, settings, dev scores, versions
config.json         the encoder's settings, as transformers reads them
tokenizer.json      the tokenizer, as tokenizers reads it
model.safetensors   all weights: encoder and heads
manifest.json       size and SHA-256 of each of these, written last
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from polyhead.bundle.about import About
from polyhead.bundle.bundle import Bundle
from polyhead.bundle.saving import new_folder
from polyhead.errors import BundleError

ABOUT, CONFIG, TOKENIZER, WEIGHTS, MANIFEST = (
    "polyhead.json",
    "config.json",
    "tokenizer.json",
    "model.safetensors",
    "manifest.json",
)
_FILES = (ABOUT, CONFIG, TOKENIZER, WEIGHTS)


def write_folder(
    folder: Path, *, about: About, config_json: str, tokenizer_json: str, write_weights: Callable[[Path], None]
) -> None:
    """Write a bundle; it appears whole or not at all.

    Args:
        folder: The name it takes; a bundle that had it is replaced.
        about: Tasks, encoding, settings, scores.
        config_json: The encoder's settings.
        tokenizer_json: The tokenizer.
        write_weights: Writes the safetensors file to the path it is given.
    """
    with new_folder(folder) as temporary:
        for name, text in ((ABOUT, about.dump()), (CONFIG, config_json), (TOKENIZER, tokenizer_json)):
            (temporary / name).write_text(text, encoding="utf-8")
        write_weights(temporary / WEIGHTS)
        manifest = {name: _fingerprint(temporary / name) for name in _FILES}
        (temporary / MANIFEST).write_text(json.dumps({"files": manifest}, indent=2) + "\n", encoding="utf-8")


def read_folder(folder: Path) -> Bundle:
    """Open a bundle, after checking each file against the manifest.

    Raises:
        BundleError: If a file is missing or altered, or its content cannot be used.
    """
    _verify(folder)
    return Bundle(
        about=About.parse(_text(folder / ABOUT)),
        tokenizer_json=_text(folder / TOKENIZER),
        config_json=_text(folder / CONFIG),
        weights=folder / WEIGHTS,
        path=folder,
    )


def _verify(folder: Path) -> None:
    try:
        listed = json.loads(_text(folder / MANIFEST))["files"]
        wanted = {name: (listed[name]["bytes"], listed[name]["sha256"]) for name in _FILES}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise BundleError(f"{folder / MANIFEST}: cannot be read as a bundle's manifest: {error!r}") from error
    for name, (size, digest) in wanted.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: missing; the bundle is not whole. Copy it again, or take another epoch")
        found = path.stat().st_size
        if found != size:
            raise BundleError(f"{path}: altered: it has {found:,} bytes, the manifest says {size:,}")
        if _fingerprint(path)["sha256"] != digest:
            raise BundleError(f"{path}: altered: its SHA-256 is not the one in the manifest")


def _fingerprint(path: Path) -> dict[str, int | str]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise BundleError(f"{path}: missing; the bundle is not whole. Copy it again, or take another epoch") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(f"{path}: cannot be read: {error}") from error
