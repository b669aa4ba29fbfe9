"""What the predictor promises over any runtime, shown with one that is a table: no torch, no model.

Its logits at a piece depend on the piece's id alone, so what a text's windows are cut at must not be seen in an answer.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.batching import Batch
from polyhead.errors import SettingsError
from polyhead.inference import Predictor
from polyhead.inference.chunks import TEXTS_AT_ONCE
from polyhead.inference.predictor import _TOKEN_BUDGET
from polyhead.labels import LabelSet
from polyhead.tasks import SingleLabel, Tagging
from tests.tiny_encoders import CORPUS, KINDS
from tests.unit.encoders import text_encoder, tokenizer_json

INTENT = SingleLabel("intent", "label", 1.0, SingleLabel.Options(), LabelSet((0, 1, "1")))
NER = Tagging("ner", "tags", 1.0, Tagging.Options(), LabelSet(("LOC", "PER")))
WORDS = Tagging("words", "tags", 1.0, Tagging.Options(unit="pretokenizer"), LabelSet(("LOC", "PER")))
TASKS = (INTENT, NER, WORDS)

LONG = " ".join(CORPUS * 4)


class Table:
    """Looks logits up: of a piece by its id, of a sentence by the id behind the special tokens."""

    def __init__(self, *, max_pieces: int = 64) -> None:
        random = np.random.default_rng(3)
        self.logits = {task.name: random.normal(size=(500, task.head().width)).astype(np.float32) for task in TASKS}
        self.max_pieces = max_pieces
        self.tables: dict[str, np.ndarray] = {}
        self.parallel = 0
        self.batches: list[tuple[int, int]] = []

    def run(self, batch: Batch) -> dict[str, np.ndarray]:
        assert batch.ids.shape == batch.mask.shape
        assert batch.ids.shape[1] <= self.max_pieces
        assert (batch.mask.sum(axis=1) >= 2).all()
        self.batches.append(batch.ids.shape)
        logits = {name: table[batch.ids] for name, table in self.logits.items()}
        return {**logits, "intent": self.logits["intent"][batch.ids[:, 1]]}


def predictor_of(kind: str, *, max_pieces: int = 64) -> tuple[Predictor, Table]:
    runtime = Table(max_pieces=max_pieces)
    encoder = text_encoder(kind, max_pieces=max_pieces)
    return Predictor(tasks=TASKS, text_encoder=encoder, runtime=runtime), runtime


def plain(results):
    return [result.to_json() for result in results]


@pytest.mark.parametrize("kind", KINDS)
def test_results_come_in_the_order_of_the_texts(kind):
    predictor, _ = predictor_of(kind)
    texts = [*CORPUS, "", "a", *reversed(CORPUS), "a"]
    results = predictor(texts)
    assert [result.text for result in results] == texts
    assert plain(results) == plain(predictor([text])[0] for text in texts)
    assert [list(result.predictions) for result in results] == [["intent", "ner", "words"]] * len(texts)


@pytest.mark.parametrize("max_pieces", [8, 10, 17])
@pytest.mark.parametrize("kind", KINDS)
def test_tags_of_a_long_text_are_those_of_its_units_one_by_one(kind, max_pieces):
    predictor, runtime = predictor_of(kind, max_pieces=max_pieces)
    (result,) = predictor([LONG])
    (encoded,) = text_encoder(kind, max_pieces=max_pieces).encode([LONG])
    assert result.windows == len(encoded.windows) > 10
    for task in (NER, WORDS):
        first = encoded.units(task.unit).first_piece
        wanted = task.decode(runtime.logits[task.name][encoded.ids[first[first >= 0]]], encoded)
        assert len(wanted.entities) > 10
        assert result.predictions[task.name] == wanted


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=40)
@given(text=st.lists(st.sampled_from(" ".join(CORPUS).split()), max_size=60).map(" ".join), width=st.integers(8, 30))
def test_windows_leave_no_trace_in_tags(kind, text, width):
    whole, _ = predictor_of(kind, max_pieces=10_000)
    cut, _ = predictor_of(kind, max_pieces=width)
    for name in ("ner", "words"):
        assert cut([text])[0].predictions[name] == whole([text])[0].predictions[name]


def test_no_entity_is_found_twice_at_a_seam():
    predictor, _ = predictor_of("distilbert", max_pieces=8)
    entities = predictor([LONG])[0].predictions["ner"].highlights()
    assert len(entities) > 10
    assert all(before.end <= after.start for before, after in itertools.pairwise(entities))


def test_the_probability_of_a_sentence_is_the_mean_over_its_windows():
    predictor, runtime = predictor_of("distilbert", max_pieces=10)
    (result,) = predictor([LONG])
    (encoded,) = text_encoder("distilbert", max_pieces=10).encode([LONG])
    logits = runtime.logits["intent"][[encoded.ids[window.start] for window in encoded.windows]].astype(np.float64)
    mean = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).mean(axis=0)
    assert result.predictions["intent"].label == INTENT.labels[int(mean.argmax())]
    assert result.predictions["intent"].score == pytest.approx(mean.max())
    assert result.to_json()["windows"] == len(encoded.windows)


@pytest.mark.parametrize("kind", KINDS)
def test_best_classes_are_those_of_the_answer_however_texts_are_cut_and_batched(kind):
    predictor, _ = predictor_of(kind, max_pieces=10)
    texts = [*CORPUS, LONG, "", ("play", "some music")] * 20
    whole, few = predictor(texts, top_k=99), predictor(texts, top_k=2)
    assert plain(few) == plain(predictor.stream(iter(texts), top_k=2)) == plain(predictor.ranked(predictor(texts), 2))
    for result, short, bare in zip(whole, few, predictor(texts), strict=True):
        told, classes = result.to_json(), result.predictions["intent"].to_json()["classes"]
        assert told.pop("intent") == {**bare.to_json()["intent"], "classes": classes}
        assert told == {name: value for name, value in bare.to_json().items() if name != "intent"}
        assert classes[0] == bare.predictions["intent"].to_json()
        assert [own["label"] for own in sorted(classes, key=lambda own: -own["score"])] == [
            own["label"] for own in classes
        ]
        assert {own["label"] for own in classes} == set(INTENT.labels)
        assert sum(own["score"] for own in classes) == pytest.approx(1.0, abs=3e-6)
        assert short.predictions["intent"].to_json()["classes"] == classes[:2]
    assert max(result.windows for result in whole) > 10


def test_best_classes_are_as_cool_as_the_answer():
    predictor, runtime = predictor_of("distilbert")
    (result,) = predictor.with_temperatures({"intent": 4.0})(["play"], top_k=3)
    (encoded,) = text_encoder("distilbert").encode(["play"])
    shares = np.exp(runtime.logits["intent"][encoded.ids[0]].astype(np.float64) / 4)
    wanted = sorted(zip(-shares / shares.sum(), range(3), strict=True))
    assert result.predictions["intent"].classes == tuple(
        (INTENT.labels[at], pytest.approx(-share, abs=1e-6)) for share, at in wanted
    )
    assert result.predictions["intent"].classes[0][1] == result.predictions["intent"].score


def test_what_nobody_asked_for_is_not_worked_out(monkeypatch):
    predictor, _ = predictor_of("distilbert")
    ranked = []
    monkeypatch.setattr(SingleLabel, "ranked", lambda task, answers, count: ranked.append(len(answers)) or answers)
    results = predictor(CORPUS)
    assert predictor.ranked(results, None) == results
    assert ranked == []
    predictor(["play"] * 64, top_k=3)
    assert ranked == [64], "all of a batch at once"


@pytest.mark.parametrize("count", [0, -3, True, 2.0])
def test_a_number_of_classes_that_is_none_is_refused(count):
    predictor, _ = predictor_of("distilbert")
    for answer in (lambda: predictor([], top_k=count), lambda: predictor.ranked(predictor(["play"]), count)):
        with pytest.raises(SettingsError, match="top_k: must be a whole number of at least 1, found"):
            answer()


def test_a_text_that_was_not_cut_says_nothing_of_windows():
    predictor, _ = predictor_of("distilbert")
    assert list(predictor(["play"])[0].to_json()) == ["text", "intent", "ner", "words"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["", "  \n\t", "\x00", "\u200b"])
def test_a_text_of_nothing_has_an_answer(kind, text):
    predictor, _ = predictor_of(kind)
    (result,) = predictor([text])
    assert result.text == text
    assert result.predictions["intent"].label in INTENT.labels
    assert len(result.predictions["ner"].words) == len(text.split())


def test_no_text_runs_nothing():
    predictor, runtime = predictor_of("distilbert")
    assert predictor([]) == []
    assert list(predictor.stream([])) == []
    assert runtime.batches == []


@pytest.mark.parametrize("kind", KINDS)
def test_batches_that_run_side_by_side_give_the_same(kind):
    """Also where the first to be begun is the last to be done."""
    inline, _ = predictor_of(kind, max_pieces=10)
    beside, runtime = predictor_of(kind, max_pieces=10)
    runtime.parallel, run = 4, runtime.run

    def slow(batch: Batch) -> dict[str, np.ndarray]:
        time.sleep(0.002 * (4 - len(runtime.batches) % 4))
        return run(batch)

    runtime.run = slow
    texts = [f"{text} {at}" for at in range(300) for text in [*CORPUS, LONG]]
    assert plain(beside(texts)) == plain(inline(texts))
    assert len(runtime.batches) > 4


def test_what_a_batch_beside_us_raises_is_raised():
    predictor, runtime = predictor_of("distilbert")
    runtime.parallel = 2
    runtime.logits = {}
    with pytest.raises(KeyError):
        predictor(["play"] * 2000)


def test_one_text_runs_where_it_is_answered_soonest():
    many, alone = Table(), Table()
    predictor = Predictor(tasks=TASKS, text_encoder=text_encoder("distilbert"), runtime=many, alone=alone)
    predictor(["play"])
    assert (len(many.batches), len(alone.batches)) == (0, 1)
    predictor(["play"] * 100)
    assert (len(many.batches), len(alone.batches)) == (1, 1)


@pytest.mark.parametrize("call", [lambda predictor: predictor("one"), lambda predictor: list(predictor.stream("one"))])
def test_one_string_is_not_a_list_of_strings(call):
    predictor, _ = predictor_of("distilbert")
    with pytest.raises(TypeError, match=r"found one string; write predictor\(\[text\]\)$"):
        call(predictor)


def test_an_endless_stream_is_answered_as_it_comes():
    predictor, _ = predictor_of("distilbert")
    taken = itertools.count()
    results = predictor.stream(f"play {next(taken)}" for _ in itertools.repeat(None))
    assert [result.text for result in itertools.islice(results, 1500)] == [f"play {at}" for at in range(1500)]
    assert next(taken) <= 2 * TEXTS_AT_ONCE


def test_a_stream_and_a_call_answer_alike_and_take_any_iterable():
    predictor, _ = predictor_of("distilbert")
    texts = [f"{text} {at}" for at in range(200) for text in CORPUS]
    assert plain(predictor.stream(iter(texts))) == plain(predictor(text for text in texts))


def test_progress_is_told_in_texts():
    predictor, _ = predictor_of("distilbert")
    told: list[int] = []
    predictor(["play"] * (2 * TEXTS_AT_ONCE + 452), on_batch=told.append)
    assert told == [512, 1024, TEXTS_AT_ONCE, 964]  # few at first: until they are cut into pieces, nothing runs


def test_batches_keep_to_the_budget():
    predictor, runtime = predictor_of("distilbert")
    predictor([*["play"] * 1000, LONG, *CORPUS * 20])
    assert len(runtime.batches) > 1
    assert max(rows * length for rows, length in runtime.batches) <= _TOKEN_BUDGET


def test_reading_and_then_decoding_is_answering():
    predictor, _ = predictor_of("distilbert", max_pieces=10)
    texts = [*CORPUS, LONG, "", ("play", "some music")]
    readings = list(predictor.read(texts))
    assert plain(predictor.decode(reading) for reading in readings) == plain(predictor(texts))
    for reading in readings:
        assert reading.logits["intent"].shape == (len(reading.encoded.windows), 3)
        for task in (NER, WORDS):
            pieces = reading.encoded.units(task.unit).first_piece >= 0
            assert reading.logits[task.name].shape == (pieces.sum(), 5)


def test_other_tasks_over_the_same_network():
    predictor, _ = predictor_of("distilbert")
    renamed = SingleLabel("intent", "label", 1.0, SingleLabel.Options(), LabelSet(("a", "b", "c")))
    again = predictor.with_tasks([renamed, NER, WORDS])
    for text in CORPUS:
        (before,), (after,) = predictor([text]), again([text])
        place = list(INTENT.labels).index(before.predictions["intent"].label)
        assert after.predictions["intent"].label == "abc"[place]
        assert after.predictions["ner"] == before.predictions["ner"]
    assert predictor.tasks == TASKS
    assert again.tasks == (renamed, NER, WORDS)


def crf_predictor(kind: str, *, max_pieces: int) -> Predictor:
    """A tagger whose runtime has learnt that PER follows PER, and nothing else does."""
    crf = Tagging("ner", "tags", 1.0, Tagging.Options(decoder="crf"), LabelSet(("LOC", "PER")))
    runtime = Table(max_pieces=max_pieces)
    tags = [str(tag) for tag in crf.tags]
    table = np.zeros((1 + len(tags), len(tags)), dtype=np.float32)
    table[1:, tags.index("B-PER")] = 100.0
    table[0, tags.index("B-LOC")] = 100.0
    runtime.tables["ner"] = table
    encoder = text_encoder(kind, max_pieces=max_pieces)
    return Predictor(tasks=(INTENT, crf, WORDS), text_encoder=encoder, runtime=runtime)


@pytest.mark.parametrize("max_pieces", [10, 64])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_runtime_learnt_of_sequences_decides_its_own_task_alone(kind, max_pieces):
    predictor = crf_predictor(kind, max_pieces=max_pieces)
    plain_predictor, _ = predictor_of(kind, max_pieces=max_pieces)
    for model in (predictor, predictor.with_tasks(predictor.tasks)):
        (result,) = model([LONG])
        tags = result.predictions["ner"].tags
        assert tags == ("B-LOC", *["B-PER"] * (len(LONG.split()) - 1))
        assert result.predictions["words"] == plain_predictor([LONG])[0].predictions["words"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pair_answers_for_its_first_text(kind):
    predictor, _ = predictor_of(kind)
    (pair,), (alone,) = predictor([("John lives in Berlin.", "play some music")]), predictor(["John lives in Berlin."])
    assert (pair.text, pair.second, alone.second) == ("John lives in Berlin.", "play some music", None)
    assert pair.predictions["ner"] == alone.predictions["ner"]
    assert list(pair.to_json()) == ["text", "second", "intent", "ner", "words"]
    assert pair.to_json()["second"] == "play some music"
    assert "second" not in alone.to_json()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pair", [(LONG, "play some music"), ("play some music", LONG), (LONG, LONG)], ids=range(3))
def test_windows_of_a_pair_leave_no_trace_in_tags(kind, pair):
    cut, runtime = predictor_of(kind, max_pieces=16)
    whole, _ = predictor_of(kind, max_pieces=10_000)
    (result,), (wanted,) = cut([pair]), whole([pair[0]])
    assert result.windows > 10
    assert sum(rows for rows, _ in runtime.batches) == result.windows
    for name in ("ner", "words"):
        assert result.predictions[name] == wanted.predictions[name]


def test_pairs_and_single_texts_in_one_call():
    predictor, _ = predictor_of("distilbert")
    texts = ["play", ("play", "some music"), ("some music", "play"), "some music"]
    results = predictor(texts)
    assert [result.text if result.second is None else (result.text, result.second) for result in results] == texts
    assert plain(results) == plain(predictor([text])[0] for text in texts)


WITHOUT_TORCH = """
import sys, importlib.abc, pathlib

BLOCKED = {"torch", "transformers", "accelerate", "safetensors"}

class Wall(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"no {name} here", name=name)

sys.meta_path.insert(0, Wall())

import numpy as np
import polyhead, polyhead.inference, polyhead.evaluation, polyhead.cli.app
from polyhead.encoding import TextEncoder
from polyhead.errors import MissingExtraError
from polyhead.labels import LabelSet
from polyhead.tasks import SingleLabel, Tagging

tasks = [
    SingleLabel("intent", "label", 1.0, SingleLabel.Options(), LabelSet((3, "b"))),
    Tagging("ner", "tags", 1.0, Tagging.Options(), LabelSet(("PER",))),
]

class Double:
    tables = {}
    parallel = 0

    def run(self, batch):
        rows, length = batch.ids.shape
        return {
            "intent": np.tile(np.float32([5, 0]), (rows, 1)),
            "ner": np.tile(np.float32([0, 5, 0]), (rows, length, 1)),
        }

folder = pathlib.Path(sys.argv[1])
encoder = TextEncoder((folder / "tokenizer.json").read_text(encoding="utf-8"), max_pieces=64, pad_id=0)
(result,) = polyhead.Predictor(tasks=tasks, text_encoder=encoder, runtime=Double())(["Anna ran"])
print(result.predictions["intent"].plain(), result.predictions["ner"].plain(), sep="; ")
for what in (polyhead.Predictor.load, polyhead.inference.open_model):
    try:
        what(folder / "model.pt")
    except MissingExtraError as error:
        print(error)
print(sorted(BLOCKED & {name.partition(".")[0] for name in sys.modules}))
"""


def test_predicting_needs_no_torch(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text(tokenizer_json("distilbert"), encoding="utf-8")
    (tmp_path / "model.pt").touch()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "Prediction: 3; NER Output: ['B-PER', 'B-PER']",
        "reading a .pt file needs the extra 'train': pip install 'polyhead[train]'",
        "reading a .pt file needs the extra 'train': pip install 'polyhead[train]'",
        "[]",
    ]
