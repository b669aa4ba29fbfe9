"""A trained model in one `.pt` file: tensors and texts, nothing that could run. See `polyhead.bundle.single_file`."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch

from polyhead.bundle import About, Bundle
from polyhead.bundle.folder import ABOUT, CONFIG, TOKENIZER
from polyhead.bundle.saving import new_file
from polyhead.bundle.single_file import FORMAT, WEIGHTS, examine
from polyhead.errors import BundleError
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.weights import parted_weights_of


def write_single_file(
    path: Path, *, about: About, config_json: str, tokenizer_json: str, model: MultiTaskModel
) -> None:
    """Write a model as one file; it appears whole or not at all."""
    plain, adapters = parted_weights_of(model)
    content = {
        "format": FORMAT,
        ABOUT: about.dump(),
        CONFIG: config_json,
        TOKENIZER: tokenizer_json,
        WEIGHTS: plain | adapters,
    }
    with new_file(path) as temporary:
        torch.save(content, temporary)


def read_single_file(path: Path) -> Bundle:
    """Open a model in one file: read as data first, then by `torch.load` with ``weights_only=True``.

    Raises:
        BundleError: If the file would run code, is damaged, or is not one of ours.
    """
    texts = examine(path)
    return Bundle(
        about=About.parse(texts.about),
        tokenizer_json=texts.tokenizer,
        config_json=texts.config,
        weights=_load(path),
        path=path,
    )


def _load(path: Path) -> dict[str, torch.Tensor]:
    """Load the weights, of which it is known by now that each is a plain tensor that the file holds in full."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about the dialect of a pickle that is then refused
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BundleError(f"{path}: refused: reading it would run code that came with the file") from error
    except Exception as error:  # torch has no tree of errors for this
        raise BundleError(f"{path}: cannot be read: damaged, or no .pt file ({type(error).__name__})") from error
    weights: dict[str, torch.Tensor] = content[WEIGHTS]
    for name, tensor in weights.items():
        if type(tensor) is not torch.Tensor or tensor.layout != torch.strided or not tensor.is_contiguous():
            raise BundleError(f"{path}: the weight {name!r} is no plain tensor on the CPU")
    return weights
