"""What every kind of task must do, with every tokenizer. A new kind needs an entry in `SAMPLES`.

column.read → learn → head → encode → logits that say just that → decode → right
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch

from polyhead.encoding import Encoded
from polyhead.errors import AnnotationError
from polyhead.metrics import Scorer, headline_of
from polyhead.model.heads import Head
from polyhead.model.objectives import OBJECTIVES, TargetTensors
from polyhead.notices import Notices
from polyhead.records import Source
from polyhead.tasks import IGNORE, KINDS, Prediction, Task, TaskOptions, restore_task, task_state
from tests.tiny_encoders import KINDS as TOKENIZERS
from tests.unit.encoders import text_encoder

TEXTS = [
    "John lives in New York.",
    "Book a flight from São Paulo",
    "what's the weather like?",
    "我 住 在 北京 市 \U0001f600",
    "Anna  works\tfor cafe\u0301 " + "in Berlin, Germany! " * 12,
    "New \x00 York",  # of the word in the middle some tokenizers leave nothing
]


@dataclass(frozen=True)
class Sample:
    """Values of a kind's field, one for each of `TEXTS`; and values that are none."""

    values: list[Any]
    wrong: list[Any]
    options: dict[str, Any] = field(default_factory=dict)


def span(text: int, surface: str, label: str) -> dict[str, Any]:
    start = TEXTS[text].index(surface)
    return {"start": start, "end": start + len(surface), "label": label}


_LAST = ["B-PER", "O", "O", "B-ORG"] + ["O", "B-LOC", "I-LOC"] * 12
_TAGS = [
    ["B-PER", "O", "O", "B-LOC", "I-LOC"],
    ["O", "O", "O", "O", "B-LOC"],  # fewer tags than words
    [],
    ["O", "O", "O", "B-creative-work", "I-creative-work", "B-creative-work"],
    _LAST,
    ["B-LOC", "I-LOC", "I-LOC"],
]
_NO_TAGS = ["O", {"a": 1}, [7], ["PERSON"], ["O"] * 99]

_CLASSES = [0, "0", "weather", -7, "weather", 0]
_NO_CLASSES = [True, 1.5, "", [], {"a": 1}]

_WORD_LABELS = [
    ["PROPN", "VERB", "ADP", "PROPN", "PROPN"],
    ["VERB", None, "NOUN"],  # fewer labels than words, and one that is unknown
    ["PRON", "DET", "NOUN", "ADP"],
    ["PRON", "VERB", "ADP", "PROPN", "NOUN", "SYM"],
    ["PROPN", "VERB", "ADP", "NOUN"] + ["ADP", "PROPN", "PROPN"] * 12,
    ["PROPN", None, "PROPN"],
]
_NESTED = [
    [span(0, "John", "PER"), span(0, "York.", "ORG"), span(0, "New York.", "LOC")],
    [span(1, "São Paulo", "LOC"), span(1, "Paulo", "PER")],
    [],
    [span(3, "北京 市", "LOC"), span(3, "北京", "LOC")],
    [span(4, "Anna", "PER"), span(4, "Berlin, Germany!", "LOC"), span(4, "Germany!", "LOC")],
    [span(5, TEXTS[5], "LOC"), span(5, "York", "LOC")],
]
_CROSSING = [
    [span(0, "lives in New", "LOC"), span(0, "New York.", "LOC"), span(0, "New York.", "ORG")],
    [span(1, "a flight from", "LOC"), span(1, "from São", "ORG")],
    *_NESTED[2:],
]
_SPAN = {"start": 0, "end": 4, "label": "PER"}
_NO_SPANS = [
    *("O", _SPAN, [7], ["PERSON"], ["O"] * 99, [_SPAN, "O"], [_SPAN, dict(_SPAN)], [{**_SPAN, "score": 1}]),
    *([{**_SPAN, "end": end}] for end in (0, -1, 99, 5, 4.0, True, "4", None)),
    *([{**_SPAN, "start": start}] for start in (-1, 4, 9, False)),
    *([{**_SPAN, "label": label}] for label in ("", 1, None)),
    *([{key: _SPAN[key] for key in _SPAN if key != missing}] for missing in _SPAN),
]

SAMPLES: dict[tuple[str, str], Sample] = {
    ("single_label", ""): Sample(_CLASSES, _NO_CLASSES),
    ("single_label", "all options"): Sample(
        _CLASSES,
        _NO_CLASSES,
        {"pooling": "attention", "layers": "mix", "hidden": 5, "class_weights": "balanced"},
    ),
    ("multi_label", ""): Sample(
        [[0], ["0", 0, "weather"], [], ["weather"], [-7], [0, -7]],
        ["weather", True, 7, {"a": 1}, [True], [1.5], [""], [None], [["a"]], ["a", "a"]],
    ),
    ("multi_label", "separator"): Sample(
        ["a", "b#a", "", ["c", "a"], "c#b", "a"],
        ["a##b", "#", "a#", "a#a", 7, ["a", 1.5]],
        {"separator": "#", "pooling": "mean", "class_weights": "balanced"},
    ),
    ("multi_label", "fixed"): Sample([["a"], ["b", "a"], [], ["c"], ["b"], ["a"]], ["a"], {"thresholds": 0.9}),
    ("tagging", "whitespace"): Sample(_TAGS, _NO_TAGS),
    ("tagging", "pretokenizer"): Sample(_TAGS, [3], {"unit": "pretokenizer"}),
    ("tagging", "crf"): Sample(_TAGS, [3], {"decoder": "crf"}),
    ("token_label", ""): Sample(
        _WORD_LABELS, ["NOUN", 7, {"a": 1}, [], [None], ["NOUN", 7], ["NOUN", ""], [True], ["NOUN"] * 99]
    ),
    ("token_label", "pretokenizer"): Sample(_WORD_LABELS, [3], {"unit": "pretokenizer", "class_weights": "balanced"}),
    ("spans", ""): Sample(_CROSSING, _NO_SPANS, {"class_weights": {"LOC": 3.0}}),
    ("spans", "nested"): Sample(_NESTED, _NO_SPANS, {"overlap": "nested", "hidden": 5}),
    ("spans", "tags"): Sample(_TAGS, _NO_SPANS, {"overlap": "none", "unit": "whitespace"}),
    ("regression", ""): Sample(
        [3.5, -1, 0, 2.25, 1e1, 7], [True, "3.5", None, [], {"a": 1}, 1e300, float("nan"), 10**400]
    ),
    ("regression", "tolerance"): Sample([3.5, -1, 0, 2.25, 1.0, 7], ["3"], {"tolerance": 1e-5, "pooling": "mean"}),
}


def test_every_kind_has_a_sample():
    assert {kind for kind, _ in SAMPLES} == set(KINDS)


@dataclass(frozen=True)
class Learnt:
    sample: Sample
    options: TaskOptions
    task: Task
    annotations: list[Any]
    encoded: list[Encoded]


def learn(key: tuple[str, str], tokenizer: str) -> Learnt:
    kind, sample = KINDS[key[0]], SAMPLES[key]
    options = kind.Options(**sample.options)
    column, notices = kind.column("field", options), Notices()
    annotations = [
        column.read(value, text, Source("a.json", line), notices)
        for line, (value, text) in enumerate(zip(sample.values, TEXTS, strict=True), start=1)
    ]
    column.finish(notices)
    task = kind.learn(name="it", field="field", weight=0.5, options=options, annotations=annotations)
    return Learnt(sample, options, task, annotations, text_encoder(tokenizer, max_pieces=24).encode(TEXTS))


@pytest.fixture(params=[(key, tokenizer) for key in SAMPLES for tokenizer in TOKENIZERS], ids=str)
def learnt(request):
    return learn(*request.param)


@pytest.fixture(params=SAMPLES, ids=str)
def of_kind(request):
    return learn(request.param, TOKENIZERS[0])


def trained(task: Task) -> Task:
    """The task as it is when a model was trained: a CRF gives it a table, here one that prefers nothing."""
    head = task.head()
    if head.objective != "crf":
        return task
    return task.with_table(np.zeros((1 + head.width, head.width), dtype=np.float32))


def targets_at_logits(task: Task, target: np.ndarray, encoded: Encoded) -> np.ndarray:
    """The target of each row of logits: of each window, or of each unit with a piece."""
    head = task.head()
    if head.of_units:
        return target[encoded.units(head.unit).first_piece >= 0]
    return np.stack([target] * len(encoded.windows))


def logits_saying(task: Task, target: np.ndarray, encoded: Encoded) -> np.ndarray:
    """Logits by which a head says `target`; for a new objective, say here how a head would say it."""
    head = task.head()
    wanted = targets_at_logits(task, target, encoded)
    match head.objective:
        case "squared_error":
            return wanted.reshape(-1, head.width)
        case "binary_cross_entropy":
            return np.where(wanted == 1, 30.0, -30.0).astype(np.float32).reshape(-1, head.width)
        case "cross_entropy" | "crf":
            logits = np.zeros((len(wanted), head.width), dtype=np.float32)
            logits[np.arange(len(wanted)), np.where(wanted == IGNORE, 0, wanted)] = 30.0
            return logits
    raise AssertionError(f"how does a head say a target of {head.objective!r}?")


def right_logits(learnt: Learnt) -> list[np.ndarray]:
    return [
        logits_saying(learnt.task, learnt.task.encode(annotation, encoded), encoded)
        for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True)
    ]


def answers_of(learnt: Learnt, task: Task | None = None) -> list[Any]:
    task = trained(task or learnt.task)
    return [task.decode(*pair) for pair in zip(right_logits(learnt), learnt.encoded, strict=True)]


def all_known(annotation: Any) -> Any:
    """The annotation, as one of the whole text."""
    known_to = getattr(annotation, "known_to", None)
    return annotation if known_to is None else dataclasses.replace(annotation, known_to=None)


def test_some_text_has_several_windows(learnt):
    assert max(len(encoded.windows) for encoded in learnt.encoded) > 2


def test_some_word_has_no_piece():
    encoded = text_encoder(TOKENIZERS[0]).encode([TEXTS[5]])[0]
    assert (encoded.units("whitespace").first_piece < 0).sum() == 1


def test_a_target_has_the_shape_and_values_that_its_head_takes(learnt):
    head = learnt.task.head()
    assert head.width >= 1
    classes = 2 if head.objective == "binary_cross_entropy" else head.width
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        target = learnt.task.encode(annotation, encoded)
        units = (len(encoded.units(head.unit)),) if head.of_units else ()
        assert target.shape == (*units, *head.target)
        if head.is_number:
            assert target.dtype == np.float32
            assert np.isfinite(target).all()
        else:
            assert np.issubdtype(target.dtype, np.integer)
            known = target[target != IGNORE]
            assert known.size
            assert ((known >= 0) & (known < classes)).all()


def test_the_model_builds_the_head_and_its_loss_falls_towards_the_target(of_kind):
    spec = of_kind.task.head()
    states, mask = [torch.randn(2, 7, 8) for _ in range(3)], torch.ones(2, 7)
    head = Head(spec, width=8, layers=3, dropout=0.0)
    assert head(states, mask).shape == ((2, 7, spec.width) if spec.of_units else (2, spec.width))
    objective = OBJECTIVES[spec.objective](spec)
    for annotation, encoded, logits in zip(of_kind.annotations, of_kind.encoded, right_logits(of_kind), strict=True):
        wanted = targets_at_logits(of_kind.task, of_kind.task.encode(annotation, encoded), encoded)
        rows = 1 if spec.of_units else len(wanted)
        values = torch.from_numpy(wanted).reshape(rows, *wanted.shape[0 if spec.of_units else 1 :])
        target = TargetTensors(values, None, torch.ones(rows), torch.zeros(rows, dtype=torch.bool))
        said = torch.from_numpy(logits)[None] if spec.of_units else torch.from_numpy(logits)
        with torch.inference_mode():
            loss, before = objective.learn(said, target), objective.learn(torch.zeros_like(said), target)
        assert 0 <= float(loss) < float(before)


def test_the_options_of_all_heads_reach_the_head(of_kind):
    options = of_kind.options.model_copy(update={"hidden": 3, "layers": "mix"})
    head = dataclasses.replace(of_kind.task, options=options).head()
    assert (head.hidden, head.layers) == (3, "mix")
    if head.reads == "sentence":
        options = options.model_copy(update={"pooling": "mean"})
        assert dataclasses.replace(of_kind.task, options=options).head().pooling == "mean"


def test_decoding_undoes_encoding(learnt):
    for annotation, answer in zip(learnt.annotations, answers_of(learnt), strict=True):
        assert learnt.task.is_right(annotation, answer)


@pytest.mark.parametrize("sharpness", [1.0, 30.0])
def test_many_texts_are_decoded_as_each_by_itself(learnt, sharpness):
    """With right logits, and with logits that say what no annotation could."""
    task = trained(learnt.task)
    texts = learnt.encoded * 2
    logits = [*right_logits(learnt), *(sharpness * random_logits(task, text) for text in learnt.encoded)]
    for few in (slice(0, 0), slice(0, 1), slice(3, 4), slice(None)):
        one_by_one = [task.decode(own, text) for own, text in zip(logits[few], texts[few], strict=True)]
        together = task.decode_all(logits[few], texts[few])
        assert [answer.to_json() for answer in together] == [answer.to_json() for answer in one_by_one]
        assert [answer.plain() for answer in together] == [answer.plain() for answer in one_by_one]
        assert [answer.highlights() for answer in together] == [answer.highlights() for answer in one_by_one]


def test_all_of_the_annotations_can_be_said(learnt):
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        assert list(learnt.task.beyond(annotation, encoded)) == []


def test_right_answers_have_the_full_score(learnt):
    scores = learnt.task.score(learnt.annotations, answers_of(learnt))
    assert [scores[name] for name in learnt.task.metrics] == pytest.approx([1.0] * len(learnt.task.metrics))


def test_another_records_answers_are_not_all_right(of_kind):
    task, answers = of_kind.task, answers_of(of_kind)
    assert not task.is_right(of_kind.annotations[0], answers[2])
    shifted = answers[1:] + answers[:1]
    scores = task.score(of_kind.annotations, shifted)
    assert all(scores[name] < 0.999 for name in task.metrics)


def test_no_record_has_no_score(of_kind):
    scores = of_kind.task.score([], [])
    assert [scores[name] for name in of_kind.task.metrics] == [None] * len(of_kind.task.metrics)


def test_scores_are_json(of_kind):
    scores = of_kind.task.score(of_kind.annotations, answers_of(of_kind))
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_figures_are_shares_and_what_is_none_stands_apart(of_kind):
    task, answers = of_kind.task, answers_of(of_kind)
    for found in (answers, answers[1:] + answers[:1]):
        figures = headline_of(task.score(of_kind.annotations, found)).values()
        assert figures
        assert all(-1 <= value <= 1 for value in figures)


def scored(task: Task, golds: list[Any], found: list[Any]) -> Scorer:
    scorer = task.scorer()
    scorer.over(golds, found)
    return scorer


def assert_same_figures(figures: dict[str, Any], scores: dict[str, Any], sample: int) -> None:
    wanted = {**headline_of(scores), **scores.get("amounts", {})}
    assert figures.keys() == wanted.keys()
    for name, value in wanted.items():
        assert figures[name][sample] == pytest.approx(np.nan if value is None else value, nan_ok=True), name


def test_figures_of_samples_are_the_scores_of_the_records_in_them(of_kind):
    task, golds, answers = of_kind.task, of_kind.annotations, answers_of(of_kind)
    found = [*answers[:3], *answers[4:], answers[3]]
    counts = np.random.default_rng(0).multinomial(len(golds), np.full(len(golds), 1 / len(golds)), size=20)
    figures = scored(task, golds, found).figures(counts.astype(np.float64))
    for sample, own in enumerate(counts):
        drawn = np.repeat(np.arange(len(golds)), own)
        assert_same_figures(figures, task.score([golds[at] for at in drawn], [found[at] for at in drawn]), sample)


def test_confidences_are_of_the_parts_of_answers_and_say_whether_they_are_right(of_kind):
    task, answers = of_kind.task, answers_of(of_kind)
    for gold, answer in zip(of_kind.annotations, answers, strict=True):
        sure = task.confidences(gold, answer)
        assert all(0 <= confidence <= 1 and is_right for confidence, is_right in sure)
    wrong = [task.confidences(gold, answers[2]) for gold in of_kind.annotations[:1]]
    assert not any(is_right for sure in wrong for _, is_right in sure)
    if not task.head().is_number:
        assert any(task.confidences(*pair) for pair in zip(of_kind.annotations, answers, strict=True))


@pytest.mark.parametrize("count", [1, 2, 100])
def test_classes_beside_an_answer_leave_the_answer_as_it_is(learnt, count):
    """Of a kind that has none, too."""
    task = trained(learnt.task)
    logits = [random_logits(task, text) for text in learnt.encoded]
    answers = task.decode_all(logits, learnt.encoded)
    ranked = task.ranked(answers, count)
    for before, after in zip(answers, ranked, strict=True):
        told = after.to_json()
        classes = told.pop("classes", None)
        assert told == before.to_json()
        assert (after.plain(), after.highlights()) == (before.plain(), before.highlights())
        assert after.summary().startswith(before.summary())
        assert json.dumps(before.at_least(0.5).to_json()) == json.dumps(without_classes(after.at_least(0.5)))
        if classes is None:
            assert after == before
            continue
        assert len(classes) == min(count, len(task.label_names()))
        scores = [own["score"] for own in classes]
        assert scores == sorted(scores, reverse=True)
        assert {str(own["label"]) for own in classes} <= set(task.label_names())
    assert task.ranked([], count) == []
    one_by_one = [after for before in answers for after in task.ranked([before], count)]
    assert [own.to_json() for own in ranked] == [own.to_json() for own in one_by_one]


def without_classes(answer: Prediction) -> dict[str, Any]:
    return {name: value for name, value in answer.to_json().items() if name != "classes"}


def test_kinds_that_answer_classes_of_a_text_have_them_beside_the_answer(of_kind):
    task = trained(of_kind.task)
    head = task.head()
    has_classes = head.reads == "sentence" and not head.is_number
    assert all(("classes" in own.to_json()) == has_classes for own in task.ranked(answers_of(of_kind), 2))


def test_an_answer_that_need_not_be_sure_stays_whole(of_kind):
    for answer in answers_of(of_kind):
        assert answer.at_least(0.0).to_json() == answer.to_json()


def test_an_answer_that_must_be_surer_than_it_is_says_nothing(of_kind):
    task = of_kind.task
    if task.head().is_number:
        pytest.skip("a number has no probability")
    answers = answers_of(of_kind)
    for answer in [*answers, *trained(task).ranked(answers, 3)]:
        left = answer.at_least(1.1)
        assert not left.highlights()
        assert json.dumps(left.to_json())
        assert left.summary() is not None
        assert left.at_least(0.0) == left


def test_figures_without_weights_are_the_scores_of_all(of_kind):
    golds, found = of_kind.annotations, answers_of(of_kind)[::-1]
    assert_same_figures(scored(of_kind.task, golds, found).figures(), of_kind.task.score(golds, found), 0)


def test_tuning_on_right_logits_keeps_right_answers_right(of_kind):
    tuned = trained(of_kind.task).tune(of_kind.annotations, right_logits(of_kind), of_kind.encoded)
    assert type(tuned) is type(of_kind.task)
    for annotation, answer in zip(of_kind.annotations, answers_of(of_kind, tuned), strict=True):
        assert tuned.is_right(annotation, answer)
    assert restore_task(json.loads(json.dumps(task_state(tuned), allow_nan=False))) == tuned


def test_without_dev_records_nothing_is_tuned(of_kind):
    assert of_kind.task.tune([], [], []) == of_kind.task


def random_logits(task: Task, encoded: Encoded) -> np.ndarray:
    head = task.head()
    units = int((encoded.units(head.unit).first_piece >= 0).sum())
    rows = units if head.of_units else len(encoded.windows)
    return np.random.default_rng(0).normal(size=(rows, head.width)).astype(np.float32) * 9


def test_any_logits_have_an_answer(learnt):
    task = trained(learnt.task)
    for encoded in [*learnt.encoded, *text_encoder(TOKENIZERS[0]).encode(["", " ", "\x00"])]:
        answer = task.decode(random_logits(task, encoded), encoded)
        assert json.loads(json.dumps(answer.to_json(), allow_nan=False)) == answer.to_json()


def test_soft_targets_are_known_wherever_a_target_can_be(learnt):
    task = trained(learnt.task)
    head = task.head()
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        soft = task.soften(random_logits(task, encoded), encoded)
        assert soft.dtype == np.float32
        if not head.of_units:
            assert soft.shape == (head.width,)
            assert np.isfinite(soft).all()
            continue
        units = encoded.units(head.unit)
        assert soft.shape == (len(units), head.width)
        bare = np.repeat(units.first_piece[:, None] < 0, head.width, axis=1)
        if head.reads == "span":  # from which also stretches are missing that do not end at a unit
            bare |= task.encode(all_known(annotation), encoded).reshape(len(units), head.width) == IGNORE
        assert (np.isnan(soft) == bare).all()
        assert ((soft[~bare] >= 0) & (soft[~bare] <= 1 + 1e-6)).all()


def test_soft_targets_of_a_text_without_words(of_kind):
    task = trained(of_kind.task)
    if task.head().of_units:
        (encoded,) = text_encoder(TOKENIZERS[0]).encode([""])
        assert task.soften(random_logits(task, encoded), encoded).shape == (0, task.head().width)


def test_soft_targets_of_right_logits_say_the_target(learnt):
    task = trained(learnt.task)
    head = task.head()
    for annotation, encoded, logits in zip(learnt.annotations, learnt.encoded, right_logits(learnt), strict=True):
        target, soft = task.encode(annotation, encoded), task.soften(logits, encoded)
        if head.objective in {"squared_error", "binary_cross_entropy"}:
            target = target.reshape(soft.shape)
            known = (target != IGNORE) & ~np.isnan(soft)
            assert soft[known] == pytest.approx(target[known], abs=1e-6)
        else:
            target, soft = np.atleast_1d(target), np.atleast_2d(soft)
            known = (target != IGNORE) & ~np.isnan(soft).any(axis=1)
            assert soft[known, target[known]] == pytest.approx(1.0, abs=1e-3)


def test_each_output_has_a_name_of_its_own(of_kind):
    outputs = of_kind.task.outputs()
    assert len(outputs) == len(set(outputs)) == of_kind.task.head().width


def test_answers_are_json_and_one_line_and_lie_in_the_text(learnt):
    for answer, text in zip(answers_of(learnt), TEXTS, strict=True):
        assert json.loads(json.dumps(answer.to_json(), allow_nan=False)) == answer.to_json()
        assert answer.plain()
        assert len(answer.plain().splitlines()) == 1
        assert len(answer.summary().splitlines()) <= 1
        at = 0
        for found in answer.highlights():  # which are drawn from left to right
            assert at <= found.start < found.end <= len(text)
            at = found.end


def test_a_task_comes_back_from_json(of_kind):
    again = restore_task(json.loads(json.dumps(task_state(of_kind.task), allow_nan=False)))
    assert again == of_kind.task
    assert type(again) is type(of_kind.task)
    assert again.head() == of_kind.task.head()
    assert again.outputs() == of_kind.task.outputs()
    assert again.label_names() == of_kind.task.label_names()
    assert again.describe() == of_kind.task.describe()


def test_a_restored_task_answers_as_before(learnt):
    again = restore_task(json.loads(json.dumps(task_state(learnt.task))))
    for annotation, encoded in zip(learnt.annotations, learnt.encoded, strict=True):
        assert again.encode(annotation, encoded).tolist() == learnt.task.encode(annotation, encoded).tolist()
    assert repr(answers_of(learnt, again)) == repr(answers_of(learnt))


def test_the_order_of_the_data_changes_nothing_in_the_head(of_kind):
    task = of_kind.task
    turned = type(task).learn(
        name="it", field="field", weight=0.5, options=of_kind.options, annotations=of_kind.annotations[::-1] * 2
    )
    assert task_state(turned) == task_state(task)


def test_labels_can_be_counted_and_described(of_kind):
    task = of_kind.task
    seen = [task.labels_in(annotation) for annotation in of_kind.annotations]
    assert all(isinstance(labels, frozenset) for labels in seen)
    names = task.label_names()
    assert {str(label) for labels in seen for label in labels} == set(names)
    assert len(set(seen)) > 1 or not names
    assert bool(names) != task.head().is_number
    assert task.describe()
    assert "\n" not in task.describe()


def test_what_is_no_annotation_is_refused(of_kind):
    for value in of_kind.sample.wrong:
        column = type(of_kind.task).column("field", of_kind.options)
        with pytest.raises(AnnotationError) as caught:
            column.read(value, TEXTS[0], Source("a.json", 1), Notices())
        assert any(letter.isalpha() for letter in str(caught.value))


def test_a_column_knows_its_field(of_kind):
    assert type(of_kind.task).column("other", of_kind.options).field == "other"


def test_the_metrics_are_among_the_scores_and_the_kind_is_known_by_its_name(of_kind):
    assert KINDS[of_kind.task.kind] is type(of_kind.task)
    assert of_kind.task.metrics
    assert set(of_kind.task.metrics) <= of_kind.task.score([], []).keys()
    assert set(of_kind.task.metrics) <= of_kind.task.score(of_kind.annotations, answers_of(of_kind)).keys()


def test_a_label_comes_back_with_its_type():
    learnt = learn(("single_label", ""), TOKENIZERS[0])
    labels = [answer.label for answer in answers_of(learnt)]
    assert labels == learnt.sample.values
    assert [type(label) for label in labels] == [int, str, str, int, str, int]


def test_nothing_is_held_against_an_annotation_that_the_model_answers(learnt):
    task = trained(learnt.task)
    for annotation, encoded, logits in zip(learnt.annotations, learnt.encoded, right_logits(learnt), strict=True):
        assert task.knows(annotation)
        assert task.doubts(annotation, logits, encoded) == []
        assert not task.differ(annotation, annotation)


def logits_saying_otherwise(task: Task, logits: np.ndarray) -> np.ndarray:
    """Logits of a head that is sure of something else."""
    match task.head().objective:
        case "squared_error":
            return logits + 5
        case "binary_cross_entropy":
            return -logits
    return np.roll(logits, 1, axis=-1)


def test_what_a_model_answers_otherwise_is_held_against_an_annotation(of_kind):
    task = trained(of_kind.task)
    for at in (3, 4):
        annotation, encoded = of_kind.annotations[at], of_kind.encoded[at]
        doubts = task.doubts(annotation, logits_saying_otherwise(task, right_logits(of_kind)[at]), encoded)
        assert doubts
        assert all(0 < doubt.score <= 1 for doubt in doubts)
        assert max(doubt.score for doubt in doubts) > 0.9
        assert all(doubt.given != doubt.suggested for doubt in doubts)
        for start, end in (doubt.span for doubt in doubts if doubt.span is not None):
            assert 0 <= start < end <= len(encoded.text)


def test_annotations_of_which_one_is_wrong_differ(of_kind):
    assert of_kind.task.differ(of_kind.annotations[0], of_kind.annotations[2])
