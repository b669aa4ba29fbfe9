import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models

from polyhead.encoding import TextEncoder
from polyhead.errors import BundleError, DataError, EncoderError
from tests.tiny_encoders import CORPUS, KINDS
from tests.unit.encoders import PAD_IDS, text_encoder, tokenizer_json

SPECIALS = {"distilbert": ("[CLS]", "[SEP]"), "roberta": ("<s>", "</s>"), "deberta": ("[CLS]", "[SEP]")}


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_are_found(kind):
    tokenizer, encoder = Tokenizer.from_str(tokenizer_json(kind)), text_encoder(kind)
    assert [tokenizer.id_to_token(index) for index in encoder.prefix] == [SPECIALS[kind][0]]
    assert [tokenizer.id_to_token(index) for index in encoder.suffix] == [SPECIALS[kind][1]]


@pytest.mark.parametrize("kind", KINDS)
def test_pieces_are_those_of_the_tokenizer(kind):
    tokenizer = Tokenizer.from_str(tokenizer_json(kind))
    for text, encoded in zip(CORPUS, text_encoder(kind).encode(CORPUS), strict=True):
        wanted = tokenizer.encode(text, add_special_tokens=False)
        assert encoded.text == text
        assert encoded.ids.tolist() == wanted.ids
        assert encoded.ids.dtype == np.int64
        assert list(encoded.pieces) == wanted.offsets


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("special", ["[SEP]", "[CLS]", "[PAD]", "<s>", "</s>", "<pad>"])
def test_a_special_token_written_in_a_text_is_text(kind, special):
    encoder, tokenizer = text_encoder(kind), Tokenizer.from_str(tokenizer_json(kind))
    (encoded,) = encoder.encode([f"play {special} music"])
    known = {tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]", "[PAD]", "<s>", "</s>", "<pad>")}
    assert not known & set(encoded.ids.tolist())
    assert [encoded.text[start:end] for start, end in encoded.units("whitespace").extents] == ["play", special, "music"]
    assert (encoded.units("whitespace").first_piece >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_truncation_and_padding_of_the_file_are_switched_off(kind):
    tokenizer = Tokenizer.from_str(tokenizer_json(kind))
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=12, pad_id=PAD_IDS[kind])
    encoder = TextEncoder(tokenizer.to_str(), max_pieces=64, pad_id=PAD_IDS[kind])
    for text in ("a", " ".join(CORPUS)):
        assert encoder.encode([text])[0].ids.tolist() == text_encoder(kind).encode([text])[0].ids.tolist()
    assert (encoder.prefix, encoder.suffix) == (text_encoder(kind).prefix, text_encoder(kind).suffix)


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_cut_into_windows_that_fit(kind):
    encoder = text_encoder(kind, max_pieces=10)
    (encoded,) = encoder.encode([" ".join(CORPUS)])
    assert len(encoded.windows) > 5
    assert max(window.stop - window.start for window in encoded.windows) == 10 - 2
    assert encoded.windows[0].stop - encoded.windows[1].start == 2  # a quarter of eight
    assert encoded.windows[-1].own_stop == len(encoded.ids)


def test_the_overlap_can_be_set():
    (encoded,) = text_encoder("distilbert", max_pieces=10, overlap=5).encode([" ".join(CORPUS)])
    assert encoded.windows[0].stop - encoded.windows[1].start == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_without_pieces_has_one_empty_window(kind):
    (encoded,) = text_encoder(kind).encode([""])
    assert encoded.ids.tolist() == []
    assert [(window.start, window.stop) for window in encoded.windows] == [(0, 0)]
    assert len(encoded.units("whitespace")) == 0


def test_no_text_at_all():
    assert text_encoder("distilbert").encode([]) == []


@pytest.mark.parametrize("content", ["", "{}", "no json"])
def test_what_is_no_tokenizer_is_refused(content):
    with pytest.raises(BundleError, match=r"^tokenizer\.json cannot be read: "):
        TextEncoder(content, max_pieces=64, pad_id=0)


def test_a_tokenizer_without_a_special_token_before_the_text_is_refused():
    content = json.loads(tokenizer_json("distilbert"))
    content["post_processor"] = None
    with pytest.raises(EncoderError, match=r"puts no special token such as \[CLS\] before a text"):
        TextEncoder(json.dumps(content), max_pieces=64, pad_id=0)


def test_a_tokenizer_that_makes_nothing_of_a_text_is_refused():
    with pytest.raises(EncoderError, match="makes nothing of the text 'a'"):
        TextEncoder(Tokenizer(models.BPE()).to_str(), max_pieces=64, pad_id=0)


@pytest.mark.parametrize(("max_pieces", "overlap"), [(2, None), (10, 8), (10, 20), (10, -1)])
def test_windows_that_would_never_get_on_are_refused(max_pieces, overlap):
    with pytest.raises(EncoderError, match=r"^encoding: "):
        TextEncoder(tokenizer_json("distilbert"), max_pieces=max_pieces, pad_id=0, overlap=overlap)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(DataError, match=r"text 1 \(from 0\): holds half a surrogate pair"):
        text_encoder("distilbert").encode(["fine", "broken \ud83d"])
