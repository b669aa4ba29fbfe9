import json

import pytest

from polyhead.encoding import TextEncoder
from polyhead.encoding.components import check_tokenizer
from polyhead.errors import BundleError
from tests.tiny_encoders import KINDS
from tests.unit.encoders import PAD_IDS, tokenizer_json


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_is_what_it_was(kind):
    file = check_tokenizer(tokenizer_json(kind))
    written, kept = json.loads(tokenizer_json(kind)), json.loads(file.text)
    assert kept == {**written, "decoder": None, "truncation": None, "padding": None}
    encoder = TextEncoder(tokenizer_json(kind), max_pieces=64, pad_id=PAD_IDS[kind])
    assert encoder.highest_id == file.vocabulary.size - 1


def test_components_are_named_in_their_order():
    assert check_tokenizer(tokenizer_json("deberta")).components == (
        "normalizer: Sequence",
        "normalizer: NFKC",
        "normalizer: Replace",
        "pre_tokenizer: Metaspace",
        "post_processor: TemplateProcessing",
        "model: Unigram",
    )


def test_a_panic_of_the_library_is_a_complaint(monkeypatch):
    class PanicException(BaseException):
        pass

    encoder = TextEncoder(tokenizer_json("roberta"), max_pieces=64, pad_id=1)

    class Panics:
        def encode_batch(self, *_, **__):
            raise PanicException("index out of bounds")

    monkeypatch.setattr(encoder, "_tokenizer", Panics())
    with pytest.raises(BundleError, match=r"cannot cut these texts: index out of bounds"):
        encoder.encode(["a"])


def test_an_interrupt_is_none(monkeypatch):
    encoder = TextEncoder(tokenizer_json("roberta"), max_pieces=64, pad_id=1)

    class Interrupted:
        def encode_batch(self, *_, **__):
            raise KeyboardInterrupt

    monkeypatch.setattr(encoder, "_tokenizer", Interrupted())
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(["a"])


def test_files_from_before_models_had_names():
    state = json.loads(tokenizer_json("roberta"))
    state["model"] = {
        **{key: value for key, value in state["model"].items() if key != "type"},
        "merges": [" ".join(pair) for pair in state["model"]["merges"]],
    }
    assert check_tokenizer(json.dumps(state)).vocabulary.kind == "BPE"
