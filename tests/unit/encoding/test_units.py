from itertools import pairwise

import pytest
from hypothesis import given

from polyhead.encoding.units import UNIT_KINDS, find_units, surfaces
from polyhead.labels import words_of
from tests.tiny_encoders import CORPUS, KINDS
from tests.unit.encoders import any_texts, text_encoder


def units_of(kind, text, unit):
    (encoded,) = text_encoder(kind).encode([text])
    return encoded, encoded.units(unit)


@given(any_texts)
def test_whitespace_words_are_those_of_split(text):
    assert surfaces(text, words_of(text)) == text.split()


@pytest.mark.parametrize("kind", KINDS)
@given(text=any_texts)
def test_whitespace_units_are_those_of_split_for_every_tokenizer(kind, text):
    _, units = units_of(kind, text, "whitespace")
    assert surfaces(text, units.extents) == text.split()
    assert len(units) == len(units.first_piece) == len(text.split())


@pytest.mark.parametrize("kind", KINDS)
@given(text=any_texts)
def test_pretokenizer_units_cover_every_character_once_but_no_blank(kind, text):
    _, units = units_of(kind, text, "pretokenizer")
    covered = [at for start, end in units.extents for at in range(start, end)]
    assert covered == [at for at, character in enumerate(text) if not character.isspace()]
    assert all(start < end for start, end in units.extents)


@pytest.mark.parametrize("kind", KINDS)
@given(text=any_texts)
def test_pretokenizer_units_never_split_a_piece(kind, text):
    encoded, units = units_of(kind, text, "pretokenizer")
    owner = {at: unit for unit, extent in enumerate(units.extents) for at in range(*extent)}
    for start, end in encoded.pieces:
        for word in words_of(text[start:end]):  # a piece over a blank is in the words on both sides of it
            assert len({owner[start + at] for at in range(*word)}) == 1


@pytest.mark.parametrize("unit", UNIT_KINDS)
@pytest.mark.parametrize("kind", KINDS)
@given(text=any_texts)
def test_first_pieces_rise_and_begin_in_their_unit(kind, unit, text):
    encoded, units = units_of(kind, text, unit)
    first = [(int(piece), extent) for piece, extent in zip(units.first_piece, units.extents, strict=True) if piece >= 0]
    assert all(before < after for (before, _), (after, _) in pairwise(first))
    for piece, (start, end) in first:
        piece_start, piece_end = encoded.pieces[piece]
        surface = text[piece_start:piece_end]
        assert start <= piece_start + len(surface) - len(surface.lstrip()) < end


@pytest.mark.parametrize("unit", UNIT_KINDS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", CORPUS)
def test_every_unit_of_ordinary_text_has_a_piece(kind, text, unit):
    _, units = units_of(kind, text, unit)
    assert (units.first_piece >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_piece_is_the_very_first(kind):
    encoded, units = units_of(kind, "Deutsche  Bahn\tin Łódź", "whitespace")
    for (start, end), first in zip(units.extents, units.first_piece, strict=True):
        inside = [at for at, (a, b) in enumerate(encoded.pieces) if a < end and b > start and encoded.text[a:b].strip()]
        assert first == inside[0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("New York.", ["New", "York", "."]),
        ("(really) -- isn't", ["(", "really", ")", "-", "-", "isn", "'", "t"]),
        ("cafe\u0301!", ["cafe\u0301", "!"]),
        ("\U0001f469\u200d\U0001f4bb\U0001f600", ["\U0001f469\u200d\U0001f4bb", "\U0001f600"]),
        ("我住在 北京", ["我", "住", "在", "北", "京"]),
        ("שלום, مرحبا", ["שלום", ",", "مرحبا"]),
        ("a\u00a0b\u3000c", ["a", "b", "c"]),
        ("5€", ["5", "€"]),
        ("", []),
        (" \t\n", []),
    ],
)
def test_what_stands_apart(text, wanted):
    pieces = [(at, at + 1) for at in range(len(text)) if not text[at].isspace()]
    assert surfaces(text, find_units("pretokenizer", text, pieces).extents) == wanted


def test_what_one_piece_covers_stays_together():
    units = find_units("pretokenizer", "it's ok", [(0, 1), (1, 4), (4, 7)])
    assert units.extents == ((0, 4), (5, 7))
    assert units.first_piece.tolist() == [0, 2]


def test_units_are_not_joined_over_a_blank():
    units = find_units("pretokenizer", "a b c", [(0, 3), (3, 5)])
    assert units.extents == ((0, 1), (2, 3), (4, 5))
    assert units.first_piece.tolist() == [0, -1, 1]


def test_a_unit_of_which_the_tokenizer_left_nothing_has_no_first_piece():
    units = find_units("whitespace", "a \x00 b", [(0, 1), (4, 5)])
    assert units.first_piece.tolist() == [0, -1, 1]


def test_a_blank_piece_begins_no_unit():
    units = find_units("whitespace", " ab", [(0, 1), (0, 2), (2, 3)])
    assert units.first_piece.tolist() == [1]
