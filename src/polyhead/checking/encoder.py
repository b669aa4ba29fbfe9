"""The encoder's tokenizer, without the encoder: its folder's `tokenizer.json`, and what says how long a row may be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from polyhead.bundle.encoder_config import parse_config
from polyhead.bundle.encoder_folder import CONFIG, MINILM, TOKENIZER, TOKENIZER_CONFIG, minilm_folder
from polyhead.bundle.folder import LIMITS
from polyhead.bundle.reading import MIB, read_json, read_text
from polyhead.encoding import TextEncoder
from polyhead.errors import BundleError, EncoderError, MissingExtraError, PolyheadError
from polyhead.settings import RunSettings

_MOST_PIECES = 512
"""Pieces in a row unless more is asked for, as in training."""
_CURE = "take another encoder"


@dataclass(frozen=True)
class FoundEncoder:
    """What cuts texts into pieces.

    Attributes:
        name: The encoder's name; "" where there is none.
        pieces: Its tokenizer; `None` where there is none.
        said: What a person must know of the choice; "" where it is the one that was named.
    """

    name: str
    pieces: TextEncoder | None
    said: str = ""


def find_encoder(settings: RunSettings, named: str | None) -> FoundEncoder:
    """Find the tokenizer of the encoder that is named, else that of the settings file, else that of `minilm`.

    Args:
        settings: All settings.
        named: The encoder's name, where it was given by itself.

    Raises:
        PolyheadError: If the one that is named cannot be used.
    """
    if named is not None:
        return FoundEncoder(named, _open(named, settings))
    if "encoder" in settings.model_fields_set:
        try:
            return FoundEncoder(settings.encoder, _open(settings.encoder, settings))
        except PolyheadError as error:
            return FoundEncoder("", None, f"{error}: lengths, unknown pieces and bounds of pieces are left out")
    try:
        return FoundEncoder(MINILM, _open(MINILM, settings), f"no encoder is named: pieces are those of {MINILM!r}")
    except MissingExtraError as error:
        said = (
            f"no encoder is named, and {error}; lengths, unknown pieces and bounds of pieces are left out (--encoder)"
        )
        return FoundEncoder("", None, said)


def _open(name: str, settings: RunSettings) -> TextEncoder:
    folder = _folder_of(name)
    if not (folder / TOKENIZER).is_file():
        raise EncoderError(f"encoder {name!r}: it has no {TOKENIZER}, which cuts texts into pieces")
    try:
        text = read_text((folder / TOKENIZER).resolve(), cure=_CURE, limit=LIMITS[TOKENIZER])
        config = _config(folder)
        most = min(_numbers(config.get("max_position_embeddings"), _model_max_length(folder)), default=_MOST_PIECES)
        wanted = settings.encoding.max_length
        if wanted is not None and wanted > most:
            raise EncoderError(f"encoding.max_length: the encoder takes {most} pieces, found {wanted}")
        pad_id = next(_numbers(config.get("pad_token_id")), 0)
        pieces = wanted or min(most, _MOST_PIECES)
        return TextEncoder(text, max_pieces=pieces, pad_id=pad_id, overlap=settings.encoding.overlap)
    except BundleError as error:
        raise EncoderError(f"encoder {name!r}: {error}") from error


def _folder_of(name: str) -> Path:
    if name == MINILM:
        return minilm_folder()
    if Path(name).is_dir():
        return Path(name)
    return _fetched(name)


def _fetched(name: str) -> Path:
    """Return the folder of the local cache with an encoder of the Hub; what lacks there of its tokenizer is fetched."""
    import huggingface_hub

    repository, _, revision = name.partition("@")
    fetch = partial(
        huggingface_hub.snapshot_download,
        repository,
        revision=revision or None,
        allow_patterns=[TOKENIZER, CONFIG, TOKENIZER_CONFIG],
    )
    try:
        with suppress(OSError):
            return Path(str(fetch(local_files_only=True)))
        return Path(str(fetch()))
    except (OSError, ValueError, RuntimeError) as error:
        raise EncoderError(
            f"encoder {name!r}: no such folder, not in the local cache, and not to be had from the Hub; "
            f"--encoder minilm needs no network"
        ) from error


def _config(folder: Path) -> dict[str, Any]:
    if not (folder / CONFIG).is_file():
        return {}
    return parse_config(read_text((folder / CONFIG).resolve(), cure=_CURE), where="its config.json")


def _model_max_length(folder: Path) -> object:
    if not (folder / TOKENIZER_CONFIG).is_file():
        return None
    own = read_json((folder / TOKENIZER_CONFIG).resolve(), cure=_CURE, limit=16 * MIB)
    return own.get("model_max_length") if isinstance(own, dict) else None


def _numbers(*values: object) -> Iterator[int]:
    return (value for value in values if isinstance(value, int) and not isinstance(value, bool))
