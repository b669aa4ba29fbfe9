import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from polyhead.labels import spans_of_tags
from polyhead.metrics import entity_scores
from polyhead.records import Span
from tests.unit.labels.schemes import words


def valid(tags):
    """Make tags well-formed BIO: what continues nothing begins."""
    fixed = []
    for tag in tags:
        before = fixed[-1] if fixed else "O"
        fixed.append(tag if tag[0] != "I" or before[1:] == tag[1:] else f"B{tag[1:]}")
    return fixed


tag = st.sampled_from(["O", "O", "B-A", "I-A", "I-A", "B-B", "I-B"])
pair = st.lists(st.tuples(tag, tag), min_size=1, max_size=8).map(
    lambda pairs: [valid(side) for side in zip(*pairs, strict=True)]
)


def spans(sequences):
    return [spans_of_tags(tags, words(len(tags))) for tags in sequences]


@given(st.lists(pair, min_size=1, max_size=6))
def test_the_figures_are_those_of_seqeval(pairs):
    golds, found = [gold for gold, _ in pairs], [tags for _, tags in pairs]
    assume(any(spans(golds)) or any(spans(found)))
    wanted = classification_report(golds, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
    scores = entity_scores(spans(golds), spans(found))
    micro = wanted.pop("micro avg")
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(
        (micro["precision"], micro["recall"], micro["f1-score"])
    )
    per_type = {name: row for name, row in wanted.items() if not name.endswith(" avg")}
    assert scores["per_type"].keys() == per_type.keys()
    for name, row in per_type.items():
        ours = scores["per_type"][name]
        assert (ours["precision"], ours["recall"], ours["f1"], ours["support"]) == pytest.approx(
            (row["precision"], row["recall"], row["f1-score"], row["support"])
        )


def test_place_and_type_must_both_be_right():
    gold = [(Span(0, 4, "PER"), Span(8, 12, "LOC"))]
    found = [(Span(0, 4, "LOC"), Span(8, 11, "LOC"), Span(8, 12, "LOC"))]
    scores = entity_scores(gold, found)
    assert scores["precision"] == pytest.approx(1 / 3)
    assert scores["recall"] == pytest.approx(1 / 2)
    assert scores["f1"] == pytest.approx(2 / 5)
    assert scores["per_type"]["PER"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_the_same_place_in_another_text_is_not_right():
    assert entity_scores([(Span(0, 1, "A"),), ()], [(), (Span(0, 1, "A"),)])["f1"] == 0.0


def test_texts_without_entities_on_both_sides():
    assert entity_scores([()], [()]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "per_type": {}}


def test_no_text_at_all_has_no_figures():
    assert entity_scores([], []) == {"precision": None, "recall": None, "f1": None, "per_type": {}}


def test_golds_and_predictions_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        entity_scores([()], [(), ()])
