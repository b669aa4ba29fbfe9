"""Compiled tables of characters, made by hand: a block of 256 places for each node."""

import base64

import numpy as np
import pytest
from tokenizers import normalizers

from polyhead.encoding.charsmap import check_charsmap

TEXTS = {"ﬁ": "fi", "Ａ": "A", "①": "1", "é": "e\u0301", "b": ""}


def compiled(table, *, units=None, texts=None):
    """Return a table of characters as bytes; `units` and `texts` change it."""
    places, written = {}, b""
    for result in table.values():
        places[result] = len(written)
        written += result.encode() + b"\0"
    nodes = [b"", *sorted({key.encode()[:end] for key in table for end in range(1, len(key.encode()) + 1)})]
    base = {node: 256 * number for number, node in enumerate(nodes)}
    array = np.zeros(256 * len(nodes), dtype="<u4")
    array[0] = 0  # the root's children lie in its own block
    for node in nodes[1:]:
        place = base[node[:-1]] ^ node[-1]
        leaf = node.decode(errors="ignore") in table and node.decode(errors="ignore").encode() == node
        array[place] = (place ^ base[node]) << 10 | leaf << 8 | node[-1]
        if leaf:
            array[base[node]] = places[table[node.decode()]] | 1 << 31
    content = array.tobytes() if units is None else units(array).tobytes()
    written = written if texts is None else texts(written)
    return len(content).to_bytes(4, "little") + content + written


def check(content):
    check_charsmap(base64.b64encode(content).decode())


def test_a_table_that_the_library_reads():
    content = compiled(TEXTS)
    check(content)
    assert normalizers.Precompiled(content).normalize_str("ﬁn Ａ① é x") == "fin A1 e\u0301 x"


def test_the_library_takes_a_table_of_one():
    check(compiled({"Ａ": "A"}))


def beyond(array):
    changed = array.copy()
    changed[ord("b")] |= 1 << 30
    return changed


def beyond_texts(array):
    changed = array.copy()
    changed[changed >= 1 << 31] += 10_000
    return changed


def inside_a_character(array):
    changed = array.copy()
    changed[changed >= 1 << 31] = 1 << 31 | TEXT.index(b"\xcc\x81") + 1
    return changed


TEXT = b"".join(result.encode() + b"\0" for result in TEXTS.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (compiled(TEXTS, units=beyond), "beyond its own end"),
        (compiled(TEXTS, units=beyond_texts), "beyond its texts"),
        (compiled(TEXTS, units=inside_a_character), "the middle of a character"),
        (compiled(TEXTS, units=lambda array: array[:300]), "beyond its own end"),
        (compiled(TEXTS, texts=lambda texts: texts + b"x" * 100 + b"\0"), "more than 64 bytes"),
        (compiled(TEXTS, texts=lambda texts: texts + b"x"), "more than 64 bytes"),
        (compiled({"b" * 100: "c"}), "more than 64 bytes at once"),
        (b"\0\0\0\0", "cut short"),
        (b"\x08\0\0\0abcd", "cut short"),
        (b"", "cut short"),
    ],
)
def test_tables_that_lead_astray(content, said):
    with pytest.raises(ValueError, match=said):
        check(content)


def test_a_table_of_random_units_is_refused_or_harmless():
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        array = random.integers(0, 1 << 32, 512, dtype=np.uint32)
        content = (2048).to_bytes(4, "little") + array.astype("<u4").tobytes() + b"abc\0"
        try:
            check(content)
        except ValueError:
            refused += 1
        else:
            normalizers.Precompiled(content).normalize_str("".join(map(chr, range(1, 3000))))
    assert refused > 100
