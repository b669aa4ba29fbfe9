"""Weights to and from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.bundle import Bundle
from polyhead.bundle.encoder_config import check_config
from polyhead.bundle.header import TensorInfo, read_header
from polyhead.errors import BundleError, PolyheadError
from polyhead.model.fitting import check_fit
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.pretrained import build_encoder, without_first_weights

_DTYPES = {
    torch.float32: "F32",
    torch.float64: "F64",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}

_FEW = 64
"""Layers that a description may have however few the weights are, so that what is lacking is said by name."""


def weights_of(model: MultiTaskModel) -> dict[str, Tensor]:
    """Return the weights by name, on the CPU, each with memory of its own."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}


def save_weights(model: MultiTaskModel, path: Path) -> None:
    """Write the weights as safetensors."""
    save_file(weights_of(model), path)


def load_model(bundle: Bundle) -> MultiTaskModel:
    """Build the network that a bundle describes, with its weights.

    Nothing is allocated before names, types and shapes of the weights are those of the network that the settings
    describe; so what a model takes is no more than what its file has.

    Raises:
        BundleError: If the weights do not fit the description, or the description is of no network that runs.
    """
    if bundle.weights is None:
        raise BundleError(f"{bundle.path}: was exported and has no weights; give the bundle that it was made from")
    found = _header(bundle)
    check_config(bundle.config, parts=max(len(found), _FEW))
    with torch.device("meta"), without_first_weights():  # a model without memory
        _check(found, _infos(_build(bundle).state_dict()))
    with without_first_weights():
        model = _build(bundle)
    weights = _read(bundle.weights) if isinstance(bundle.weights, Path) else dict(bundle.weights)
    _check_values(weights)
    model.load_state_dict(weights)
    check_fit(model.eval(), bundle)
    return model


def _header(bundle: Bundle) -> dict[str, TensorInfo]:
    return read_header(bundle.weights) if isinstance(bundle.weights, Path) else _infos(bundle.weights or {})


def _infos(tensors: Mapping[str, Tensor]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(_DTYPES.get(tensor.dtype, "?"), tuple(tensor.shape)) for name, tensor in tensors.items()}


def _build(bundle: Bundle) -> MultiTaskModel:
    heads = {task.name: task.head() for task in bundle.tasks}
    encoder = build_encoder(bundle.config)
    try:
        return MultiTaskModel(encoder=encoder, heads=heads)
    except PolyheadError:
        raise
    except Exception as error:  # whatever torch says to sizes that are none
        raise BundleError(f"the model's tasks describe heads that cannot be built: {str(error)[:300]}") from error


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{path}: cannot be read as safetensors: {error}") from error


def _check(found: Mapping[str, TensorInfo], wanted: Mapping[str, TensorInfo]) -> None:
    if missing := sorted(wanted.keys() - found.keys()):
        raise BundleError(f"the weights lack {len(missing)} tensors that the model has, first {missing[0]!r}")
    if extra := sorted(found.keys() - wanted.keys()):
        raise BundleError(f"the weights have {len(extra)} tensors that the model lacks, first {extra[0]!r}")
    for name, info in wanted.items():
        if found[name].shape != info.shape:
            raise BundleError(f"the weight {name!r} has shape {found[name].shape}, the model's has {info.shape}")
        if found[name].dtype != info.dtype:
            raise BundleError(f"the weight {name!r} is of type {found[name].dtype}, the model's is {info.dtype}")


def _check_values(weights: Mapping[str, Tensor]) -> None:
    """See that all weights are numbers; a sum is one where all that it sums are."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.sum(dtype=torch.float64).isfinite()):
            raise BundleError(f"the weight {name!r} holds values that are no numbers (NaN or infinity)")
