"""Records to rows with targets, and rows to sources."""

from __future__ import annotations

import numpy as np
import pytest

from polyhead.batching import Example
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Record, Source, Span, Spans
from polyhead.tasks import IGNORE, SingleLabel, Tagging
from polyhead.training.data import DataSet
from polyhead.training.examples import make_examples, rows_in
from tests.unit.encoders import text_encoder

TOPIC = SingleLabel("topic", "label", 1.0, SingleLabel.Options(), LabelSet(("a", "b")))
NER = Tagging("ner", "ner_tags", 1.0, Tagging.Options(), LabelSet(("LOC",)))
TASKS = (TOPIC, NER)
BERLIN = Spans((Span(9, 15, "LOC"),))

SETS = (
    DataSet(
        "one", 0.5, [Record("Anna saw Berlin", {"topic": "b"}), Record("Anna saw Berlin", {"ner": BERLIN})], [], True
    ),
    DataSet("two", 2.0, [Record("play some music", {"topic": "a", "ner": Spans(())})], [], False),
)


def examples_of(sets: tuple[DataSet, ...] = SETS, **options: object) -> list[Example]:
    encoder = text_encoder("distilbert", max_pieces=24)
    return make_examples(sets, TASKS, encoder, Notices(), **options)


def test_targets_are_those_of_the_tasks_that_a_record_carries() -> None:
    labelled, tagged, both = examples_of()
    assert {name: target.tolist() for name, target in labelled.targets.items()} == {"topic": 1}
    assert {name: target.tolist() for name, target in tagged.targets.items()} == {"ner": [0, 0, 1]}
    assert {name: target.tolist() for name, target in both.targets.items()} == {"topic": 0, "ner": [0, 0, 0]}
    assert labelled.tasks == {"topic"}


def test_the_weight_and_the_number_of_a_set_reach_its_rows() -> None:
    assert [(example.weight, example.source) for example in examples_of()] == [(0.5, 0), (0.5, 0), (2.0, 1)]


def test_every_window_of_a_long_text_has_the_sentences_target_and_the_weight() -> None:
    long = DataSet("long", 3.0, [Record("play some music " * 40, {"topic": "b"})], [], False)
    examples = examples_of((long,))
    assert len(examples) > 3
    assert {(int(example.targets["topic"]), example.weight) for example in examples} == {(1, 3.0)}
    assert len({example.row.window for example in examples}) == len(examples)


def test_pairs_are_read_together() -> None:
    pair = DataSet("pairs", 1.0, [Record("Anna ran", {"topic": "a"}, second="Anna moved")], [], False)
    (example,) = examples_of((pair,))
    assert (example.row.encoded.text, example.row.encoded.second) == ("Anna ran", "Anna moved")


def test_what_teachers_say_of_a_text_comes_with_it_whatever_set_it_is_in() -> None:
    said = {"topic": np.array([0.5, 0.5], dtype=np.float32)}
    of_pair = {"topic": np.array([0.1, 0.9], dtype=np.float32)}
    pair = DataSet("pairs", 1.0, [Record("Anna saw Berlin", {}, second="so she did")], [], False)
    soft = {"Anna saw Berlin": said, ("Anna saw Berlin", "so she did"): of_pair}
    examples = examples_of((*SETS, pair), soft=soft)
    assert [example.soft for example in examples] == [said, said, {}, of_pair]
    assert examples[1].tasks == {"topic", "ner"}
    assert examples[3].tasks == {"topic"}


def test_what_a_head_cannot_say_is_told_with_its_place() -> None:
    inside = Spans((Span(0, 4, "LOC"), Span(10, 13, "LOC")))  # of "Berlin" only a part
    record = Record("Anna saw Berlin", {"ner": inside}, Source("a.json", 7))
    notices = Notices()
    (example,) = make_examples((DataSet("x", 1.0, [record], [], False),), TASKS, text_encoder("distilbert"), notices)
    assert len(notices.lines()) == 1
    assert notices.lines()[0].startswith("1 annotation is such that the head of 'ner' cannot say it")
    assert "a.json:7: 'erl'" in notices.lines()[0]
    assert example.targets["ner"].tolist() != [IGNORE] * 3


def test_each_task_is_a_source_with_the_rows_that_speak_to_it() -> None:
    rows = rows_in(examples_of(), SETS, TASKS, by_set=False)
    assert {name: own.tolist() for name, own in rows.sources.items()} == {"topic": [0, 2], "ner": [1, 2]}
    assert {name: own.tolist() for name, own in rows.members.items()} == {"topic": [0, 2], "ner": [1, 2]}
    assert rows.feeds == {"topic": {"topic"}, "ner": {"ner"}}
    assert list(rows.lengths) == [example.row.length for example in examples_of()]


def test_each_set_is_a_source_with_its_rows_for_all_tasks() -> None:
    rows = rows_in(examples_of(), SETS, TASKS, by_set=True)
    assert {name: own.tolist() for name, own in rows.sources.items()} == {"one": [0, 1], "two": [2]}
    assert rows.feeds == {"one": {"topic", "ner"}, "two": {"topic", "ner"}}
    assert {name: own.tolist() for name, own in rows.members.items()} == {"topic": [0, 2], "ner": [1, 2]}


@pytest.mark.parametrize("by_set", [True, False])
def test_a_row_that_only_teachers_speak_of_has_its_place(by_set: bool) -> None:
    more = DataSet("more", 1.0, [Record("a text")], [], False)
    soft = {"a text": {"topic": np.array([0.5, 0.5], dtype=np.float32)}}
    rows = rows_in(examples_of((*SETS, more), soft=soft), (*SETS, more), TASKS, by_set=by_set)
    assert rows.members["topic"].tolist() == [0, 2, 3]
    assert rows.members["ner"].tolist() == [1, 2]
    assert rows.sources["more" if by_set else "topic"].tolist() == ([3] if by_set else [0, 2, 3])
