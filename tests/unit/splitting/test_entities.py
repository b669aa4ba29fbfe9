"""A part whose entities the others do not show."""

from __future__ import annotations

import numpy as np

from polyhead.labels import LabelSet
from polyhead.records import Record, Span, Spans
from polyhead.splitting.entities import unseen, values_of
from polyhead.splitting.sharing import Labels, share_out, share_out_unseen
from polyhead.tasks import Tagging

TASK = Tagging("ner", "ner", 1.0, Tagging.Options(), LabelSet(("x", "y")))


def record(name: str, label: str = "x") -> Record:
    return Record(f"is {name} here", {"ner": Spans((Span(3, 3 + len(name), label),))})


def test_a_value_is_a_surface_with_its_type_whatever_its_case() -> None:
    values, count = values_of(
        [record("New York"), record("new  york"), record("new york", "y"), Record("none")], [TASK]
    )
    assert values == [[0], [0], [1], []]
    assert count == 2


def test_what_is_counted_as_unseen_is_in_no_other_part() -> None:
    found = unseen([[0, 1], [1], [2], [3]], np.array([True, False, True, False]))
    assert found == {"values": 3, "unseen": 2, "mentions": 3, "unseen_mentions": 2}


def test_all_entities_of_the_last_part_are_unseen_where_that_can_be() -> None:
    names = [f"name{at // 3}" for at in range(120)] + ["berlin"] * 80
    records = [record(name, "x" if at % 6 < 3 else "y") for at, name in enumerate(names)]
    joined = np.arange(len(records))
    labels = Labels.of(records, [TASK])
    values, _ = values_of(records, [TASK])
    found = share_out_unseen(joined, labels, (70, 15, 15), records=records, tasks=[TASK], seed=1)
    assert np.bincount(found.part_of).tolist() == [140, 30, 30]
    assert found.counts == unseen(values, found.part_of == 2)
    assert found.counts["unseen"] == found.counts["values"]
    plain = share_out(joined, labels, (70, 15, 15), random=np.random.default_rng(1))
    assert unseen(values, plain == 2)["unseen"] < found.counts["unseen"]
    types = [next(iter(own.annotations["ner"].spans)).label for own in records]
    in_last = [label for label, part in zip(types, found.part_of, strict=True) if part == 2]
    assert abs(in_last.count("x") - 15 * types.count("x") / 100) <= 3
