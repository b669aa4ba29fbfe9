"""What a model is, as the server tells it; made where the model is loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from polyhead.bundle import Bundle
from polyhead.bundle.manifest import MANIFEST
from polyhead.bundle.reading import MIB, read_text
from polyhead.errors import BundleError
from polyhead.inference.predictor import Predictor
from polyhead.records import Text
from polyhead.strict_json import parse_json

_TRIED = ("a", "Book a table for four near Union Square tomorrow at seven.", "one two three " * 40)
"""Texts that a model answers before it is let near a request: short, usual, and cut into windows or nearly so."""
_ID = 12
"""Characters of a checksum that name a model."""


def texts_to_try(predictor: Predictor) -> list[list[Text]]:
    """Return texts for one, and for several at once, as different things may run them."""
    bundle = predictor.bundle
    pairs = bundle is not None and bundle.limits().second_field is not None
    texts: list[Text] = [(text, text) for text in _TRIED] if pairs else list(_TRIED)
    return [texts[:1], texts * 3]


def account_of(predictor: Predictor, name: str) -> dict[str, Any]:
    """Return what a model is: the fields of `ModelResponse` but for those that are the server's own.

    Args:
        predictor: Has the model.
        name: Its path, as it was given to be served.
    """
    bundle = predictor.bundle
    assert bundle is not None and bundle.path is not None  # noqa: PT018, S101 (it was loaded)
    limits = bundle.limits()
    runtime, precision = predictor.way()
    checksums = _checksums(bundle)
    return {
        "name": Path(name).resolve().name,
        "model": _identity(checksums),
        "encoder": _without_folders(bundle.about.encoder),
        "runtime": runtime,
        "precision": precision or "fp32",
        "reads_second": _reads_second(bundle),
        "characters": limits.max_characters,
        "tasks": [{"name": task.name, "kind": task.kind, "labels": task.label_names()} for task in predictor.tasks],
        "examples": list(bundle.about.run.saving.examples),
        "versions": {"bundle": str(bundle.about.format_version), **bundle.about.versions},
        "checksums": checksums,
    }


def _without_folders(encoder: str) -> str:
    """Return the name of an encoder, which says nothing of the machine that it was trained on."""
    path = Path(encoder)
    return path.name if path.is_absolute() or encoder.startswith(".") else encoder


def _reads_second(bundle: Bundle) -> bool | str:
    limits = bundle.limits()
    return "optional" if limits.second_field and limits.second_optional else limits.second_field is not None


def _checksums(bundle: Bundle) -> dict[str, str]:
    path = Path(str(bundle.path))
    if path.is_file():
        with path.open("rb") as file:
            return {path.name: hashlib.file_digest(file, "sha256").hexdigest()}
    files = parse_json(read_text(path / MANIFEST, cure="save it anew", limit=MIB))["files"]
    if not isinstance(files, dict):
        raise BundleError(f"{path / MANIFEST}: cannot be read as a manifest")
    return {name: str(entry["sha256"]) for name, entry in files.items()}


def _identity(checksums: dict[str, str]) -> str:
    """Return a short name that two models share only if all their files are the same."""
    lines = "".join(f"{name} {checksum}\n" for name, checksum in sorted(checksums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:_ID]
