import numpy as np
import pytest

from polyhead.evaluation.breakdown import WORST, Breakdown
from polyhead.labels import LabelSet
from polyhead.records import Record, Source, Span, Spans
from polyhead.tasks import SingleLabel, Tagging
from polyhead.tasks.entities import Entity
from polyhead.tasks.single_label import LabelPrediction
from polyhead.tasks.tagging import TagPrediction

INTENT = SingleLabel("intent", "label", 1.0, SingleLabel.Options(), LabelSet(("book", "play")))
SLOTS = Tagging("slots", "ner_tags", 1.0, Tagging.Options(), LabelSet(("ARTIST", "CITY")))
TEXT = "play Nina in Berlin"
SURE = np.array([0.1, 0.9], dtype=np.float32)
NINA, BERLIN, BOTH = Span(5, 9, "ARTIST"), Span(13, 19, "CITY"), Span(5, 19, "ARTIST")


def record(*, label="play", spans=(NINA, BERLIN), text=TEXT, line=1):
    known = {"intent": label, "slots": None if spans is None else Spans(spans)}
    annotations = {name: value for name, value in known.items() if value is not None}
    return Record(text, annotations, Source("test.jsonl", line))


def answers(*, label="play", spans=(NINA, BERLIN), text=TEXT):
    entities = tuple(Entity(span, text[span.start : span.end], 0.9) for span in spans)
    return {"intent": LabelPrediction(label, 0.9, SURE), "slots": TagPrediction(entities, (), ())}


def breakdown(*pairs, seen=None):
    found = Breakdown([INTENT, SLOTS], seen=seen)
    for gold, answer in pairs:
        found.add(gold, answer)
    return found.result()


def test_the_tasks_that_are_wrong_together_are_counted():
    right, only_slots, both = answers(), answers(spans=()), answers(label="book", spans=())
    pairs = [(record(), own) for own in (right, right, only_slots, both)] + [(record(spans=None), both)]
    assert breakdown(*pairs)["frames"] == [
        {"wrong": [], "records": 2},
        {"wrong": ["slots"], "records": 1},
        {"wrong": ["intent", "slots"], "records": 1},
    ], "a record that lacks a task is no frame"


def test_figures_by_the_number_of_words():
    long = TEXT + " tonight" * 8
    pairs = [(record(), answers()), (record(), answers(label="book")), (record(text=long), answers(spans=(NINA,)))]
    rows = breakdown(*pairs)["by_length"]
    assert [(row["from_words"], row["to_words"], row["records"]) for row in rows] == [(0, 5, 2), (11, 20, 1)]
    assert [row["frame_accuracy"] for row in rows] == [0.5, 0.0]
    assert [row["tasks"]["intent"]["accuracy"] for row in rows] == [0.5, 1.0]
    assert rows[1]["tasks"]["slots"]["f1"] == pytest.approx(2 / 3)


def test_texts_longer_than_all_groups_are_the_last():
    (row,) = breakdown((record(text=TEXT + " a" * 200), answers()))["by_length"]
    assert (row["from_words"], row["to_words"]) == (81, None)


def test_entities_that_training_showed_are_told_from_others():
    seen = {"slots": {("ARTIST", "nina"), ("ARTIST", "berlin")}}
    pairs = [(record(), answers(spans=(NINA,))), (record(), answers(spans=(BERLIN,))), (record(), answers())]
    assert breakdown(*pairs, seen=seen)["seen"] == {
        "slots": {"seen": {"entities": 3, "recall": 2 / 3}, "unseen": {"entities": 3, "recall": 2 / 3}}
    }
    assert "seen" not in breakdown(*pairs)


def test_the_worst_records_come_first_with_gold_and_answer():
    pairs = [
        (record(line=1), answers()),
        (record(line=2), answers(label="book")),
        (record(line=3), answers(spans=())),
        (record(line=4), answers(label="book", spans=(BOTH,))),
        (record(line=5), answers(spans=(NINA,))),
    ]
    worst = breakdown(*pairs)["worst"]
    assert [row["source"] for row in worst] == [f"test.jsonl:{line}" for line in (4, 3, 5, 2)]
    assert worst[0]["tasks"]["intent"] == {"gold": "play", "predicted": "book  0.90"}
    slots = worst[0]["tasks"]["slots"]
    assert (slots["gold"], slots["predicted"]) == ("[Nina]ARTIST [Berlin]CITY", "[Nina in Berlin]ARTIST")
    assert slots["predicted_spans"] == [{"start": 5, "end": 19, "label": "ARTIST"}]


def test_of_many_wrong_records_the_worst_are_kept():
    mild = [(record(line=line), answers(label="book")) for line in range(1, 200)]
    bad = [(record(line=line), answers(label="book", spans=())) for line in range(200, 210)]
    worst = breakdown(*mild[:100], *bad, *mild[100:])["worst"]
    assert len(worst) == WORST
    assert [row["source"] for row in worst[:12]] == [f"test.jsonl:{line}" for line in [*range(200, 210), 1, 2]]
