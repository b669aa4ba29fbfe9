"""Weights to and from safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.bundle import Bundle
from polyhead.bundle.adapters import ADAPTERS
from polyhead.bundle.encoder_config import check_config
from polyhead.bundle.header import TensorInfo, read_header
from polyhead.errors import BundleError, PolyheadError
from polyhead.model.adapters import joined, key_of, parted, restore
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


def parted_weights_of(model: MultiTaskModel) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the weights of encoder and heads, by the names that they have without adapters, and those of adapters."""
    return parted(weights_of(model), _keys(model))


def save_weights(model: MultiTaskModel, path: Path) -> None:
    """Write the weights as safetensors; those of adapters into a file beside it, where there are some."""
    plain, adapters = parted_weights_of(model)
    save_file(plain, path)
    if adapters:
        save_file(adapters, path.with_name(ADAPTERS))


def _keys(model: MultiTaskModel) -> list[str]:
    return [own.key for own in model.adapters.states] if model.adapters else []


def load_model(bundle: Bundle) -> MultiTaskModel:
    """Build the network that a bundle describes, with its weights.

    Nothing is allocated before names, types and shapes of the weights are those of the network that the settings
    describe; so what a model takes is no more than what its file has.

    Raises:
        BundleError: If the weights do not fit the description, or the description is of no network that runs.
        MissingExtraError: If the model has adapters, and PEFT is not installed.
    """
    if bundle.weights is None:
        raise BundleError(f"{bundle.path}: was exported and has no weights; give the bundle that it was made from")
    found = _header(bundle)
    check_config(bundle.config, parts=max(len(found), _FEW))
    _check_adapters(found, bundle)
    with torch.device("meta"), without_first_weights():  # a model without memory
        plain, adapters = parted(_infos(_build(bundle).state_dict()), [own.key for own in bundle.about.adapters])
        _check(found, plain | adapters)
    with without_first_weights():
        model = _build(bundle)
    weights = _values(bundle)
    _check_values(weights)
    model.load_state_dict(joined(model.state_dict().keys(), weights))
    check_fit(model.eval(), bundle)
    return model


def _header(bundle: Bundle) -> dict[str, TensorInfo]:
    """Return what is said of all weights, by name; the names of adapters' weights are none that others have."""
    if isinstance(bundle.weights, Mapping):
        return _infos(bundle.weights)
    files = _files(bundle)
    found: dict[str, TensorInfo] = {}
    for file in files:
        own = read_header(file)
        if twice := found.keys() & own.keys():
            raise BundleError(f"{file}: holds {min(twice)!r}, which is in {files[0].name}, too")
        found |= own
    return found


def _values(bundle: Bundle) -> dict[str, Tensor]:
    if isinstance(bundle.weights, Mapping):
        return dict(bundle.weights)
    return {name: tensor for file in _files(bundle) for name, tensor in _read(file).items()}


def _files(bundle: Bundle) -> list[Path]:
    return [file for file in (bundle.weights, bundle.adapters) if isinstance(file, Path)]


def _infos(tensors: Mapping[str, Tensor]) -> dict[str, TensorInfo]:
    return {name: TensorInfo(_DTYPES.get(tensor.dtype, "?"), tuple(tensor.shape)) for name, tensor in tensors.items()}


def _build(bundle: Bundle) -> MultiTaskModel:
    heads = {task.name: task.head() for task in bundle.tasks}
    encoder = build_encoder(bundle.config)
    try:
        model = MultiTaskModel(encoder=encoder, heads=heads)
        if bundle.about.adapters:
            model.adapters = restore(encoder, bundle.about.adapters)
        return model  # noqa: TRY300
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


def _check_adapters(found: Mapping[str, TensorInfo], bundle: Bundle) -> None:
    """See that there are weights of each adapter, so that no more are built than the file has weights for."""
    if lacking := {own.key for own in bundle.about.adapters} - {key_of(name) for name in found}:
        raise BundleError(f"the weights lack those of {min(lacking)}, of which polyhead.json speaks")


def _check_values(weights: Mapping[str, Tensor]) -> None:
    """See that all weights are numbers; a sum is one where all that it sums are."""
    for name, tensor in weights.items():
        if tensor.is_floating_point() and not bool(tensor.sum(dtype=torch.float64).isfinite()):
            raise BundleError(f"the weight {name!r} holds values that are no numbers (NaN or infinity)")
