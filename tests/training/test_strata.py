"""Texts in an order by labels: what is held out is what always was, whatever it is worked out with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from polyhead.labels import LabelSet
from polyhead.records import Record, Span, Spans, text_key
from polyhead.tasks import MultiLabel, SingleLabel, Tagging, Task
from polyhead.training.holdout import hold_out
from polyhead.training.strata import sort_texts

LABELS = LabelSet((0, 1, "0", "a", "b"))
TASKS: tuple[Task, ...] = (
    SingleLabel("topic", "label", 1.0, SingleLabel.Options(), LABELS),
    MultiLabel("tags", "tags", 1.0, MultiLabel.Options(), LABELS, (0.5,) * 5),
    Tagging("ner", "ner", 1.0, Tagging.Options(), LABELS),
)

labels = st.sampled_from(LABELS.values)
annotations = st.fixed_dictionaries(
    {},
    optional={
        "topic": labels,
        "tags": st.frozensets(labels, max_size=3),
        "ner": st.lists(st.sampled_from("xy"), max_size=2).map(lambda own: Spans(tuple(Span(0, 1, x) for x in own))),
    },
)
texts = st.sampled_from(["a", "A ", "b  c", "B C", "ß", "SS", *(f"text {at}" for at in range(40))])
many = st.lists(st.builds(Record, texts, annotations), max_size=120)


def with_lists(records: Sequence[Record], seed: int, share: float = 0.1) -> tuple[list[Record], list[Record]]:
    """Hold out as plainly as it can be written, with every text in memory."""
    random = np.random.default_rng(seed)
    groups: dict[str, list[int]] = defaultdict(list)
    for index, record in enumerate(records):
        groups[text_key(record.text)].append(index)
    of_text = list(groups.values())
    shown = [_labels([records[index] for index in text]) for text in of_text]
    order = sorted(random.permutation(len(of_text)).tolist(), key=lambda text: sorted(map(repr, shown[text])))
    if len(order) < 10:
        return list(records), []
    every = round(1 / share)
    chosen = order[int(random.integers(every)) :: every]
    left = Counter(label for text in set(order) - set(chosen) for label in shown[text])
    taken: set[int] = set()
    for text in chosen:
        if all(left[label] for label in shown[text]):
            taken.update(of_text[text])
        else:
            left.update(shown[text])
    stays = [record for index, record in enumerate(records) if index not in taken]
    return stays, [records[index] for index in sorted(taken)]


def _labels(records: Sequence[Record]) -> frozenset[tuple[str, Hashable]]:
    shown: set[tuple[str, Any]] = set()
    for record in records:
        for task in TASKS:
            if task.name in record.annotations:
                found = task.labels_in(record.annotations[task.name])
                shown |= {(task.name, None), *((task.name, label) for label in found)}
    return frozenset(shown)


@given(many, st.integers(0, 5))
def test_the_same_records_are_held_out_as_with_lists(records: list[Record], seed: int) -> None:
    stays, held_out = hold_out(records, TASKS, seed=seed)
    plain_stays, plain_held_out = with_lists(records, seed)
    assert list(map(id, stays)) == list(map(id, plain_stays))
    assert list(map(id, held_out)) == list(map(id, plain_held_out))


@given(many)
def test_texts_are_numbered_as_they_come(records: list[Record]) -> None:
    found = sort_texts(records, TASKS, np.random.default_rng(0))
    keys = [text_key(record.text) for record in records]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    assert found.of_record.tolist() == [numbers[key] for key in keys]
    assert sorted(found.order.tolist()) == list(range(len(numbers)))
    for key, number in numbers.items():
        own = [record for record in records if text_key(record.text) == key]
        assert found.shown(number) == _labels(own)
        assert [records[at] for at in found.records_of(np.array([number]))] == own
