"""Weights to and from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.bundle import Bundle
from polyhead.errors import BundleError
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.pretrained import build_encoder


def weights_of(model: MultiTaskModel) -> dict[str, Tensor]:
    """Return the weights by name, on the CPU, each with memory of its own."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}


def save_weights(model: MultiTaskModel, path: Path) -> None:
    """Write the weights as safetensors."""
    save_file(weights_of(model), path)


def load_model(bundle: Bundle) -> MultiTaskModel:
    """Build the network that a bundle describes, with its weights.

    Raises:
        BundleError: If the weights do not fit the description.
    """
    heads = {task.name: task.head() for task in bundle.tasks}
    model = MultiTaskModel(encoder=build_encoder(bundle.config), heads=heads)
    weights = _read(bundle.weights) if isinstance(bundle.weights, Path) else bundle.weights
    _check(weights, model.state_dict())
    model.load_state_dict(dict(weights))
    return model.eval()


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path}: cannot be read as safetensors: {error}") from error


def _check(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    if missing := sorted(wanted.keys() - found.keys()):
        raise BundleError(f"the weights lack {len(missing)} tensors that the model has, first {missing[0]!r}")
    if extra := sorted(found.keys() - wanted.keys()):
        raise BundleError(f"the weights have {len(extra)} tensors that the model lacks, first {extra[0]!r}")
    for name, tensor in wanted.items():
        if not torch.is_tensor(found[name]) or found[name].shape != tensor.shape:
            shape = tuple(getattr(found[name], "shape", ()))
            raise BundleError(f"the weight {name!r} has shape {shape}, the model's has {tuple(tensor.shape)}")
