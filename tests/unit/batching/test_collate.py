import numpy as np
import pytest

from polyhead.batching import collate, rows_of
from tests.tiny_encoders import CORPUS, KINDS
from tests.unit.encoders import PAD_IDS, text_encoder


@pytest.mark.parametrize("kind", KINDS)
def test_rows_have_special_tokens_around_and_padding_behind(kind):
    encoder = text_encoder(kind)
    short, long = encoder.encode(["play", "play some music"])
    rows = rows_of(short, encoder) + rows_of(long, encoder)
    batch = collate(rows, encoder)
    assert batch.ids.shape == batch.mask.shape == (2, len(long.ids) + 2)
    assert batch.ids.dtype == batch.mask.dtype == np.int64
    assert batch.ids[1].tolist() == [*encoder.prefix, *long.ids, *encoder.suffix]
    size = rows[0].length
    assert batch.ids[0, :size].tolist() == [*encoder.prefix, *short.ids, *encoder.suffix]
    assert set(batch.ids[0, size:].tolist()) == {PAD_IDS[kind]}
    assert batch.mask.sum(axis=1).tolist() == [row.length for row in rows]
    assert batch.mask[0].tolist() == [1] * size + [0] * (batch.ids.shape[1] - size)


@pytest.mark.parametrize("kind", KINDS)
def test_the_windows_of_a_text_hold_all_its_pieces(kind):
    encoder = text_encoder(kind, max_pieces=10)
    (encoded,) = encoder.encode([" ".join(CORPUS)])
    rows = rows_of(encoded, encoder)
    batch = collate(rows, encoder)
    assert batch.ids.shape == (len(encoded.windows), 10)
    again = []
    for row, ids in zip(rows, batch.ids, strict=True):
        begin = len(encoder.prefix) - row.window.start
        again += ids[row.window.own_start + begin : row.window.own_stop + begin].tolist()
    assert again == encoded.ids.tolist()


def test_a_text_without_pieces_is_a_row_of_special_tokens():
    encoder = text_encoder("distilbert")
    (encoded,) = encoder.encode([""])
    assert collate(rows_of(encoded, encoder), encoder).ids.tolist() == [[*encoder.prefix, *encoder.suffix]]


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_second_text_there_are_no_types(kind):
    encoder = text_encoder(kind)
    rows = [row for encoded in encoder.encode(["play", "play some music"]) for row in rows_of(encoded, encoder)]
    assert collate(rows, encoder).types is None


@pytest.mark.parametrize("kind", KINDS)
def test_types_tell_the_second_text_also_beside_rows_that_have_none(kind):
    encoder = text_encoder(kind)
    single, pair = encoder.encode(["play", ("play some music", "it's really good")])
    rows = rows_of(single, encoder) + rows_of(pair, encoder)
    batch = collate(rows, encoder)
    assert batch.types.shape == batch.ids.shape == (2, rows[1].length)
    assert batch.types.dtype == np.int64
    assert batch.types[0].tolist() == [0] * rows[1].length
    second = len(pair.second_ids) + len(encoder.end)
    assert batch.types[1].tolist() == [0] * (rows[1].length - second) + [1] * second
    assert batch.ids[1].tolist() == [*encoder.prefix, *pair.ids, *encoder.middle, *pair.second_ids, *encoder.end]
    assert batch.mask.sum(axis=1).tolist() == [row.length for row in rows]
