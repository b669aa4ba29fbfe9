"""The held-out tenth: stratified, no text on both sides, a pure function of the seed."""

from __future__ import annotations

from collections import Counter

import pytest

from polyhead.records import Record, Span, Spans
from polyhead.tasks import SingleLabel, Tagging
from polyhead.training.holdout import hold_out

LABELS = SingleLabel.learn(
    name="topic", field="label", weight=1.0, options=SingleLabel.Options(), annotations=["a", "b", "c"]
)
TAGS = Tagging.learn(
    name="ner",
    field="ner_tags",
    weight=1.0,
    options=Tagging.Options(),
    annotations=[Spans((Span(0, 1, "X"),)), Spans((Span(0, 1, "Y"),))],
)
TASKS = (LABELS, TAGS)


def labelled(label: str, count: int, start: int = 0) -> list[Record]:
    return [Record(f"text {label} {number}", {"topic": label}) for number in range(start, start + count)]


def test_each_class_gives_a_tenth() -> None:
    records = labelled("a", 500) + labelled("b", 300) + labelled("c", 100)
    for seed in range(5):
        stays, held_out = hold_out(records, TASKS, seed=seed)
        shares = Counter(record.annotations["topic"] for record in held_out)
        assert {label: pytest.approx(count, abs=1) for label, count in shares.items()} == {"a": 50, "b": 30, "c": 10}
        assert len(stays) + len(held_out) == 900


def test_strata_are_tasks_and_entity_types() -> None:
    both = Spans((Span(0, 1, "X"), Span(2, 3, "Y")))
    annotations = [{"topic": "a"}, {"ner": Spans((Span(0, 1, "X"),))}, {"ner": both}, {"ner": Spans(())}]
    records = [Record(f"t {at} {number}", one) for at, one in enumerate(annotations) for number in range(100)]
    _, held_out = hold_out(records, TASKS, seed=1)
    assert all(9 <= count <= 11 for count in Counter(record.text[:3] for record in held_out).values())
    assert len({record.text[:3] for record in held_out}) == 4


def test_equal_texts_stay_on_one_side() -> None:
    records = [Record(f"{blank}Text{blank}{number}", {"topic": "a"}) for number in range(200) for blank in (" ", "  ")]
    records += [Record(f"TEXT {number}", {"topic": "b"}) for number in range(200)]
    stays, held_out = hold_out(records, TASKS, seed=3)
    sides = [{" ".join(record.text.lower().split()) for record in side} for side in (stays, held_out)]
    assert not sides[0] & sides[1]
    assert len(held_out) == 60
    assert len(sides[1]) == 20


def test_order_is_kept_and_nothing_is_lost() -> None:
    records = labelled("a", 60) + labelled("b", 60)
    stays, held_out = hold_out(records, TASKS, seed=3)
    order = {id(record): at for at, record in enumerate(records)}
    for side in (stays, held_out):
        places = [order[id(record)] for record in side]
        assert places == sorted(places)
    assert {id(record) for record in stays + held_out} == set(order)


def test_a_pure_function_of_the_seed() -> None:
    records = labelled("a", 200)
    first, second, other = (hold_out(records, TASKS, seed=seed)[1] for seed in (1, 1, 2))
    assert first == second
    assert first != other


def test_the_only_one_of_its_class_is_trained_on() -> None:
    records = labelled("a", 100) + labelled("b", 1)
    for seed in range(20):
        stays, _ = hold_out(records, TASKS, seed=seed)
        assert any(record.annotations["topic"] == "b" for record in stays)


@pytest.mark.parametrize("count", [1, 5, 9])
def test_tiny_data_keep_everything(count: int) -> None:
    records = labelled("a", count) * 3
    assert hold_out(records, TASKS, seed=1) == (records, [])


def test_ten_texts_give_one() -> None:
    assert len(hold_out(labelled("a", 10), TASKS, seed=1)[1]) == 1


def test_no_class_is_held_out_whole() -> None:
    records = [record for label in "abc" for record in labelled(label, 2)] + labelled("d", 30)
    for seed in range(30):
        stays, _ = hold_out(records, TASKS, seed=seed)
        assert {record.annotations["topic"] for record in stays} == {"a", "b", "c", "d"}
