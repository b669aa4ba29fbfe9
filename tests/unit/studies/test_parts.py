"""Parts of the data: stratified, nested or disjoint, a pure function of the seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.records import Record
from polyhead.studies.runs import folds_of, fraction_of, whole, without
from polyhead.tasks import SingleLabel
from polyhead.training.data import DataSet

LABELS = SingleLabel.learn(
    name="topic", field="label", weight=1.0, options=SingleLabel.Options(), annotations=["a", "b", "c"]
)


def labelled(**counts: int) -> list[Record]:
    return [
        Record(f"text {label} {number}", {"topic": label}) for label, count in counts.items() for number in range(count)
    ]


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5, 1.0])
def test_a_fraction_has_each_label_in_its_share(fraction: float) -> None:
    records = labelled(a=500, b=300, c=100)
    for seed in range(5):
        part = fraction_of(records, [LABELS], fraction, seed=seed)
        assert len(part) == fraction * 900
        shares = Counter(record.annotations["topic"] for record in part)
        wanted = {"a": 500 * fraction, "b": 300 * fraction, "c": 100 * fraction}
        assert shares == {label: pytest.approx(count, abs=2) for label, count in wanted.items()}


records_of_texts = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.sampled_from("abc")), min_size=1).map(
    lambda pairs: [Record(text, {"topic": label}) for text, label in pairs]
)


@given(records_of_texts, st.floats(0.01, 1), st.floats(0.01, 1), st.integers(0, 9))
def test_a_smaller_fraction_is_part_of_a_larger_one(records: list[Record], one: float, other: float, seed: int) -> None:
    small, large = (fraction_of(records, [LABELS], fraction, seed=seed) for fraction in sorted((one, other)))
    assert small
    assert {id(record) for record in small} <= {id(record) for record in large}
    places = {id(record): at for at, record in enumerate(records)}
    assert [places[id(record)] for record in large] == sorted(places[id(record)] for record in large)
    assert fraction_of(records, [LABELS], 1.0, seed=seed) == records


def test_another_seed_draws_another_part() -> None:
    records = labelled(a=100)
    parts = [fraction_of(records, [LABELS], 0.5, seed=seed) for seed in (1, 1, 2)]
    assert parts[0] == parts[1] != parts[2]


@given(records_of_texts, st.integers(2, 5), st.integers(0, 9))
def test_each_record_is_in_one_fold_and_equal_texts_in_the_same(records: list[Record], folds: int, seed: int) -> None:
    found = folds_of(records, [LABELS], folds, seed=seed)
    assert sorted(index for fold in found for index in fold) == list(range(len(records)))
    texts = [{records[index].text for index in fold} for fold in found]
    assert sum(map(len, texts)) == len({record.text for record in records})
    assert max(map(len, texts)) - min(map(len, texts)) <= 1


def test_each_fold_has_each_label_in_its_share() -> None:
    records = labelled(a=50, b=30, c=10)
    for fold in folds_of(records, [LABELS], 5, seed=3):
        assert Counter(records[index].annotations["topic"] for index in fold) == {"a": 10, "b": 6, "c": 2}


def test_dev_data_of_their_own_stay_whole() -> None:
    train, dev = labelled(a=30, b=30), labelled(c=5)
    own = DataSet("data", 2.0, train, dev, held_out=False)
    part = without(own, {0, 59}, [LABELS], seed=1)
    assert part == DataSet("data", 2.0, train[1:59], dev, held_out=False)
    assert whole(own) == train


def test_held_out_dev_data_are_held_out_of_what_is_left() -> None:
    records = labelled(a=30, b=30)
    own = DataSet("data", 1.0, records[:54], records[54:], held_out=True)
    assert whole(own) == records
    left_out = set(range(0, 60, 5))
    part = without(own, left_out, [LABELS], seed=1)
    texts = [{record.text for record in side} for side in (part.train, part.dev)]
    assert len(texts[1]) == 5
    assert not texts[0] & texts[1]
    assert texts[0] | texts[1] == {record.text for at, record in enumerate(records) if at not in left_out}
