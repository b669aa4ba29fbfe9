"""Contradictions between annotations, found without a model."""

from __future__ import annotations

from typing import Any

import pytest

from polyhead.records import Record, Source, Span, Spans
from polyhead.studies.consistency import same_surfaces, same_texts
from polyhead.tasks import KINDS, Task


def task_of(kind: str, annotations: list[Any]) -> Task:
    own = KINDS[kind]
    return own.learn(name="it", field="it", weight=1.0, options=own.Options(), annotations=annotations)


def records_of(*pairs: tuple[str, Any], second: str | None = None) -> list[Record]:
    return [
        Record(text, {} if annotation is None else {"it": annotation}, Source("a.json", line), second)
        for line, (text, annotation) in enumerate(pairs, start=1)
    ]


def tagged(text: str, **surfaces: str) -> tuple[str, Spans]:
    """A text in which some words are entities: ``Berlin="LOC"``."""
    spans = [
        Span(text.index(word), text.index(word) + len(word), label)
        for word, label in ((word.replace("_", " "), label) for word, label in surfaces.items())
    ]
    return text, Spans(tuple(sorted(spans)))


TAGS = task_of("tagging", [Spans((Span(0, 1, "LOC"), Span(2, 3, "PER"), Span(4, 5, "ORG")))])


def test_equal_texts_with_different_classes() -> None:
    labels = task_of("single_label", ["a", "b"])
    records = records_of(("Hello  there", "a"), ("hello there", "b"), ("Hello there", "a"), ("Bye", "a"), ("Bye", None))
    found = {own.record: own for own in same_texts(records, labels)}
    assert found.keys() == {0, 1, 2}
    assert found[1].weight > found[0].weight == found[2].weight  # it differs from both, they only from it
    assert (found[1].given, found[1].suggested) == ("b", "a")
    assert found[1].detail == "2 of 2 with this text differ, first: a.json:1"
    assert found[0].span is None


def test_pairs_are_equal_where_both_texts_are() -> None:
    labels = task_of("single_label", ["a", "b"])
    pairs = [*records_of(("one", "a"), second="x"), *records_of(("one", "b"), second="y")]
    assert list(same_texts(pairs, labels)) == []
    assert len(list(same_texts([*pairs, *records_of(("One", "b"), second="X")], labels))) == 2


def test_numbers_that_are_near_each_other_agree() -> None:
    numbers = task_of("regression", [0.0, 10.0])
    found = list(same_texts(records_of(("one", 3.0), ("one", 3.1), ("two", 3.0), ("two", 8.0)), numbers))
    assert [own.record for own in found] == [2, 3]


@pytest.mark.parametrize(("kind", "one", "other"), [("multi_label", {"a"}, {"a", "b"}), ("multi_label", set(), {"b"})])
def test_sets_of_labels_are_compared_as_wholes(kind: str, one: set[str], other: set[str]) -> None:
    task = task_of(kind, [frozenset(one), frozenset(other)])
    assert len(list(same_texts(records_of(("t", frozenset(one)), ("t", frozenset(other))), task))) == 2
    assert list(same_texts(records_of(("t", frozenset(one)), ("t", frozenset(one))), task)) == []


def test_the_rarer_type_of_a_surface_is_doubted() -> None:
    records = records_of(
        tagged("to Berlin", Berlin="LOC"), tagged("in BERLIN.", BERLIN="LOC"), tagged("of Berlin", Berlin="PER")
    )
    (found,) = same_surfaces(records, TAGS)
    assert (found.record, found.reason, found.span) == (2, "other type", (3, 9))
    assert (found.given, found.suggested) == ("[Berlin]PER", "[Berlin]LOC")
    assert found.detail == "LOC in 2 of 3 places"
    assert found.weight == pytest.approx(0.5 * 2 / 3)


def test_a_surface_that_is_mostly_tagged_is_missed_where_it_is_not() -> None:
    records = records_of(
        tagged("fly to New York now", New_York="LOC"),
        tagged("new  york, please", **{"new  york": "LOC"}),
        tagged("is New York large"),
        ("is New York large", None),  # not annotated: not empty
        tagged("New Yorkers"),
    )
    (found,) = same_surfaces(records, TAGS)
    assert (found.record, found.reason, found.span) == (2, "untagged", (3, 11))
    assert (found.given, found.suggested) == ("none", "[New York]LOC")
    assert found.detail == "tagged in 2 of 3 places"


def test_a_surface_that_is_mostly_untagged_is_not_missed() -> None:
    usual = [tagged("play it"), tagged("play that"), tagged("play this"), tagged("we play", play="ORG")]
    assert list(same_surfaces(records_of(*usual, tagged("a play", play="ORG")), TAGS)) == []


def test_part_of_an_entity_is_not_untagged() -> None:
    records = records_of(
        tagged("York is old", York="LOC"), tagged("to York", York="LOC"), tagged("New York Times", New_York_Times="ORG")
    )
    assert list(same_surfaces(records, TAGS)) == []


def test_what_was_not_annotated_is_not_untagged() -> None:
    seen = [tagged("to York", York="LOC"), tagged("by York", York="LOC")]
    assert list(same_surfaces(records_of(*seen, ("and York", Spans((), known_to=4))), TAGS)) == []
    assert len(list(same_surfaces(records_of(*seen, ("and York", Spans((), known_to=8))), TAGS))) == 1


def test_kinds_without_entities_have_no_surfaces() -> None:
    words = task_of("token_label", [Spans((Span(0, 4, "NOUN"), Span(5, 8, "VERB")))])
    records = records_of(
        *[("plays run", Spans((Span(0, 5, "NOUN"),)))] * 3, ("plays run", Spans((Span(0, 5, "VERB"),)))
    )
    assert list(same_surfaces(records, words)) == []
