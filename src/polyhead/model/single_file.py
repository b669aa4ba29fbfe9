"""A trained model in one `.pt` file: tensors and texts, nothing that could run.

{"format": "polyhead", "polyhead.json": str, "config.json": str, "tokenizer.json": str,
 "model_state_dict": {name: tensor}}
"""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import torch

from polyhead.bundle import About, Bundle
from polyhead.bundle.folder import ABOUT, CONFIG, TOKENIZER
from polyhead.bundle.saving import new_file
from polyhead.errors import BundleError
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.weights import weights_of

_FORMAT, _WEIGHTS = "polyhead", "model_state_dict"


def write_single_file(
    path: Path, *, about: About, config_json: str, tokenizer_json: str, model: MultiTaskModel
) -> None:
    """Write a model as one file; it appears whole or not at all."""
    content = {
        "format": _FORMAT,
        ABOUT: about.dump(),
        CONFIG: config_json,
        TOKENIZER: tokenizer_json,
        _WEIGHTS: weights_of(model),
    }
    with new_file(path) as temporary:
        torch.save(content, temporary)


def read_single_file(path: Path) -> Bundle:
    """Open a model in one file, by `torch.load` with ``weights_only=True``.

    Raises:
        BundleError: If the file would run code, is damaged, or is not one of ours.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # about the dialect of a pickle that is then refused
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BundleError(
            f"{path}: refused: reading it would run code that came with the file (weights_only=True). A .pt file of "
            f"polyhead holds tensors and texts alone; take the model from whoever trained it, as a bundle"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise BundleError(f"{path}: cannot be read: damaged, or no .pt file ({type(error).__name__})") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise BundleError(
            f"{path}: a .pt file, but not one that polyhead wrote: it lacks tokenizer, tasks and settings"
        )
    texts = [content.get(name) for name in (ABOUT, TOKENIZER, CONFIG)]
    weights = content.get(_WEIGHTS)
    if not all(isinstance(text, str) for text in texts) or not isinstance(weights, dict):
        raise BundleError(f"{path}: not whole: {ABOUT}, {TOKENIZER}, {CONFIG} or {_WEIGHTS} is missing")
    about, tokenizer_json, config_json = (str(text) for text in texts)
    return Bundle(
        about=About.parse(about), tokenizer_json=tokenizer_json, config_json=config_json, weights=weights, path=path
    )
