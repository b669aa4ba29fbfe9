"""What must hold for every encoder: the same tests over a DistilBERT, a byte-level RoBERTa and a unigram DeBERTa."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polyhead import Predictor
from polyhead.batching import Batch, collate, rows_of
from polyhead.inference import open_model
from polyhead.model import TorchRuntime, load_pretrained
from polyhead.model.weights import load_model
from polyhead.settings import load_settings
from polyhead.training import TrainedRun, run_training

TEXTS = {
    "plain": "John lives in New York.",
    "emoji": "\U0001f600 John \U0001f469\u200d\U0001f4bb lives in New York \U0001f1e9\U0001f1ea. \U0001f3fd",
    "combining": "cafe\u0301 in Sa\u0303o Paulo , \u0301stray n\u0303\u0323o",
    "cjk": "我 住在 北京市 今天会下雨吗？ 東京タワー ｶﾞ",
    "right_to_left": "مرحبا يعيش جون في القاهرة \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u200fעולם\u200f",
    "tabs": "John\tlives\t\tin\tBerlin\t",
    "double_spaces": "  John  lives   in  New  York .  ",
    "odd_blanks": "John\u00a0lives in\u3000Berlin\u2028now \u200b \ufeff x\x1fy",
    "control": "a \x07 b\x00c \x1b[31m red \ufffd",
    "widening": "ﬁnance ½ ㎏ Ⅷ İstanbul ß \ufdfa",
    "special_tokens": "[CLS] in <s> New [SEP] York </s> [PAD] <pad> [MASK]",
    "newlines": "John\nlives\r\nin\n\nBerlin",
    "one_long_word": "a" * 700,
    "empty": "",
    "blank": " \t \n",
}


class RandomRuntime:
    """Answers at random, so that entities of every shape come out."""

    def __init__(self, widths: dict[str, tuple[bool, int]], *, seed: int) -> None:
        self.tables: dict[str, np.ndarray] = {}
        self.parallel = 0
        self._widths, self._random = widths, np.random.default_rng(seed)

    def run(self, batch: Batch) -> dict[str, np.ndarray]:
        rows, length = batch.ids.shape
        shapes = {
            name: (rows, width) if sentence else (rows, length, width)
            for name, (sentence, width) in self._widths.items()
        }
        return {name: self._random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def run(any_encoder: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    output = tmp_path_factory.mktemp("runs") / any_encoder.name
    flags = {
        "data.train": small_data,
        "data.dev": small_data,
        "encoder": str(any_encoder),
        "output": output,
        "training.epochs": 1,
        "training.precision": "fp32",
    }
    return run_training(load_settings(None, (), flags), single_file="mtl_epoch{epoch}.pt")


@pytest.fixture(scope="module")
def predictor(run: TrainedRun) -> Predictor:
    return Predictor.load(run.folder)


@pytest.fixture(scope="module")
def random_predictor(run: TrainedRun) -> Predictor:
    bundle = open_model(run.folder)
    heads = {task.name: task.head() for task in bundle.tasks}
    widths = {name: (head.reads == "sentence", head.width) for name, head in heads.items()}
    return Predictor(
        tasks=bundle.tasks, text_encoder=bundle.text_encoder(), runtime=RandomRuntime(widths, seed=3), bundle=bundle
    )


def entities_read_from(tags: list[str], text: str) -> list[tuple[int, int, str]]:
    """Read BIO tags strictly, independently of the package."""
    words = [match.span() for match in re.finditer(r"\S+", text)]
    entities: list[tuple[int, int, str]] = []
    before = "O"
    for tag, (start, end) in zip(tags, words, strict=True):
        if tag.startswith("B-"):
            entities.append((start, end, tag[2:]))
        elif tag.startswith("I-"):
            assert before[2:] == tag[2:], f"{tag} after {before}"
            entities[-1] = (entities[-1][0], end, tag[2:])
        else:
            assert tag == "O"
        before = tag
    return entities


def check_answer(answer: dict[str, Any], text: str) -> None:
    assert answer["text"] == text
    ner = answer["ner"]
    assert ner["words"] == text.split()
    assert len(ner["tags"]) == len(text.split())
    for entity in ner["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
        assert entity["text"] == entity["text"].strip() != ""
        assert 0.0 <= entity["score"] <= 1.0
    found = [(entity["start"], entity["end"], entity["label"]) for entity in ner["entities"]]
    assert found == entities_read_from(ner["tags"], text)
    assert 0.0 < answer["classification"]["score"] <= 1.0


def test_loads_with_its_tokenizer_and_length(any_encoder: Path) -> None:
    pretrained = load_pretrained(str(any_encoder))
    assert pretrained.most_pieces == 64
    assert pretrained.pad_id == (1 if any_encoder.name == "roberta" else 0)
    assert '"model_type"' in pretrained.config_json
    assert getattr(pretrained.encoder, "pooler", None) is None


def test_folder_and_single_file_give_bit_equal_logits(run: TrainedRun) -> None:
    folder, single = open_model(run.best), open_model(run.folder / "mtl_epoch1.pt")
    encoder = folder.text_encoder()
    rows = [row for encoded in encoder.encode(list(TEXTS.values())) for row in rows_of(encoded, encoder)]
    batch = collate(rows, encoder)
    of_folder, of_single = (TorchRuntime.of_bundle(bundle).run(batch) for bundle in (folder, single))
    assert of_folder.keys() == {"classification", "ner"}
    assert of_folder["classification"].shape == (len(rows), 3)
    assert of_folder["ner"].shape == (len(rows), batch.ids.shape[1], 5)
    for name, logits in of_folder.items():
        assert np.isfinite(logits).all()
        assert np.array_equal(logits, of_single[name]), name


def test_training_changed_the_encoder(run: TrainedRun, any_encoder: Path) -> None:
    before = load_pretrained(str(any_encoder)).encoder.state_dict()
    after = load_model(open_model(run.best)).encoder.state_dict()
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("name", TEXTS)
def test_offsets_words_and_tags(name: str, predictor: Predictor) -> None:
    (result,) = predictor([TEXTS[name]])
    check_answer(result.to_json(), TEXTS[name])


@pytest.mark.parametrize("name", TEXTS)
def test_offsets_hold_whatever_the_network_says(name: str, random_predictor: Predictor) -> None:
    for result in random_predictor([TEXTS[name]] * 20):
        check_answer(result.to_json(), TEXTS[name])


def test_random_answers_do_hold_entities(random_predictor: Predictor) -> None:
    found = [len(result.to_json()["ner"]["entities"]) for result in random_predictor([TEXTS["cjk"]] * 20)]
    assert sum(found) > 20


def test_short_text_is_one_window(predictor: Predictor) -> None:
    (result,) = predictor(["John lives in New York."])
    assert result.windows == 1
    assert "windows" not in result.to_json()


def test_long_text_is_cut_into_windows_and_nothing_is_lost(predictor: Predictor, random_predictor: Predictor) -> None:
    text = "John  lives in New York . Anna works\tfor 北京市 in Berlin \U0001f600 " * 40
    for model in (predictor, random_predictor):
        (result,) = model([text])
        answer = result.to_json()
        check_answer(answer, text)
        assert answer["windows"] > 10
        assert list(answer) == ["text", "windows", "classification", "ner"]
    tail = answer["ner"]["entities"][-1]  # the random ones: the last of hundreds of words are answered for, too
    assert tail["start"] > len(text) * 0.9


def test_order_and_company_do_not_matter(predictor: Predictor) -> None:
    texts = [text for text in TEXTS.values() if text.strip()]
    together = [result.to_json() for result in predictor(texts)]
    for text, answer in zip(texts, together, strict=True):
        alone = predictor([text])[0].to_json()
        assert answer["ner"]["tags"] == alone["ner"]["tags"]
        assert answer["classification"]["label"] == alone["classification"]["label"]
        assert answer["classification"]["score"] == pytest.approx(alone["classification"]["score"], abs=1e-4)


PAIRS = {
    "short": ("John lives in New York.", "what's the weather like?"),
    "long_first": ("John lives in Berlin \U0001f600 " * 60, "what's the weather like?"),
    "long_second": ("John lives in Berlin", "what's the weather like? \U0001f600 " * 60),
    "both_long": ("John lives in Berlin " * 40, "what's the weather like? " * 40),
    "empty_second": ("John lives in Berlin", ""),
    "empty_first": ("", "what's the weather like?"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_two_texts_are_read_together(name: str, predictor: Predictor) -> None:
    first, second = PAIRS[name]
    (result,) = predictor([(first, second)])
    check_answer(result.to_json(), first)
    assert result.to_json()["second"] == second
    assert (result.windows > 3) == ("long" in name)


def test_the_second_text_is_seen(predictor: Predictor) -> None:
    readings = list(predictor.read([("play", "some music"), ("play", "what is the weather"), "play"]))
    logits = [reading.logits["classification"] for reading in readings]
    assert not np.allclose(logits[0], logits[1])
    assert not np.allclose(logits[0], logits[2])


def test_pairs_in_company_of_single_texts(predictor: Predictor) -> None:
    """A row without a second text has types all the same where another row of its batch needs them."""
    texts = ["John lives in New York.", ("Anna works", "for John"), "play some music please"]
    together = list(predictor.read(texts))
    for text, reading in zip(texts, together, strict=True):
        (alone,) = predictor.read([text])
        for name, logits in reading.logits.items():
            np.testing.assert_allclose(logits, alone.logits[name], atol=1e-4)
