"""What every kind of task must do, with every tokenizer. A new kind needs an entry in `SAMPLES`.

column.read → learn → head → encode → logits that say just that → decode → right
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError
from polyhead.notices import Notices
from polyhead.records import Source
from polyhead.tasks import IGNORE, KINDS, Task, restore_task, task_state
from tests.tiny_encoders import KINDS as TOKENIZERS
from tests.unit.encoders import text_encoder

TEXTS = [
    "John lives in New York.",
    "Book a flight from São Paulo",
    "what's the weather like?",
    "我 住 在 北京 市 \U0001f600",
    "Anna  works\tfor cafe\u0301 " + "in Berlin, Germany! " * 12,
]


@dataclass(frozen=True)
class Sample:
    """Values of a kind's field, one for each of `TEXTS`; and values that are none."""

    values: list[Any]
    wrong: list[Any]
    options: dict[str, Any]


_LAST = ["B-PER", "O", "O", "B-ORG"] + ["O", "B-LOC", "I-LOC"] * 12
_TAGS = [
    ["B-PER", "O", "O", "B-LOC", "I-LOC"],
    ["O", "O", "O", "O", "B-LOC"],  # fewer tags than words
    [],
    ["O", "O", "O", "B-creative-work", "I-creative-work", "B-creative-work"],
    _LAST,
]

SAMPLES: dict[tuple[str, str], Sample] = {
    ("single_label", ""): Sample([0, "0", "weather", -7, "weather"], [True, 1.5, "", [], {"a": 1}], {}),
    ("tagging", "whitespace"): Sample(_TAGS, ["O", {"a": 1}, [7], ["PERSON"], ["O"] * 99], {}),
    ("tagging", "pretokenizer"): Sample(_TAGS, [3], {"unit": "pretokenizer"}),
}


def test_every_kind_has_a_sample():
    assert {kind for kind, _ in SAMPLES} == set(KINDS)


@dataclass(frozen=True)
class Learnt:
    sample: Sample
    task: Task
    annotations: list[Any]
    encoded: list[Encoded]


def learn(key: tuple[str, str], tokenizer: str) -> Learnt:
    kind, sample = KINDS[key[0]], SAMPLES[key]
    column, notices = kind.column("field"), Notices()
    annotations = [
        column.read(value, text, Source("a.json", line), notices)
        for line, (value, text) in enumerate(zip(sample.values, TEXTS, strict=True), start=1)
    ]
    column.finish(notices)
    options = kind.Options(**sample.options).model_dump()
    task = kind.learn(name="it", field="field", weight=0.5, options=options, annotations=annotations)
    return Learnt(sample, task, annotations, text_encoder(tokenizer, max_pieces=24).encode(TEXTS))


@pytest.fixture(params=[(key, tokenizer) for key in SAMPLES for tokenizer in TOKENIZERS], ids=str)
def learnt(request):
    return learn(*request.param)


@pytest.fixture(params=SAMPLES, ids=str)
def of_kind(request):
    return learn(request.param, TOKENIZERS[0])


def logits_saying(task: Task, target: np.ndarray, encoded: Encoded) -> np.ndarray:
    """Logits by which a head says `target`; for a new objective, say here how a head would say it."""
    head = task.head()
    assert head.objective == "cross_entropy", "how does a head say a target of this objective?"
    if head.reads == "sentence":
        wanted = np.full(len(encoded.windows), target)
    else:
        wanted = target[encoded.units(head.unit).first_piece >= 0]
    logits = np.zeros((len(wanted), head.width), dtype=np.float32)
    logits[np.arange(len(wanted)), np.where(wanted == IGNORE, 0, wanted)] = 30.0
    return logits


def answers_of(learnt: Learnt) -> list[Any]:
    return [
        learnt.task.decode(logits_saying(learnt.task, learnt.task.encode(annotation, encoded), encoded), encoded)
        for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True)
    ]


def test_some_text_has_several_windows(learnt):
    assert max(len(encoded.windows) for encoded in learnt.encoded) > 2


def test_a_target_has_the_shape_and_values_that_its_head_takes(learnt):
    head = learnt.task.head()
    assert head.width >= 1
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        target = learnt.task.encode(annotation, encoded)
        assert target.dtype == np.int64
        assert target.shape == (() if head.reads == "sentence" else (len(encoded.units(head.unit)),))
        known = target[target != IGNORE]
        assert known.size
        assert ((known >= 0) & (known < head.width)).all()


def test_decoding_undoes_encoding(learnt):
    for annotation, answer in zip(learnt.annotations, answers_of(learnt), strict=True):
        assert learnt.task.is_right(annotation, answer)


def test_right_answers_have_the_full_score(learnt):
    scores = learnt.task.score(learnt.annotations, answers_of(learnt))
    assert scores[learnt.task.main_metric] == 1.0


def test_another_records_answers_are_not_all_right(of_kind):
    task, answers = of_kind.task, answers_of(of_kind)
    assert not task.is_right(of_kind.annotations[0], answers[2])
    shifted = answers[1:] + answers[:1]
    assert task.score(of_kind.annotations, shifted)[task.main_metric] < 1.0


def test_no_record_has_no_score(of_kind):
    assert of_kind.task.score([], [])[of_kind.task.main_metric] is None


def test_scores_are_json(of_kind):
    scores = of_kind.task.score(of_kind.annotations, answers_of(of_kind))
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_any_logits_have_an_answer(learnt):
    random = np.random.default_rng(0)
    head = learnt.task.head()
    for encoded in [*learnt.encoded, *text_encoder(TOKENIZERS[0]).encode(["", " ", "\x00"])]:
        units = 0 if head.reads == "sentence" else int((encoded.units(head.unit).first_piece >= 0).sum())
        rows = len(encoded.windows) if head.reads == "sentence" else units
        answer = learnt.task.decode(random.normal(size=(rows, head.width)).astype(np.float32) * 9, encoded)
        assert json.loads(json.dumps(answer.to_json(), allow_nan=False)) == answer.to_json()


def test_answers_are_json_and_one_line_and_lie_in_the_text(learnt):
    for answer, text in zip(answers_of(learnt), TEXTS, strict=True):
        assert json.loads(json.dumps(answer.to_json(), allow_nan=False)) == answer.to_json()
        assert answer.plain()
        assert len(answer.plain().splitlines()) == 1
        assert len(answer.summary().splitlines()) <= 1
        assert all(0 <= span.start < span.end <= len(text) for span in answer.highlights())


def test_a_task_comes_back_from_json(of_kind):
    again = restore_task(json.loads(json.dumps(task_state(of_kind.task), allow_nan=False)))
    assert again == of_kind.task
    assert type(again) is type(of_kind.task)
    assert again.head() == of_kind.task.head()
    assert again.label_names() == of_kind.task.label_names()


def test_a_restored_task_answers_as_before(learnt):
    again = restore_task(json.loads(json.dumps(task_state(learnt.task))))
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        target = again.encode(annotation, encoded)
        assert target.tolist() == learnt.task.encode(annotation, encoded).tolist()
        logits = logits_saying(again, target, encoded)
        assert repr(again.decode(logits, encoded)) == repr(learnt.task.decode(logits, encoded))


def test_the_order_of_the_data_changes_nothing_in_the_head(of_kind):
    task = of_kind.task
    options = type(task).Options(**of_kind.sample.options).model_dump()
    turned = type(task).learn(
        name="it", field="field", weight=0.5, options=options, annotations=of_kind.annotations[::-1] * 2
    )
    assert task_state(turned) == task_state(task)


def test_labels_can_be_counted_and_described(of_kind):
    task = of_kind.task
    seen = [task.labels_in(annotation) for annotation in of_kind.annotations]
    assert all(isinstance(labels, frozenset) for labels in seen)
    assert len({hash(labels) for labels in seen}) > 1
    names = task.label_names()
    assert names
    assert {str(label) for labels in seen for label in labels} <= set(names)
    assert task.describe()
    assert "\n" not in task.describe()


def test_what_is_no_annotation_is_refused(of_kind):
    for value in of_kind.sample.wrong:
        with pytest.raises(AnnotationError) as caught:
            type(of_kind.task).column("field").read(value, TEXTS[0], Source("a.json", 1), Notices())
        assert any(letter.isalpha() for letter in str(caught.value))


def test_a_column_knows_its_field(of_kind):
    assert type(of_kind.task).column("other").field == "other"


def test_the_main_metric_is_one_of_the_scores_and_the_kind_is_known_by_its_name(of_kind):
    assert KINDS[of_kind.task.kind] is type(of_kind.task)
    assert of_kind.task.main_metric in of_kind.task.score([], [])


def test_a_label_comes_back_with_its_type():
    learnt = learn(("single_label", ""), TOKENIZERS[0])
    labels = [answer.label for answer in answers_of(learnt)]
    assert labels == learnt.sample.values
    assert [type(label) for label in labels] == [int, str, str, int, str]
