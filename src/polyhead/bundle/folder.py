"""The folder form of a bundle.

polyhead.json       tasks, encoding, settings, dev scores, versions
config.json         the encoder's settings, as transformers reads them
tokenizer.json      the tokenizer, as tokenizers reads it
model.safetensors   all weights: encoder and heads
manifest.json       size and SHA-256 of each of these, written last
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from polyhead.bundle.about import About
from polyhead.bundle.bundle import Bundle
from polyhead.bundle.manifest import verify
from polyhead.bundle.reading import MIB, read_text
from polyhead.bundle.saving import new_folder

ABOUT, CONFIG, TOKENIZER, WEIGHTS = "polyhead.json", "config.json", "tokenizer.json", "model.safetensors"
FILES = (ABOUT, CONFIG, TOKENIZER, WEIGHTS)
LIMITS = {ABOUT: 16 * MIB, CONFIG: MIB, TOKENIZER: 64 * MIB}
"""Bytes that a file of text may have."""
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
        write_weights: Writes the safetensors file to the path it is given.
    """
    with new_folder(folder) as temporary:
        for name, text in ((ABOUT, about.dump()), (CONFIG, config_json), (TOKENIZER, tokenizer_json)):
            (temporary / name).write_text(text, encoding="utf-8")
        write_weights(temporary / WEIGHTS)


def read_folder(folder: Path) -> Bundle:
    """Open a bundle, after checking each file against the manifest.

    Raises:
        BundleError: If a file is missing or altered, or its content cannot be used.
    """
    verify(folder, FILES, cure=_CURE, limits=LIMITS)
    texts = {name: read_text(folder / name, cure=_CURE, limit=limit) for name, limit in LIMITS.items()}
    return Bundle(
        about=About.parse(texts[ABOUT]),
        tokenizer_json=texts[TOKENIZER],
        config_json=texts[CONFIG],
        weights=folder / WEIGHTS,
        path=folder,
    )
