import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from nervaluate import Evaluator
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from polyhead.labels import spans_of_tags
from polyhead.metrics import EntityScorer
from polyhead.metrics.matching import errors
from polyhead.records import Span
from tests.unit.labels.schemes import words

HEADLINE = ("precision", "recall", "f1", "partial_f1", "type_f1")


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


def entity_scores(golds, found):
    return EntityScorer(lambda gold, answer: (gold, answer)).over(golds, found)


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
    scores = entity_scores([()], [()])
    assert [scores[name] for name in HEADLINE] == [0.0] * len(HEADLINE)
    assert scores["per_type"] == {}


def test_no_text_at_all_has_no_figures():
    scores = entity_scores([], [])
    assert [scores[name] for name in HEADLINE] == [None] * len(HEADLINE)
    assert scores["per_type"] == {}


def test_golds_and_predictions_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        entity_scores([()], [(), ()])


place = st.integers(0, 9)
some_spans = st.lists(st.tuples(place, place, st.sampled_from("AB")), max_size=5).map(
    lambda given: tuple(sorted({Span(min(one, other), max(one, other) + 1, label) for one, other, label in given}))
)


def as_dicts(spans):
    return [{"label": span.label, "start": span.start, "end": span.end - 1} for span in spans]


@given(st.lists(st.tuples(some_spans, some_spans), min_size=1, max_size=4))
def test_the_matching_is_that_of_nervaluate(pairs):
    golds, found = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    both = [[as_dicts(spans) for spans in side] for side in (golds, found)]
    wanted = Evaluator(*both, tags=["A", "B"], loader="dict").evaluate()["overall"]
    scores = entity_scores(golds, found)
    for scheme, ours in scores["matching"].items():
        theirs = wanted[scheme]
        counts = (theirs.correct, theirs.incorrect, theirs.partial, theirs.spurious, theirs.missed)
        assert (ours["correct"], ours["incorrect"], ours["partial"], ours["spurious"], ours["missed"]) == counts
        figures = (theirs.precision, theirs.recall, theirs.f1)
        assert (ours["precision"], ours["recall"], ours["f1"]) == pytest.approx(figures)
    assert scores["partial_f1"] == pytest.approx(wanted["partial"].f1)
    assert scores["type_f1"] == pytest.approx(wanted["ent_type"].f1)


def test_what_is_wrong_is_sorted():
    gold = (Span(0, 4, "A"), Span(5, 9, "A"), Span(10, 14, "A"), Span(20, 24, "B"), Span(30, 34, "B"))
    found = (Span(0, 4, "A"), Span(5, 9, "B"), Span(11, 14, "A"), Span(20, 26, "A"), Span(40, 44, "B"))
    scores = entity_scores([gold], [found])
    assert scores["errors"] == {
        "wrong type": 1,
        "wrong boundary": 1,
        "wrong type and boundary": 1,
        "missed": 1,
        "spurious": 1,
    }
    assert scores["confusion"] == [
        {"gold": "A", "predicted": "B", "count": 1},
        {"gold": "B", "predicted": "A", "count": 1},
    ]


@given(some_spans, some_spans)
def test_every_entity_is_right_or_in_one_error(gold, found):
    right = set(gold) & set(found)
    sorted_out = errors(gold, found)
    assert sorted(span for _, span, _ in sorted_out if span) == sorted(set(gold) - right)
    assert sorted(own for _, _, own in sorted_out if own) == sorted(set(found) - right)
    for error, span, own in sorted_out:
        assert (span is None, own is None) == (error == "spurious", error == "missed")


def test_of_two_that_touch_the_one_in_the_same_place_is_taken_for_it():
    gold = (Span(0, 9, "A"), Span(4, 9, "B"))
    found = (Span(4, 9, "A"),)
    assert errors(gold, found) == [("wrong type", gold[1], found[0]), ("missed", gold[0], None)]
