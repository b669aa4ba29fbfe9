"""The model of a `tokenizer.json`: its pieces and their ids."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.errors import name_the_known

_MOST_IDS = 2**24
_LONGEST_PIECE = 1000
_LONGEST_WORD = 200
"""Characters in a word, of which a word-piece model tries every part: 100 everywhere."""
_MOST_ADDED = 100_000


class RefusedError(ValueError):
    """What a file holds is well written, and not taken all the same."""


@dataclass(frozen=True)
class Vocabulary:
    """The ids of a tokenizer's model.

    Attributes:
        kind: What sort of model.
        size: How many pieces it has.
        highest_id: The highest id of a piece.
        unknown_id: For a unigram model, the id of what it does not know.
    """

    kind: str
    size: int
    highest_id: int
    unknown_id: int | None = None


def check_vocabulary(model: Mapping[str, Any]) -> Vocabulary:
    """Check the model of a tokenizer.

    Raises:
        RefusedError: If it is of a sort that is not known, or answers at random, or would meet words it cannot tell.
        ValueError: If it is not what such a model is.
    """
    kind = model.get("type") or _kind_of_old(model)
    if kind not in _CHECKS:
        raise RefusedError(f"the model {reprlib.repr(kind)} is not taken; {name_the_known(kind, _CHECKS)}")
    return _CHECKS[kind](model, kind)


def check_added(tokens: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Check a tokenizer's added tokens and return their contents.

    Raises:
        RefusedError: If there are too many, or they are too long.
    """
    if not isinstance(tokens, list) or len(tokens) > _MOST_ADDED:
        raise RefusedError(f"it may add {_MOST_ADDED:,} tokens, found more")
    for token in tokens:
        check_id(token["id"])
        _check_piece(token["content"])
    return tuple(token["content"] for token in tokens)


def check_id(number: object) -> None:
    """Check an id.

    Raises:
        RefusedError: If it is none that an encoder can have.
    """
    if type(number) is not int or not 0 <= number < _MOST_IDS:
        raise RefusedError(f"ids are whole numbers from 0 to {_MOST_IDS - 1:,}, found {reprlib.repr(number)}")


def _check_piece(piece: object) -> None:
    if not isinstance(piece, str) or not 0 < len(piece) <= _LONGEST_PIECE:
        raise RefusedError(f"a piece has 1 to {_LONGEST_PIECE:,} characters, found {reprlib.repr(piece)}")


def _kind_of_old(model: Mapping[str, Any]) -> str | None:
    """Tell the sort of a model whose file was written before they were named."""
    if "merges" in model:
        return "BPE"
    if isinstance(model.get("vocab"), list):
        return "Unigram"
    return "WordPiece" if "max_input_chars_per_word" in model else "WordLevel" if "vocab" in model else None


def _table(model: Mapping[str, Any], kind: str) -> Vocabulary:
    vocabulary = model["vocab"]
    if not isinstance(vocabulary, dict):
        raise TypeError("the model's vocab is no table from piece to id")
    if not vocabulary:
        return Vocabulary(kind, 0, -1)
    if set(map(type, vocabulary.values())) != {int} or len(vocabulary) > _MOST_IDS:
        raise RefusedError("the ids of the model's vocab are not all whole numbers")
    check_id(min(vocabulary.values()))
    check_id(highest := max(vocabulary.values()))
    if max(map(len, vocabulary)) > _LONGEST_PIECE:
        raise RefusedError(f"a piece of the model's vocab has more than {_LONGEST_PIECE:,} characters")
    return Vocabulary(kind, len(vocabulary), highest)


def _word_level(model: Mapping[str, Any], kind: str) -> Vocabulary:
    unknown = model["unk_token"]
    if not isinstance(unknown, str) or unknown not in model["vocab"]:
        raise RefusedError(f"the model's token for the unknown, {reprlib.repr(unknown)}, is not in its vocab")
    return _table(model, kind)


def _word_piece(model: Mapping[str, Any], kind: str) -> Vocabulary:
    longest, prefix = model.get("max_input_chars_per_word", 100), model.get("continuing_subword_prefix", "##")
    if type(longest) is not int or not 0 < longest <= _LONGEST_WORD:
        raise RefusedError(f"max_input_chars_per_word may be {_LONGEST_WORD}, found {reprlib.repr(longest)}")
    if not isinstance(prefix, str) or len(prefix) > 16:
        raise RefusedError(f"continuing_subword_prefix may have 16 characters, found {reprlib.repr(prefix)}")
    return _word_level(model, kind)


def _bpe(model: Mapping[str, Any], kind: str) -> Vocabulary:
    if model.get("dropout"):
        raise RefusedError(
            f"a model that drops merges at random (dropout {reprlib.repr(model['dropout'])}) has no one answer"
        )
    if not isinstance(model["merges"], list) or len(model["merges"]) > _MOST_IDS:
        raise TypeError("the model's merges are no list")
    unknown = model.get("unk_token")
    if unknown is not None and unknown not in model["vocab"]:
        raise RefusedError(f"the model's token for the unknown, {reprlib.repr(unknown)}, is not in its vocab")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if not isinstance(model.get(name) or "", str) or len(model.get(name) or "") > 16:
            raise RefusedError(f"{name} may have 16 characters, found {reprlib.repr(model[name])}")
    _check_merges(model["merges"], model.get("continuing_subword_prefix") or "")
    return _table(model, kind)


def _check_merges(merges: Sequence[Any], prefix: str) -> None:
    """See that what is joined to a piece begins as pieces inside a word do: the library cuts so much off, unseen."""
    for merge in merges:
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(part, str) for part in pair):
            raise TypeError(f"a merge is of two pieces, found {reprlib.repr(merge)}")
        if not pair[1].startswith(prefix):
            raise RefusedError(f"the merge {reprlib.repr(merge)} joins a piece without the prefix {prefix!r}")


def _unigram(model: Mapping[str, Any], kind: str) -> Vocabulary:
    vocabulary, unknown = model["vocab"], model.get("unk_id")
    if not isinstance(vocabulary, list) or not 0 < len(vocabulary) <= _MOST_IDS:
        raise TypeError("the model's vocab is no list of pieces with their scores")
    for piece, score in vocabulary:
        if not isinstance(piece, str) or not 0 < len(piece) <= _LONGEST_PIECE or type(score) not in {float, int}:
            raise RefusedError(f"the model's vocab holds {reprlib.repr(piece)} with the score {reprlib.repr(score)}")
    if type(unknown) is not int or not 0 <= unknown < len(vocabulary):
        raise RefusedError(f"the model's unk_id, {reprlib.repr(unknown)}, is none of its {len(vocabulary):,} pieces")
    return Vocabulary(kind, len(vocabulary), len(vocabulary) - 1, unknown)


_CHECKS: dict[str, Callable[[Mapping[str, Any], str], Vocabulary]] = {
    "WordPiece": _word_piece,
    "BPE": _bpe,
    "Unigram": _unigram,
    "WordLevel": _word_level,
}
