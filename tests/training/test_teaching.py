"""Distillation: a new model learns the answers of trained ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyhead
from polyhead import Predictor
from polyhead.errors import BundleError, SettingsError
from polyhead.inference.predictor import Reading
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Record, Text
from polyhead.tasks import SingleLabel, Tagging, Task
from polyhead.training import TrainedRun
from polyhead.training.data import DataSet
from polyhead.training.prepare import Prepared, prepare
from polyhead.training.teaching import Teachers
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Listener, settings_with
from tests.unit.encoders import text_encoder

Write = Callable[..., Path]

TASKS = {
    "classification": {"kind": "single_label", "field": "label"},
    "ner": {"kind": "tagging", "field": "ner_tags"},
}
TEXTS = [str(record["sentence"]) for record in RECORDS]


@pytest.fixture(scope="module")
def teacher(encoder_folders: dict[str, Path], small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A model that knows the small data well."""
    output = tmp_path_factory.mktemp("teacher") / "run"
    encoder = str(encoder_folders["distilbert"])
    run = polyhead.train(
        small_data, dev=small_data, encoder=encoder, output=output, epochs=5, lr=3e-3, precision="fp32"
    )
    assert run.epochs[-1].score > 0.95
    return run


# ---------------------------------------------------------------------------------------------------------------------
# What teachers say: with models that are tables
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stand:
    """Stands in for a predictor: says the same of every text."""

    tasks: tuple[Task, ...]
    logits: dict[str, np.ndarray]
    tokenizer: str = "distilbert"

    def read(self, texts: Iterable[Text]) -> Iterator[Reading]:
        for encoded in text_encoder(self.tokenizer).encode(list(texts)):
            logits = {}
            for task in self.tasks:
                own = self.logits[task.name]
                if task.head().of_units:
                    own = np.tile(own, (int((encoded.units(task.head().unit).first_piece >= 0).sum()), 1))
                else:
                    own = own[None]
                logits[task.name] = own.astype(np.float32)
            yield Reading(encoded, logits)


def topic(*labels: str) -> SingleLabel:
    return SingleLabel("topic", "label", 1.0, SingleLabel.Options(), LabelSet(labels))


def ner(*types: str, **options: Any) -> Tagging:
    return Tagging("ner", "ner_tags", 1.0, Tagging.Options(**options), LabelSet(types))


def logs(*shares: float) -> np.ndarray:
    return np.log(np.array(shares))


def said_by(*stands: Stand, tasks: tuple[Task, ...], texts: Iterable[Record]) -> dict[Text, dict[str, np.ndarray]]:
    teachers = Teachers(stands, tasks, ())  # type: ignore[arg-type]
    return teachers.answer([DataSet("data", 1.0, list(texts), [], False)])


ANNA = Record("Anna ran")


def test_the_answers_of_one_teacher_are_its_probabilities() -> None:
    stand = Stand((topic("a", "b"),), {"topic": logs(0.25, 0.75)})
    answers = said_by(stand, tasks=(topic("a", "b"),), texts=[ANNA])
    np.testing.assert_allclose(answers["Anna ran"]["topic"], [0.25, 0.75], rtol=1e-6)
    assert answers["Anna ran"]["topic"].dtype == np.float32


def test_the_answers_of_several_are_averaged() -> None:
    stands = [Stand((topic("a", "b"),), {"topic": logs(share, 1 - share)}) for share in (0.1, 0.4, 0.7)]
    answers = said_by(*stands, tasks=(topic("a", "b"),), texts=[ANNA])
    np.testing.assert_allclose(answers["Anna ran"]["topic"], [0.4, 0.6], rtol=1e-6)


def test_each_task_is_averaged_over_those_that_know_it() -> None:
    both = Stand((topic("a", "b"), ner("LOC")), {"topic": logs(0.2, 0.8), "ner": logs(0.2, 0.3, 0.5)})
    one = Stand((topic("a", "b"),), {"topic": logs(0.4, 0.6)})
    answers = said_by(both, one, tasks=(topic("a", "b"), ner("LOC")), texts=[ANNA])
    np.testing.assert_allclose(answers["Anna ran"]["topic"], [0.3, 0.7], rtol=1e-6)
    np.testing.assert_allclose(answers["Anna ran"]["ner"], [[0.2, 0.3, 0.5]] * 2, rtol=1e-6)


def test_answers_come_in_the_order_of_the_students_labels() -> None:
    stand = Stand(
        (topic("c", "a", "b"), ner("PER", "LOC")),
        {"topic": logs(0.5, 0.2, 0.3), "ner": logs(0.1, 0.2, 0.3, 0.25, 0.15)},  # O, B-PER, I-PER, B-LOC, I-LOC
    )
    answers = said_by(stand, tasks=(topic("a", "b", "c"), ner("LOC", "PER")), texts=[ANNA])["Anna ran"]
    np.testing.assert_allclose(answers["topic"], [0.2, 0.3, 0.5], rtol=1e-6)
    np.testing.assert_allclose(answers["ner"][0], [0.1, 0.25, 0.15, 0.2, 0.3], rtol=1e-6)


def test_every_different_text_and_pair_is_answered() -> None:
    stand = Stand((topic("a", "b"),), {"topic": logs(0.5, 0.5)})
    records = [ANNA, ANNA, Record("Anna ran", second="she moved"), Record("Bob sat", {"topic": "a"})]
    answers = said_by(stand, tasks=(topic("a", "b"),), texts=records)
    assert list(answers) == ["Anna ran", ("Anna ran", "she moved"), "Bob sat"]


def test_teachers_with_other_tokenizers_agree_on_whitespace_words() -> None:
    task = (ner("LOC"),)
    stands = [
        Stand(task, {"ner": logs(share, 0.9 - share, 0.1)}, kind)
        for share, kind in ((0.2, "roberta"), (0.6, "deberta"))
    ]
    answers = said_by(*stands, tasks=task, texts=[Record("Łódź  isn't (far) 北京")])
    np.testing.assert_allclose(answers["Łódź  isn't (far) 北京"]["ner"], [[0.4, 0.5, 0.1]] * 4, rtol=1e-6)


def test_teachers_that_find_other_units_are_refused() -> None:
    text = "New York--now"  # which the tokenizers cut otherwise
    words = ner("LOC", unit="pretokenizer")
    counts = {kind: len(text_encoder(kind).encode([text])[0].units("pretokenizer")) for kind in ("roberta", "deberta")}
    assert len(set(counts.values())) == 2, counts
    stands = [Stand((words,), {"ner": logs(0.2, 0.3, 0.5)}, kind) for kind in counts]
    with pytest.raises(
        SettingsError, match=r"^teacher\.models: two teachers of 'ner' find \d and \d units in 'New York"
    ):
        said_by(*stands, tasks=(words,), texts=[Record(text)])


def test_without_teachers_nothing_is_said() -> None:
    assert said_by(tasks=(), texts=[ANNA]) == {}
    assert Teachers((), (), ()).fact() is None


# ---------------------------------------------------------------------------------------------------------------------
# Which models can teach
# ---------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def prepared(encoder_folders: dict[str, Path]) -> Callable[..., Prepared]:
    """What a run would go by; `teacher` is the section of the settings."""

    def _prepared(train: Path, tasks: dict[str, Any], *, teacher: dict[str, Any], **flags: Any) -> Prepared:
        flags |= {f"teacher.{key}": value for key, value in teacher.items()}
        flags |= {"data.train": train, "encoder": str(encoder_folders["distilbert"])}
        return prepare(settings_with(tasks=tasks, **flags), Notices())

    return _prepared


@pytest.fixture
def complaint(prepared: Callable[..., Prepared]) -> Callable[..., str]:
    def _complaint(train: Path, tasks: dict[str, Any], **teacher: Any) -> str:
        with pytest.raises((SettingsError, BundleError)) as caught:
            prepared(train, tasks, teacher=teacher)
        return str(caught.value)

    return _complaint


Prepare, Complaint = Callable[..., Prepared], Callable[..., str]


def test_a_teacher_teaches_the_tasks_that_both_have(trained: TrainedRun, write: Write, prepared: Prepare) -> None:
    more = {"other": {"kind": "single_label", "field": "mood"}, "ner": TASKS["ner"]}
    data = write([{**record, "mood": "good"} for record in RECORDS])
    found = prepared(data, more, teacher={"models": trained.folder})
    assert {frozenset(example.soft) for example in found.examples} == {frozenset({"ner"})}
    assert {example.tasks for example in found.examples} == {frozenset({"other", "ner"})}
    assert re.fullmatch("1 models? teach(es)? ner", str(found.teachers))


def test_a_teacher_without_any_of_the_students_tasks_is_refused(
    trained: TrainedRun, small_data: Path, complaint: Complaint
) -> None:
    tasks = {"topic": TASKS["classification"], "entities": TASKS["ner"]}
    assert complaint(small_data, tasks, models=trained.folder) == (
        f"teacher.models: {trained.folder} has none of the tasks 'topic', 'entities'; known: classification, ner"
    )


@pytest.mark.parametrize(("labels", "only"), [((0, 1), "2"), ((0, 1, 2, 3), "3"), ((0, 1, "x"), "2, x")])
def test_a_teacher_with_other_labels_is_refused(
    labels: tuple[Any, ...], only: str, trained: TrainedRun, write: Write, complaint: Complaint
) -> None:
    data = write([{"text": f"a {label}", "label": label} for label in labels])
    assert complaint(data, {"classification": TASKS["classification"]}, models=trained.folder) == (
        f"teacher.models: {trained.folder}: its task 'classification' knows other labels than ours; "
        f"only one of them has: {only}"
    )


def test_a_teacher_with_other_entity_types_is_refused(trained: TrainedRun, write: Write, complaint: Complaint) -> None:
    data = write([{"text": "Berlin", "ner_tags": ["B-LOC"]}, {"text": "Berlin", "ner_tags": ["B-CITY"]}])
    said = complaint(data, {"ner": TASKS["ner"]}, models=trained.folder)
    assert said.endswith("only one of them has: B-CITY, B-PER, I-CITY, I-PER")


def test_a_teacher_of_another_kind_is_refused(trained: TrainedRun, write: Write, complaint: Complaint) -> None:
    data = write([{"text": "a", "label": 1}, {"text": "b", "label": 0}])
    said = complaint(data, {"ner": TASKS["classification"]}, models=trained.folder)
    assert said.endswith("its task 'ner' is of the kind tagging, ours is single_label")


def test_a_teacher_that_labels_other_units_is_refused(
    trained: TrainedRun, small_data: Path, complaint: Complaint
) -> None:
    said = complaint(small_data, {"ner": {**TASKS["ner"], "unit": "pretokenizer"}}, models=trained.folder)
    assert said.endswith("its task 'ner' labels other units; set tasks.ner.unit likewise")


def test_one_bad_teacher_among_good_ones_is_named(
    trained: TrainedRun, small_data: Path, tmp_path: Path, complaint: Complaint
) -> None:
    assert "no-such-model" in complaint(small_data, TASKS, models=[trained.folder, tmp_path / "no-such-model"])


def test_texts_without_a_teacher_are_refused(small_data: Path, write: Write, complaint: Complaint) -> None:
    said = complaint(small_data, TASKS, data=write([{"text": "a"}], "more.jsonl"))
    assert said == "teacher.data: texts for teachers, but no teacher; name some in teacher.models"


def test_further_texts_may_be_lines_or_records(
    trained: TrainedRun, write: Write, tmp_path: Path, prepared: Prepare
) -> None:
    lines = tmp_path / "more.txt"
    lines.write_text("one text\nanother text\n", encoding="utf-8")
    records = write([{"sentence": "a third", "label": 17}], "more.jsonl")
    found = prepared(write(RECORDS), TASKS, teacher={"models": trained.folder, "data": [lines, records]})
    more = found.examples[len(RECORDS) :]
    assert [example.row.encoded.text for example in more] == ["one text", "another text", "a third"]
    assert all(example.targets == {} and example.soft.keys() == {"classification", "ner"} for example in more)
    assert str(found.teachers).endswith(" classification, ner, on 3 further texts")


def test_further_texts_are_read_by_the_text_field_of_the_data(
    trained: TrainedRun, write: Write, prepared: Prepare
) -> None:
    data = write([{**record, "utterance": record["sentence"], "sentence": "not this"} for record in RECORDS])
    more = write([{"utterance": "this one", "sentence": "not this"}], "more.jsonl")
    teacher = {"models": trained.folder, "data": more}
    found = prepared(data, TASKS, teacher=teacher, **{"data.text_field": "utterance"})
    assert {example.row.encoded.text for example in found.examples} == {*TEXTS, "this one"}


def test_further_texts_are_pairs_where_the_data_are(trained: TrainedRun, write: Write, prepared: Prepare) -> None:
    data = write([{**record, "other": "so they say"} for record in RECORDS])
    more = write([{"text": "a text", "other": "another"}], "more.jsonl")
    teacher = {"models": trained.folder, "data": more}
    found = prepared(data, TASKS, teacher=teacher, **{"data.second_field": "other"})
    assert found.examples[-1].row.encoded.text == "a text"
    assert found.examples[-1].row.encoded.second == "another"


# ---------------------------------------------------------------------------------------------------------------------
# What a student learns
# ---------------------------------------------------------------------------------------------------------------------


def agreement(student: Path, teacher: Path, texts: list[str]) -> tuple[float, float]:
    """The shares of texts that two models give the same class, and the same tags."""
    ours, theirs = Predictor.load(student)(texts), Predictor.load(teacher)(texts)
    same = [
        (
            one.predictions["classification"].label == other.predictions["classification"].label,
            one.predictions["ner"].tags == other.predictions["ner"].tags,
        )
        for one, other in zip(ours, theirs, strict=True)
    ]
    labels, tags = zip(*same, strict=True)
    return sum(labels) / len(labels), sum(tags) / len(tags)


def test_a_student_learns_from_texts_that_nobody_labelled(fit: Fit, teacher: TrainedRun, write: Write) -> None:
    """Its own data only show which labels there are, and weigh nothing."""
    texts = write([{"text": text} for text in TEXTS * 40], "texts.jsonl")
    labels = write([{**record, "sentence": f"{at} y z v w u"} for at, record in enumerate(RECORDS)])
    listener = Listener()
    student = fit(
        sets={"labels": {"train": labels, "weight": 0.0}},
        tasks=TASKS,
        teacher={"models": [str(teacher.folder)], "data": [str(texts)]},
        epochs=5,
        lr=3e-3,
        reporter=listener,
    )
    labels_agree, tags_agree = agreement(student.run.folder / "epoch-5", teacher.best, TEXTS)
    assert labels_agree > 0.9
    assert tags_agree > 0.8
    assert dict(listener.lines)["teacher"].endswith(" classification, ner, on 320 further texts")
    assert sum(step.rows for step in listener.steps if step.epoch == 1) == 8 + 320


def test_a_student_learns_from_the_teacher_more_than_from_wrong_labels(
    fit: Fit, teacher: TrainedRun, write: Write
) -> None:
    wrong = write([{**record, "label": (int(record["label"]) + 1) % 3} for record in RECORDS * 40])
    taught = fit(wrong, tasks=TASKS, teacher={"models": [str(teacher.folder)], "weight": 20.0}, epochs=4, lr=3e-3)
    alone = fit(wrong, tasks=TASKS, epochs=4, lr=3e-3)
    assert agreement(taught.run.folder / "epoch-4", teacher.best, TEXTS)[0] > 0.9
    assert agreement(alone.run.folder / "epoch-4", teacher.best, TEXTS)[0] < 0.2


def test_records_without_labels_are_taught(fit: Fit, teacher: TrainedRun, write: Write, small_data: Path) -> None:
    data = write([*RECORDS, *[{"sentence": text} for text in TEXTS * 5]])
    with_teacher = fit(data, tasks=TASKS, teacher={"models": [str(teacher.folder)]}, epochs=1, batch_size=1)
    assert len(with_teacher.steps) == 48
    assert all(set(step["losses"]) == {"classification", "ner"} for step in with_teacher.steps)
    without = fit(data, tasks=TASKS, epochs=1, batch_size=1)
    assert len(without.steps) == 8


def test_the_weight_of_the_teachers_part(fit: Fit, teacher: TrainedRun, write: Write) -> None:
    """With labels of weight 0 the loss is the teachers' part alone."""
    labels = write(RECORDS)
    first = []
    for weight in (1.0, 0.5, 0.0):
        listener = Listener()
        texts = write([{"text": text} for text in TEXTS], "texts.jsonl")
        options = {"models": [str(teacher.folder)], "data": [str(texts)], "weight": weight}
        tasks = {name: {**task} for name, task in TASKS.items()}
        sets = {"labels": {"train": labels, "weight": 0.0}}
        fit(sets=sets, tasks=tasks, teacher=options, epochs=1, batch_size=100, reporter=listener, head_dropout=0.0)
        first.append(listener.steps[0].losses)
    assert all(loss > 0 for loss in first[0].values())
    for name, loss in first[0].items():
        assert first[1][name] == pytest.approx(0.5 * loss, rel=1e-4)
        assert first[2][name] == 0.0


def test_a_word_longer_than_a_row_does_not_end_the_run(fit: Fit, teacher: TrainedRun, write: Write) -> None:
    """Most of its windows have no unit of their own, of which a teacher could say something."""
    data = write([*RECORDS, {"sentence": "a" * 99, "label": 1, "ner_tags": ["O"]}])
    fitted = fit(data, tasks=TASKS, teacher={"models": [str(teacher.folder)]}, epochs=1, batch_size=1)
    assert len(fitted.steps) == len(RECORDS) + 2


@pytest.mark.parametrize("strategy", ["proportional", "round_robin", "alternating"])
def test_further_texts_are_gone_through_beside_the_data(
    strategy: str, fit: Fit, teacher: TrainedRun, write: Write
) -> None:
    texts = write([{"text": f"{text} {at}"} for at in range(4) for text in TEXTS], "texts.jsonl")
    options = {"models": [str(teacher.folder)], "data": [str(texts)]}
    listener = Listener()
    fit(write(RECORDS), tasks=TASKS, teacher=options, strategy=strategy, epochs=1, batch_size=4, reporter=listener)
    rows = {"proportional": 8 + 32, "round_robin": 32 + 32, "alternating": 2 * (8 + 32)}
    assert sum(step.rows for step in listener.steps) == rows[strategy]


def test_a_data_set_may_be_called_teacher(fit: Fit, teacher: TrainedRun, write: Write) -> None:
    texts = write([{"text": f"{text} {at}"} for at in range(4) for text in TEXTS], "texts.jsonl")
    options = {"models": [str(teacher.folder)], "data": [str(texts)]}
    listener = Listener()
    sets = {"teacher": {"train": write(RECORDS)}}
    fit(sets=sets, tasks=TASKS, teacher=options, strategy="proportional", epochs=1, batch_size=4, reporter=listener)
    assert sum(step.rows for step in listener.steps) == 8 + 32


def test_several_teachers_teach_one_student(fit: Fit, teacher: TrainedRun, trained: TrainedRun, write: Write) -> None:
    losses = []
    for models in ([teacher.best] * 2, [teacher.best, trained.best]):
        listener = Listener()
        options = {"models": [str(model) for model in models]}
        fit(write(RECORDS), tasks=TASKS, teacher=options, epochs=1, batch_size=8, reporter=listener, dev=None)
        losses.append(listener.steps[0].losses)
        assert dict(listener.lines)["teacher"].startswith(f"{len(models)} model")
    assert losses[1] != pytest.approx(losses[0], rel=1e-3)


def test_the_teachers_stand_in_the_account(fit: Fit, teacher: TrainedRun, write: Write) -> None:
    options = {"models": [str(teacher.folder)], "temperature": 2.0}
    account = fit(write(RECORDS), tasks=TASKS, teacher=options, epochs=1).account
    assert account["settings"]["teacher"] == {
        "models": [str(teacher.folder)],
        "data": [],
        "weight": 1.0,
        "temperature": 2.0,
    }
