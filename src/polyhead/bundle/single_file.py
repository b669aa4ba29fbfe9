"""A trained model in one `.pt` file, as far as it can be read without torch.

{"format": "polyhead", "polyhead.json": str, "config.json": str, "tokenizer.json": str,
 "model_state_dict": {name: tensor}}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.bundle.archive import Archive, read_archive
from polyhead.bundle.folder import ABOUT, CONFIG, LIMITS, TOKENIZER
from polyhead.bundle.header import TensorInfo, check_tensor
from polyhead.errors import BundleError

FORMAT, WEIGHTS = "polyhead", "model_state_dict"


@dataclass(frozen=True)
class SingleFile:
    """What stands in a `.pt` file of ours.

    Attributes:
        about: The content of `polyhead.json`.
        config: The content of the encoder's `config.json`.
        tokenizer: The content of `tokenizer.json`.
        weights: By name, what is said of each weight.
    """

    about: str
    config: str
    tokenizer: str
    weights: dict[str, TensorInfo]


def examine(path: Path) -> SingleFile:
    """Read a model in one file, but for its weights.

    Raises:
        BundleError: If it would run code, is damaged, or is not one of ours.
    """
    return of_archive(path, read_archive(path))


def of_archive(path: Path, archive: Archive) -> SingleFile:
    """Find our parts in what a file says.

    Raises:
        BundleError: If they are not there, or not what they must be.
    """
    content = archive.value
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise BundleError(
            f"{path}: a .pt file, but not one that polyhead wrote: it lacks tokenizer, tasks and settings"
        )
    texts, weights = [content.get(name) for name in (ABOUT, CONFIG, TOKENIZER)], content.get(WEIGHTS)
    if not all(isinstance(text, str) for text in texts) or not isinstance(weights, dict):
        raise BundleError(f"{path}: not whole: {ABOUT}, {TOKENIZER}, {CONFIG} or {WEIGHTS} is missing")
    about, config, tokenizer = (str(text) for text in texts)
    for name, text in ((ABOUT, about), (CONFIG, config), (TOKENIZER, tokenizer)):
        if len(text) > LIMITS[name]:
            raise BundleError(f"{path}: {name} in it may have {LIMITS[name]:,} characters, found {len(text):,}")
    return SingleFile(about, config, tokenizer, _weights(path, weights))


def _weights(path: Path, weights: dict[Any, Any]) -> dict[str, TensorInfo]:
    for name, info in weights.items():
        if not isinstance(info, TensorInfo):
            raise BundleError(f"{path}: the weight {str(name)[:80]!r} is no tensor, found {type(info).__name__}")
        try:
            check_tensor(name, info.dtype, info.shape)
        except ValueError as error:
            raise BundleError(f"{path}: {error}") from error
    if (held := sum(info.bytes for info in weights.values())) > path.stat().st_size:
        raise BundleError(f"{path}: its weights would take {held:,} bytes, more than the file has")
    return weights
