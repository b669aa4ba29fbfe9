"""The folder form of a bundle.

polyhead.json         tasks, encoding, settings, dev scores, versions
config.json           the encoder's settings, as transformers reads them
tokenizer.json        the tokenizer, as tokenizers reads it
model.safetensors     all weights: encoder and heads
adapters.safetensors  the weights of adapters that are kept beside the encoder, where `polyhead.json` speaks of some
manifest.json         size and SHA-256 of each of these, written last

An exported bundle has graphs instead of weights: see `polyhead.bundle.exported`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from polyhead.bundle.about import About
from polyhead.bundle.adapters import ADAPTERS
from polyhead.bundle.bundle import Bundle
from polyhead.bundle.exported import EXPORT, Exported
from polyhead.bundle.manifest import verify
from polyhead.bundle.reading import MIB, read_text
from polyhead.bundle.saving import new_folder

ABOUT, CONFIG, TOKENIZER, WEIGHTS = "polyhead.json", "config.json", "tokenizer.json", "model.safetensors"
FILES = (ABOUT, CONFIG, TOKENIZER, WEIGHTS)
LIMITS = {ABOUT: 16 * MIB, CONFIG: MIB, TOKENIZER: 64 * MIB}
"""Bytes that a file of text may have."""
_EXPORT_LIMIT = {EXPORT: MIB}
_CURE = "the bundle is not whole. Copy it again, or take another epoch"


def write_folder(
    folder: Path, *, about: About, config_json: str, tokenizer_json: str, write_weights: Callable[[Path], None]
) -> None:
    """Write a bundle; it appears whole or not at all.

    Args:
        folder: The name it takes; a bundle that had it is replaced.
        about: Tasks, encoding, settings, scores.
        config_json: The encoder's settings.
        tokenizer_json: The tokenizer.
        write_weights: Writes the safetensors file to the path it is given, and one with adapters beside it where the
            model keeps some.
    """
    with new_folder(folder) as temporary:
        for name, text in ((ABOUT, about.dump()), (CONFIG, config_json), (TOKENIZER, tokenizer_json)):
            (temporary / name).write_text(text, encoding="utf-8")
        write_weights(temporary / WEIGHTS)


def write_exported(
    folder: Path,
    *,
    about: About,
    config_json: str,
    tokenizer_json: str,
    exported: Exported,
    write_graphs: Callable[[Path], None],
) -> None:
    """Write an exported bundle; it appears whole or not at all.

    Args:
        folder: The name it takes; it must not be there yet.
        about: Tasks, encoding, settings, scores.
        config_json: The encoder's settings.
        tokenizer_json: The tokenizer.
        exported: What the graphs are.
        write_graphs: Writes their files, and the tables, into the folder that it is given.
    """
    with new_folder(folder) as temporary:
        texts = ((ABOUT, about.dump()), (CONFIG, config_json), (TOKENIZER, tokenizer_json), (EXPORT, exported.dump()))
        for name, text in texts:
            (temporary / name).write_text(text, encoding="utf-8")
        write_graphs(temporary)


def read_folder(folder: Path) -> Bundle:
    """Open a bundle, after checking each file against the manifest.

    Raises:
        BundleError: If a file is missing or altered, or its content cannot be used.
    """
    if not (folder / WEIGHTS).exists() and (folder / EXPORT).exists():
        return _read_exported(folder)
    verify(folder, FILES, cure=_CURE, limits=LIMITS)
    bundle = _bundle(folder, folder / WEIGHTS)
    if not bundle.about.adapters:
        return bundle
    verify(folder, (ADAPTERS,), cure=_CURE)
    return replace(bundle, adapters=folder / ADAPTERS)


def _read_exported(folder: Path) -> Bundle:
    verify(folder, (*LIMITS, EXPORT), cure=_CURE, limits=LIMITS | _EXPORT_LIMIT)
    exported = Exported.parse(read_text(folder / EXPORT, cure=_CURE, limit=_EXPORT_LIMIT[EXPORT]))
    verify(folder, exported.files, cure=_CURE)
    for graph in exported.graphs:
        graph.check(folder)
    return _bundle(folder, None, exported)


def _bundle(folder: Path, weights: Path | None, exported: Exported | None = None) -> Bundle:
    texts = {name: read_text(folder / name, cure=_CURE, limit=limit) for name, limit in LIMITS.items()}
    return Bundle(
        about=About.parse(texts[ABOUT]),
        tokenizer_json=texts[TOKENIZER],
        config_json=texts[CONFIG],
        weights=weights,
        path=folder,
        exported=exported,
    )
