"""`tokenizer.json` from strangers: known components with sane sizes, and no others.

normalizer → pre_tokenizer → model → post_processor; what cuts, pads and turns ids back into text is never used.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polyhead.encoding.charsmap import check_charsmap
from polyhead.encoding.patterns import cannot_hang
from polyhead.encoding.vocabulary import RefusedError, Vocabulary, check_added, check_id, check_vocabulary
from polyhead.errors import BundleError, name_the_known
from polyhead.strict_json import parse_json

_UNUSED = ("truncation", "padding", "decoder")
_MOST_PARTS = 32
_MOST_GROWTH = 16
"""Characters that the replacements of a normalizer may make of one."""
_LONGEST_TEXT = 1000

_KNOWN: dict[str, tuple[str, ...]] = {
    "normalizer": (
        *("BertNormalizer", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "Strip", "Prepend"),
        *("Replace", "Precompiled", "ByteLevel", "Sequence"),
    ),
    "pre_tokenizer": (
        *("BertPreTokenizer", "ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit", "Punctuation", "Digits"),
        *("UnicodeScripts", "CharDelimiterSplit", "Split", "Sequence"),
    ),
    "post_processor": ("BertProcessing", "RobertaProcessing", "TemplateProcessing", "ByteLevel", "Sequence"),
}
_PARTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors"}
"""Where a Sequence keeps its parts."""


@dataclass(frozen=True)
class TokenizerFile:
    """A tokenizer's file after the check.

    Attributes:
        text: What to build it from; without what is never used.
        vocabulary: Its model's ids.
        components: Names of the components, in the order in which a text meets them.
        added: The contents of its added tokens.
    """

    text: str
    vocabulary: Vocabulary
    components: tuple[str, ...]
    added: tuple[str, ...]


def check_tokenizer(text: str) -> TokenizerFile:
    """Check the content of a `tokenizer.json`.

    Raises:
        BundleError: If it holds a component that is not known, a pattern that may hang, or sizes out of all measure.
    """
    try:
        state: dict[str, Any] = {**parse_json(text)}
        walk = _Walk()
        for part in _KNOWN:
            walk.component(part, state.get(part))
        vocabulary = check_vocabulary(state["model"])
        added = check_added(state.get("added_tokens") or [])
    except RefusedError as error:
        raise BundleError(f"tokenizer.json: refused: {error}") from error
    except KeyError as error:
        raise BundleError(f"tokenizer.json cannot be read: it lacks {str(error)[:500]}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BundleError(f"tokenizer.json cannot be read: {str(error)[:500]}") from error
    kept = json.dumps({**state, **dict.fromkeys(_UNUSED)}, ensure_ascii=False)
    return TokenizerFile(kept, vocabulary, (*walk.seen, f"model: {vocabulary.kind}"), added)


class _Walk:
    """Goes through the components, keeping count."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._growth = 1

    def component(self, part: str, found: Any) -> None:
        """Check a component and what is in it."""
        if found is None:
            return
        kind = found["type"]
        if kind not in _KNOWN[part]:
            raise RefusedError(f"the {part} {reprlib.repr(kind)} is not taken; {name_the_known(kind, _KNOWN[part])}")
        self.seen.append(f"{part}: {kind}")
        if len(self.seen) > _MOST_PARTS:
            raise RefusedError(f"it may have {_MOST_PARTS} components, found more")
        if kind == "Sequence":
            for inner in found[_PARTS[part]]:
                self.component(part, inner)
            return
        self._fields(part, kind, found)

    def _fields(self, part: str, kind: str, found: Mapping[str, Any]) -> None:
        """Check a component's settings: short plain values, but for those that have a check of their own."""
        checks = _CHECKS.get(kind, {})
        for name, value in found.items():
            if name in checks:
                checks[name](value)
            elif isinstance(value, dict | list) or (isinstance(value, str) and len(value) > _LONGEST_TEXT):
                raise RefusedError(f"the {part} {kind} has a {reprlib.repr(name)} that is not known")
        if kind == "Replace":
            self._grow(found["pattern"], found["content"])
        if kind == "TemplateProcessing":
            _check_references(found)

    def _grow(self, pattern: Mapping[str, str], content: str) -> None:
        """Keep count of what replacements make of one character: sixteen doublings would make 65,536."""
        shortest = len(pattern["String"]) if "String" in pattern else 1
        self._growth *= max(1, -(-len(content) // shortest))
        if self._growth > _MOST_GROWTH:
            raise RefusedError(f"its replacements may make {_MOST_GROWTH} characters of one, found more")


def _check_pattern(pattern: Any) -> None:
    ((kind, text),) = pattern.items()
    if kind not in {"String", "Regex"} or not isinstance(text, str) or not text:
        raise TypeError(f"a pattern is a String or a Regex, found {reprlib.repr(pattern)}")
    if kind == "Regex" and not cannot_hang(text):
        raise RefusedError(
            f"the regular expression {text[:200]!r} may hang: taken are those of published tokenizers, and one "
            f"character or class with at most one quantifier"
        )
    if len(text) > _LONGEST_TEXT:
        raise RefusedError(f"a pattern may have {_LONGEST_TEXT} characters, found {len(text):,}")


def _check_short(text: Any) -> None:
    if not isinstance(text, str) or len(text) > _MOST_GROWTH:
        raise RefusedError(f"what is put before a text may have {_MOST_GROWTH} characters, found {reprlib.repr(text)}")


def _check_template(pieces: Any) -> None:
    if not isinstance(pieces, list) or len(pieces) > _MOST_PARTS:
        raise RefusedError(f"a template is a list of at most {_MOST_PARTS} pieces, found {reprlib.repr(pieces)}")
    for piece in pieces:
        ((kind, settings),) = piece.items()
        if kind not in {"SpecialToken", "Sequence"} or not isinstance(settings["id"], str):
            raise TypeError(f"a template has the piece {reprlib.repr(piece)}")
        check_id(settings["type_id"])


def _check_references(template: Mapping[str, Any]) -> None:
    """See that a template names what there is: the library takes it on trust, and the process down with it."""
    for name, texts in (("single", ["A"]), ("pair", ["A", "B"])):
        pieces = [next(iter(piece.items())) for piece in template[name]]
        if sorted(settings["id"] for kind, settings in pieces if kind == "Sequence") != texts:
            raise RefusedError(f"the template {name!r} must hold each of {', '.join(texts)} once")
        for kind, settings in pieces:
            if kind == "SpecialToken" and settings["id"] not in template["special_tokens"]:
                raise RefusedError(f"the template {name!r} names {settings['id'][:80]!r}, which special_tokens lacks")


def _check_specials(specials: Mapping[str, Any]) -> None:
    for special in specials.values():
        ids, tokens = special["ids"], special["tokens"]
        if not isinstance(ids, list) or not isinstance(tokens, list) or not 0 < len(ids) == len(tokens) <= _MOST_PARTS:
            raise RefusedError(f"a special token stands for 1 to {_MOST_PARTS} ids, found {reprlib.repr(special)}")
        for number in ids:
            check_id(number)


def _check_special(pair: Sequence[Any]) -> None:
    token, number = pair
    if not isinstance(token, str):
        raise TypeError(f"a special token is a text with its id, found {reprlib.repr(pair)}")
    check_id(number)


_AROUND: dict[str, Callable[[Any], None]] = {"sep": _check_special, "cls": _check_special}
_CHECKS: dict[str, dict[str, Callable[[Any], None]]] = {
    "Replace": {"pattern": _check_pattern},
    "Split": {"pattern": _check_pattern},
    "Precompiled": {"precompiled_charsmap": check_charsmap},
    "Prepend": {"prepend": _check_short},
    "TemplateProcessing": {"single": _check_template, "pair": _check_template, "special_tokens": _check_specials},
    "BertProcessing": _AROUND,
    "RobertaProcessing": _AROUND,
}
"""Checks of the settings that are no short plain values, by component."""
