"""Deterministic nonsense: the same random number generator gives the same text, and does the same harm to a file."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

Text = str | tuple[str, str]

_WORDS = ("John", "lives", "in", "New York.", "Berlin", "café", "北京市", "مرحبا", "שלום", "Łódź", "İstanbul", "ﬁnance")
_SPECIALS = ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "[UNK]", "##s", "▁", "Ġ", "\ufdfa", "Ａ", "½", "𝒳", "[unused0]")
_JOINED = ("\U0001f469\u200d\U0001f4bb", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e9\U0001f1ea", "❤️")
_BLANKS = (" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2028", "\u3000", "\u200b", "\ufeff", "\x0b", "\x1f", "\x85")


def text(random: Random) -> Text:
    """Return a text, or now and then two, which are no longer than a page: all their parts meet each other."""
    if random.random() < 0.1:
        return one_text(random)[:400], one_text(random)[:400]
    return one_text(random)


def one_text(random: Random) -> str:
    """Return a text of many sorts of parts."""
    parts = [_PARTS[random.randrange(len(_PARTS))](random) for _ in range(random.choice((0, 1, 2, 3, 5, 8, 20, 40)))]
    return random.choice(("", " ", " ", "\n")).join(parts)


def has_halves(found: Text) -> bool:
    """Whether a text holds half a surrogate pair."""
    whole = found if isinstance(found, str) else "".join(found)
    return any(0xD800 <= ord(character) <= 0xDFFF for character in whole)


def _any_plane(random: Random) -> str:
    points = (random.randrange(0x110000) for _ in range(random.randrange(1, 30)))
    return "".join(chr(point) for point in points if not 0xD800 <= point <= 0xDFFF)


def _one_block(random: Random) -> str:
    start = random.randrange(0, 0x30000, 128)
    return "".join(chr(start + random.randrange(128)) for _ in range(20) if not 0xD700 <= start <= 0xDFFF)


def _half(random: Random) -> str:
    return chr(random.randrange(0xD800, 0xE000)) if random.random() < 0.05 else "a"


_PARTS: tuple[Callable[[Random], str], ...] = (
    lambda random: random.choice(_WORDS),
    lambda random: random.choice(_WORDS),
    lambda random: random.choice(_SPECIALS),
    lambda random: random.choice(_JOINED) * random.randrange(1, 6),
    lambda random: random.choice(_BLANKS) * random.randrange(1, 6),
    _any_plane,
    _one_block,
    _half,
    lambda random: "".join(chr(random.randrange(32)) for _ in range(5)),
    lambda random: "e" + "".join(chr(random.randrange(0x300, 0x370)) for _ in range(random.choice((1, 5, 300)))),
    lambda random: random.choice("a1.我\u0301\u200d") * random.choice((1, 50, 500, 3000)),
    lambda random: str(random.getrandbits(random.choice((8, 64, 512)))),
    lambda random: "\u202e" + random.choice(_WORDS) + "\u202c\u2066",
)

_NUMBERS = (0, 1, -1, 2, 7, 255, 2**31, 2**32, 2**63, -(2**63), 10**30, 0.5, 1e308, 1e-300, -1e-9)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "x" * 3000, "\u0000", "../../etc/passwd", "evil/kernels", "NaN", "[UNK]", "a b"),
    *([], {}, [[]], [None], {"": None}, {"a": {"b": []}}, [1, 2, 3], ["a", "a"], [{}], {"type": "Sequence"}),
    *({"Regex": "(a+)+$"}, {"String": ""}, [0.0] * 40, ["x"] * 40),
)


_KEYS = ("extra", "auto_map", "use_kernels", "model_type", "dtype", "attn_implementation", "is_decoder", "name")


def bytes_of(random: Random, content: bytes, other: bytes) -> bytes:
    """Do harm to bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        at, length = random.randrange(len(changed) + 1), random.choice((1, 2, 4, 8, 64))
        random.choice(_HARMS)(random, changed, slice(at, at + length), other)
    return bytes(changed)


def _flip(random: Random, changed: bytearray, place: slice, _: bytes) -> None:
    if place.start < len(changed):
        changed[place.start] ^= 1 << random.randrange(8)


def _replace(random: Random, changed: bytearray, place: slice, _: bytes) -> None:
    changed[place] = random.randbytes(place.stop - place.start)


def _remove(_: Random, changed: bytearray, place: slice, __: bytes) -> None:
    del changed[place]


def _insert(random: Random, changed: bytearray, place: slice, _: bytes) -> None:
    changed[place.start : place.start] = random.randbytes(place.stop - place.start)


def _repeat(random: Random, changed: bytearray, place: slice, _: bytes) -> None:
    changed[place.start : place.start] = changed[place] * random.choice((1, 10, 1000))


def _cut(_: Random, changed: bytearray, place: slice, __: bytes) -> None:
    del changed[place.start :]


def _borrow(random: Random, changed: bytearray, place: slice, other: bytes) -> None:
    start = random.randrange(len(other) + 1)
    changed[place] = other[start : start + place.stop - place.start]


def _fill(random: Random, changed: bytearray, place: slice, _: bytes) -> None:
    changed[place] = random.choice((b"\0", b"\xff", b"9", b"{", b"[", b'"')) * (place.stop - place.start)


_HARMS: tuple[Callable[[Random, bytearray, slice, bytes], None], ...] = (
    *(_flip, _replace, _remove, _insert),
    *(_repeat, _cut, _borrow, _fill),
)


def json_of(random: Random, value: Any) -> Any:
    """Do harm to JSON."""
    changed = copy.deepcopy(value)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        changed = _harm(random, changed)
    return changed


def dumps(random: Random, value: Any) -> str:
    """Write JSON; now and then such that Python alone reads it."""
    written = json.dumps(value, ensure_ascii=random.random() < 0.5)
    return written.replace("0.", "NaN,", 1) if random.random() < 0.01 else written


def _harm(random: Random, value: Any) -> Any:
    """Go down at random, and replace, remove, double, rename or add where one arrives."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        key = random.choice(list(value))
        return _harm_in_table(random, value, key)
    if isinstance(value, list) and value and random.random() < 0.85:
        at = random.randrange(len(value))
        harm = random.randrange(8)
        if harm == 0:
            return value[:at] + value[at + 1 :]
        if harm == 1:
            return value + [value[at]] * random.choice((1, 3, 100))
        return [*value[:at], _harm(random, value[at]), *value[at + 1 :]]
    return _other(random, value)


def _harm_in_table(random: Random, value: dict[str, Any], key: str) -> dict[str, Any]:
    harm = random.randrange(12)
    if harm == 0:
        return {name: inner for name, inner in value.items() if name != key}
    if harm == 1:
        other = random.choice(("", "x", key + "x", "__class__"))
        return {(other if name == key else name): inner for name, inner in value.items()}
    if harm == 2:
        return {**value, random.choice(_KEYS): random.choice(_VALUES)}
    if harm == 3:
        return {**value, key: value[random.choice(list(value))]}
    return {**value, key: _harm(random, value[key])}


def _other(random: Random, value: Any) -> Any:
    """Return another value, of the same sort more often than not."""
    if random.random() < 0.6:
        if isinstance(value, bool):
            return not value
        if isinstance(value, int | float):
            return random.choice((*_NUMBERS, value + 1, value - 1, value * 1000, -value))
        if isinstance(value, str):
            return random.choice((value + "x", value[:-1], value.upper(), value * 2, "", one_text(random)))
    return random.choice((*_VALUES, *_NUMBERS))
