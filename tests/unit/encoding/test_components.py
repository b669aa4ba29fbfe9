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


def template(**changes):
    special, text = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    second = {"Sequence": {"id": "B", "type_id": 1}}
    whole = {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, second],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
    }
    return {**whole, **changes}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"special_tokens": {}}, r"names '\[CLS\]', which special_tokens lacks"),
        ({"single": []}, "must hold each of A once"),
        ({"single": [{"Sequence": {"id": "B", "type_id": 0}}]}, "must hold each of A once"),
        ({"single": template()["single"] * 2}, "must hold each of A once"),
        ({"pair": template()["single"]}, "must hold each of A, B once"),
    ],
)
def test_a_template_names_what_there_is(change, said):
    """The library would abort the process."""
    state = json.loads(tokenizer_json("distilbert"))
    TextEncoder(json.dumps({**state, "post_processor": template()}), max_pieces=64, pad_id=0)
    with pytest.raises(BundleError, match=said):
        check_tokenizer(json.dumps({**state, "post_processor": template(**change)}))


def test_merges_have_the_prefix_that_the_library_cuts_off():
    """The library would abort the process."""
    state = json.loads(tokenizer_json("roberta"))
    state["model"]["continuing_subword_prefix"] = "##"
    with pytest.raises(BundleError, match="joins a piece without the prefix '##'"):
        check_tokenizer(json.dumps(state))


@pytest.mark.parametrize("merge", [7, "a b c", "a", ["a"], ["a", 7], None])
def test_a_merge_is_of_two_pieces(merge):
    state = json.loads(tokenizer_json("roberta"))
    state["model"]["merges"].append(merge)
    with pytest.raises(BundleError, match="a merge is of two pieces"):
        check_tokenizer(json.dumps(state))


def test_a_complaint_stays_short():
    state = json.loads(tokenizer_json("distilbert"))
    for change in ({"normalizer": {"type": "x" * 100_000}}, {"pre_tokenizer": {"type": "Digits", "x" * 100_000: []}}):
        with pytest.raises(BundleError) as caught:
            check_tokenizer(json.dumps({**state, **change}))
        assert len(str(caught.value)) < 1500
    split = {"type": "Split", "pattern": {"String": "a"}, "behavior": "x" * 900, "invert": False}
    with pytest.raises(BundleError) as caught:
        TextEncoder(json.dumps({**state, "pre_tokenizer": split}), max_pieces=64, pad_id=0)
    assert len(str(caught.value)) < 1500
