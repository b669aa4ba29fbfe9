"""The encoder's `config.json` from strangers: what would run code, fetch something, or take all memory is refused."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from polyhead.errors import BundleError
from polyhead.strict_json import JsonError, parse_json

_KERNELS = ("attn_implementation", "experts_implementation")
_ORDINARY = (None, "eager", "sdpa")
"""Ways to compute attention that are transformers' own; any other name may be fetched from the Hub, as code."""
_CODE = {
    "auto_map": "code of its own",
    "custom_pipelines": "code of its own",
    "quantization_config": "quantised weights, whose readers are other packages",
    "use_kernels": "compiled code from the Hub",
    "kernel_config": "compiled code from the Hub",
    "allow_all_kernels": "compiled code from the Hub",
    "backbone": "a second network, fetched by its name",
    "backbone_config": "a second network",
    "use_timm_backbone": "a second network, fetched by its name",
    "use_pretrained_backbone": "a second network, fetched by its name",
    "per_layer_config": "layers that each have a description of their own",
}
_FOREIGN = ("timm", "backbone")
_MOST = 2**24
_LIMITS = {
    "vocab_size": 2**22,
    "hidden_size": 2**15,
    "dim": 2**15,
    "d_model": 2**15,
    "intermediate_size": 2**18,
    "hidden_dim": 2**18,
    "max_position_embeddings": 2**20,
    "num_labels": 2**16,
}
_REPEATED = ("layer", "group", "block", "expert", "stage")
"""Settings with these in their names count parts that are built one by one."""
_MOST_PARTS = 1024
_UNBOUNDED = ("theta", "seed", "token_id", "model_max_length")
_NAMES_OF_CLASSES = frozenset({"id2label", "label2id"})
_MOST_VALUES = 100_000
_DEEPEST = 8


def parse_config(text: str, *, where: str = "config.json") -> dict[str, Any]:
    """Read and check an encoder's settings.

    Args:
        text: The content of `config.json`.
        where: What to call it in messages.

    Raises:
        BundleError: If they cannot be read, or ask for what polyhead never does.
    """
    try:
        config = parse_json(text)
    except JsonError as error:
        raise BundleError(f"{where} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise BundleError(f"{where} cannot be read: it is no table of settings")
    check_config(config, where=where)
    return config


def check_config(config: Mapping[str, Any], *, where: str = "config.json", parts: int = _MOST_PARTS) -> None:
    """Check an encoder's settings, at every depth.

    Args:
        config: The settings.
        where: What to call them in messages.
        parts: How many layers and the like there can be at most.

    Raises:
        BundleError: If they ask for what polyhead never does, or for sizes out of all measure.
    """
    kind = config.get("model_type")
    if kind is not None and (not isinstance(kind, str) or any(word in kind for word in _FOREIGN)):
        raise BundleError(f"{where}: model_type must name an encoder of texts, found {reprlib.repr(kind)}")
    for number, (key, value, depth) in enumerate(_settings(config, 1)):
        if number > _MOST_VALUES or depth > _DEEPEST:
            raise BundleError(f"{where}: it may have {_MOST_VALUES:,} values, {_DEEPEST} deep, found more")
        _check_key(key, value, depth, where)
        if type(value) is int:
            _check_number(key, value, where, parts)


def _settings(value: Any, depth: int, key: str = "") -> Iterator[tuple[str, Any, int]]:
    """Yield each setting with its key and depth; a list's values have the list's key."""
    if depth > _DEEPEST + 1:
        return
    pairs = value.items() if isinstance(value, Mapping) else ((key, inner) for inner in value)
    for name, inner in pairs:
        yield name, inner, depth
        if isinstance(inner, dict | list) and name not in _NAMES_OF_CLASSES:
            yield from _settings(inner, depth + 1, name)


def _check_key(key: str, value: Any, depth: int, where: str) -> None:
    if key in _CODE and value not in (None, False):
        raise BundleError(f"{where} asks for {_CODE[key]} ({key}), which polyhead never runs")
    if any(name in key for name in _KERNELS) and not isinstance(value, bool) and value not in _ORDINARY:
        raise BundleError(
            f"{where} asks for the {key} {reprlib.repr(value)}, which may be code from the Hub; eager and sdpa are not"
        )
    if key.startswith("__") or (depth > 1 and key == "model_type"):
        what = "a network within the network" if key == "model_type" else "what is no setting"
        raise BundleError(f"{where} holds {what} ({key[:80]}), which an encoder of texts has not")


def _check_number(key: str, value: int, where: str, parts: int) -> None:
    if any(word in key for word in _UNBOUNDED):
        return
    limit = _LIMITS.get(key, _MOST)
    if any(word in key for word in _REPEATED):
        limit = min(limit, max(parts, 1))
    if not -_MOST <= value <= limit:
        raise BundleError(f"{where}: {key[:80]} may be {limit:,}, found {reprlib.repr(value)}")
