"""Two texts that are read together: premise and hypothesis, say."""

import numpy as np
import pytest
from tokenizers import Tokenizer, processors

from polyhead.encoding import TextEncoder
from polyhead.errors import DataError, EncoderError
from tests.tiny_encoders import CORPUS, KINDS
from tests.unit.encoders import PAD_IDS, text_encoder, tokenizer_json

PAIRS = [("play some music", "it's really good"), ("a", "b"), ("", "play"), ("play", ""), (CORPUS[0], CORPUS[7])]
LONG = " ".join(CORPUS * 3)
ROW = 20


def tokenizer_of(kind):
    """The tokenizer as published ones are: that of DeBERTa, too, says how it puts two texts together."""
    tokenizer = Tokenizer.from_str(tokenizer_json(kind))
    if kind == "deberta":
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 1), ("[SEP]", 2)],
        )
    tokenizer.encode_special_tokens = True
    return tokenizer


def encoder_of(kind, **sizes):
    return TextEncoder(tokenizer_of(kind).to_str(), pad_id=PAD_IDS[kind], **{"max_pieces": 64, **sizes})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", PAIRS)
def test_a_row_is_what_the_tokenizer_itself_makes_of_a_pair(kind, pair):
    encoder = encoder_of(kind)
    (encoded,) = encoder.encode([pair])
    (window,) = encoded.windows
    ids, types = encoder.row(encoded, window)
    wanted = tokenizer_of(kind).encode(*pair)
    assert ids == wanted.ids
    if kind != "roberta":  # which knows no types
        assert types == wanted.type_ids
    assert len(types) == encoder.row_length(encoded, window) == len(ids)


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_1_from_the_second_text_on(kind):
    encoder = encoder_of(kind)
    (encoded,) = encoder.encode([("play some music", "it's good")])
    ids, types = encoder.row(encoded, encoded.windows[0])
    first = len(encoder.prefix) + len(encoded.ids) + len(encoder.middle)
    assert types == [0] * first + [1] * (len(encoded.second_ids) + len(encoder.end))
    assert ids[first : first + len(encoded.second_ids)] == encoded.second_ids.tolist()


def test_a_tokenizer_that_knows_no_pairs_gets_its_suffix_behind_each_text():
    encoder = text_encoder("deberta")
    (encoded,) = encoder.encode([("play", "good")])
    wanted = [*encoder.prefix, *encoded.ids, *encoder.suffix, *encoded.second_ids, *encoder.suffix]
    assert encoder.row(encoded, encoded.windows[0])[0] == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_text_of_a_pair_is_encoded_as_it_is_alone(kind):
    encoder = encoder_of(kind)
    pair, alone = encoder.encode([(CORPUS[2], CORPUS[1]), CORPUS[2]])
    assert (pair.text, pair.second, alone.second) == (CORPUS[2], CORPUS[1], None)
    assert pair.ids.tolist() == alone.ids.tolist()
    assert pair.pieces == alone.pieces
    assert pair.units("whitespace").extents == alone.units("whitespace").extents
    assert pair.second_ids.tolist() == encoder.encode([CORPUS[1]])[0].ids.tolist()
    assert pair.second_ids.dtype == np.int64


@pytest.mark.parametrize("kind", KINDS)
def test_single_texts_and_pairs_come_in_the_order_they_were_given_in(kind):
    texts = ["a", ("b", "c"), "d", ("e", "f"), ("g", "h"), "i"]
    encoded = encoder_of(kind).encode(texts)
    assert [text.text if text.second is None else (text.text, text.second) for text in encoded] == texts
    alone = [encoder_of(kind).encode([text])[0] for text in texts]
    assert [text.second_ids.tolist() for text in encoded] == [text.second_ids.tolist() for text in alone]


LENGTHS = {
    "long first": (LONG, "it's really good"),
    "long second": ("it's really good", LONG),
    "both long": (LONG, " ".join(CORPUS)),
    "nothing and long": ("", LONG),
    "long and nothing": (LONG, ""),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", LENGTHS.values(), ids=LENGTHS)
def test_a_long_pair_is_cut_into_rows_that_fit_and_nothing_is_lost(kind, pair):
    encoder = encoder_of(kind, max_pieces=ROW)
    (encoded,) = encoder.encode([pair])
    assert len(encoded.windows) > 3
    met = set()
    for window in encoded.windows:
        ids, types = encoder.row(encoded, window)
        assert len(ids) == len(types) == encoder.row_length(encoded, window) <= ROW
        assert ids[: len(encoder.prefix)] == encoder.prefix
        assert ids[-len(encoder.end) :] == encoder.end
        begin = len(encoder.prefix)
        assert ids[begin : begin + window.stop - window.start] == encoded.ids[window.start : window.stop].tolist()
        assert ids[types.index(1) : -len(encoder.end)] == encoded.second_ids[slice(*window.second)].tolist()
        met |= {(a, b) for a in range(window.start, window.stop) for b in range(*window.second)}
    owned = [piece for window in encoded.windows for piece in range(window.own_start, window.own_stop)]
    assert sorted(owned) == list(range(len(encoded.ids)))
    assert len(met) == len(encoded.ids) * len(encoded.second_ids)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("special", ["[SEP]", "</s>"])
def test_a_special_token_written_in_a_second_text_is_text(kind, special):
    encoder = encoder_of(kind)
    (encoded,) = encoder.encode([("play", f"some {special} music")])
    assert not {*encoder.prefix, *encoder.suffix, encoder.pad_id} & set(encoded.second_ids.tolist())


def test_half_a_surrogate_pair_in_a_second_text_is_refused():
    with pytest.raises(DataError, match=r"text 1 \(from 0\): holds half a surrogate pair"):
        text_encoder("distilbert").encode([("fine", "fine"), ("fine", "broken \ud83d")])


def test_a_row_without_room_for_two_texts_is_refused():
    encoder = encoder_of("roberta", max_pieces=5)
    assert encoder.encode(["a"])[0].windows
    with pytest.raises(EncoderError, match=r"^encoding: a row of 5 pieces leaves 1 for two texts; raise max_length$"):
        encoder.encode([("a", "b")])
