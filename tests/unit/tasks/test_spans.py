import numpy as np
import pytest
from pydantic import ValidationError

from polyhead.errors import AnnotationError, DataError, SettingsError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks import IGNORE, SpanClassification
from tests.unit.tasks.texts import encoded_of, encoded_words

TEXT = "in New York City now"
WORDS = encoded_words(TEXT)
NEW_YORK, YORK, CITY = Span(3, 11, "LOC"), Span(7, 11, "ORG"), Span(7, 16, "LOC")
ALL = Span(3, 16, "LOC")


def task(**options):
    settings = {"unit": "whitespace", "max_width": 3, **options}
    return SpanClassification("ner", "spans", 1.0, SpanClassification.Options(**settings), LabelSet(("LOC", "ORG")))


TASK = task()


def read(value, text=TEXT):
    return SpanClassification.column("spans", TASK.options).read(value, text, None, Notices())


def message(value, text=TEXT):
    with pytest.raises(AnnotationError) as caught:
        read(value, text)
    return str(caught.value)


def entry(start, end, label="LOC"):
    return {"start": start, "end": end, "label": label}


def logits_of(scores, encoded=WORDS, of=TASK):
    """Logits by which spans are as probable as the table says, and all others are not."""
    units = encoded.units(of.unit)
    shares = np.full((len(units), of.options.max_width, len(of.types)), 0.01)
    for span, score in scores.items():
        place = np.argwhere(of.encode(Spans((span,)), encoded) == 1)
        assert len(place) == 1
        shares[tuple(place[0])] = score
    kept = shares[units.first_piece >= 0].reshape(-1, of.head().width)
    return np.log(kept / (1 - kept)).astype(np.float32)


def test_spans_are_read_in_the_order_of_the_text():
    assert read([entry(7, 11, "ORG"), entry(3, 16), entry(3, 11)]) == Spans((NEW_YORK, ALL, YORK))
    assert read([]) == Spans(())


def test_one_place_may_have_two_types():
    assert read([entry(7, 11, "ORG"), entry(7, 11)]).spans == (Span(7, 11, "LOC"), YORK)


def test_tags_are_read_as_tagging_reads_them():
    column, notices = SpanClassification.column("spans", TASK.options), Notices()
    assert column.read(["O", "B-LOC", "I-LOC"], TEXT, Source("a.json", 2), notices) == Spans((NEW_YORK,), known_to=11)
    assert column.read(["O", "I-LOC"], TEXT, Source("a.json", 3), notices).spans == (Span(3, 6, "LOC"),)
    column.finish(notices)
    told = "\n".join(notices.lines())
    assert "fewer tags than words in 'spans'" in told
    assert "1 tag continues an entity that nothing opened" in told


def test_what_is_no_list_of_spans_is_refused():
    assert message({}) == "spans must be a list of objects with start, end and label, or of tags, found an object"
    assert message([entry(3, 11), "O"]) == "span 2 must be an object with start, end and label, found a string"
    assert message(["O", 7]) == "tag 2 must be a string such as 'O' or 'B-PER', found 7"
    assert message([entry(3, 11)] * 2).startswith("span 2 is there twice: {'start': 3")


def test_what_is_no_span_is_refused():
    assert message([{"start": 3, "end": 6}]) == "span 1 has no 'label': found {'start': 3, 'end': 6}"
    assert message([{**entry(3, 6), "lable": "x"}]) == (
        "span 1 has 'lable', which no span has; known: start, end, label (did you mean 'label'?)"
    )
    assert message([entry(True, 6)]) == "span 1: start and end must be whole numbers, found True and 6"
    assert message([entry(3, 6.0)]) == "span 1: start and end must be whole numbers, found 3 and 6.0"
    assert message([entry(3, 6, "")]) == "span 1: label must be a string that is not empty, found ''"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 3), (6, 3), (16, 21)])
def test_a_span_lies_in_the_text(start, end):
    assert message([entry(start, end)]) == (
        f"span 1: characters {start} to {end} are no part of a text of 20 characters; start counts from 0 and end is "
        "one past the last"
    )


def test_a_span_begins_and_ends_with_what_can_be_seen():
    assert message([entry(2, 7)]) == ("span 1 begins or ends with a blank: ' New '; move its boundary: start 3, end 6")
    assert message([entry(2, 3)]) == "span 1 holds nothing but blanks: ' '; remove it"
    assert read([entry(3, 6)]).spans == (Span(3, 6, "LOC"),)


def test_data_without_a_span_give_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        SpanClassification.learn(
            name="ner", field="spans", weight=1.0, options=TASK.options, annotations=[Spans(())] * 2
        )
    assert str(caught.value) == "task 'ner': no span in any of the 2 records that carry 'spans'"


def test_the_target_is_a_yes_or_no_for_each_stretch_there_is():
    target = TASK.encode(Spans((NEW_YORK, YORK)), WORDS)
    assert target.shape == (5, 3, 2)
    assert np.argwhere(target == 1).tolist() == [[1, 1, 0], [2, 0, 1]]
    stretches = [[(unit + more) < 5 for more in range(3)] for unit in range(5)]
    assert (target[:, :, 0] != IGNORE).tolist() == stretches


def test_stretches_are_as_wide_as_their_pieces():
    # in | Ne w | York; a stretch is counted from first piece to first piece.
    encoded = encoded_of("in New York", [(0, 2), (3, 5), (5, 6), (7, 11)])
    known = TASK.encode(Spans(()), encoded)[:, :, 0] == 0
    assert known.tolist() == [[True, True, False], [True, False, True], [True, False, False]]
    assert np.argwhere(TASK.encode(Spans((NEW_YORK,)), encoded) == 1).tolist() == [[1, 2, 0]]


def test_stretches_that_leave_the_annotated_part_are_unknown():
    target = TASK.encode(Spans((NEW_YORK,), known_to=11), WORDS)[:, :, 0]
    assert target.tolist() == [[0, 0, 0], [0, 1, IGNORE], [0, IGNORE, IGNORE], [IGNORE] * 3, [IGNORE] * 3]


def test_a_word_without_a_piece_begins_and_ends_nothing():
    encoded = encoded_of("New \x00 York", [(0, 3), (6, 10)])
    whole = Span(0, 10, "LOC")
    target = TASK.encode(Spans((whole,)), encoded)
    assert np.argwhere(target == 1).tolist() == [[0, 1, 0]]
    assert (target[1] == IGNORE).all()
    answer = TASK.decode(logits_of({whole: 0.9}, encoded), encoded)
    assert [entity.text for entity in answer.entities] == ["New \x00 York"]


def test_what_cannot_be_said_is_named():
    encoded = encoded_of("in New York City \x00", [(0, 2), (3, 6), (7, 11), (12, 16)])
    assert TASK.beyond(Spans((NEW_YORK, YORK, ALL)), encoded) == []
    part, wide, bare = Span(3, 5, "LOC"), Span(0, 16, "LOC"), Span(17, 18, "LOC")
    assert TASK.beyond(Spans((wide, part, NEW_YORK, bare)), encoded) == ["in New York City", "Ne", "\x00"]
    assert (TASK.encode(Spans((wide, part, bare)), encoded) < 1).all()
    assert task(max_width=4).beyond(Spans((wide,)), encoded) == []


def test_overlapping_entities_are_found():
    answer = TASK.decode(logits_of({NEW_YORK: 0.98, YORK: 0.7}), WORDS)
    assert answer.to_json() == {
        "entities": [
            {"start": 3, "end": 11, "label": "LOC", "text": "New York", "score": pytest.approx(0.98, abs=1e-6)},
            {"start": 7, "end": 11, "label": "ORG", "text": "York", "score": pytest.approx(0.7, abs=1e-6)},
        ]
    }
    assert answer.plain() == "Spans: [('New York', 'LOC'), ('York', 'ORG')]"
    assert answer.summary() == "New York LOC 0.98, York ORG 0.70"
    assert answer.highlights() == (NEW_YORK,)


def test_entities_side_by_side_are_drawn():
    answer = TASK.decode(logits_of({NEW_YORK: 0.9, Span(12, 16, "ORG"): 0.9}), WORDS)
    assert answer.summary() == ""
    assert answer.highlights() == (NEW_YORK, Span(12, 16, "ORG"))
    assert TASK.decode(logits_of({}), WORDS).to_json() == {"entities": []}


def test_a_line_feed_in_an_entity_does_not_break_the_summary():
    encoded = encoded_words("New\nYork")
    answer = TASK.decode(logits_of({Span(0, 8, "LOC"): 0.9, Span(4, 8, "ORG"): 0.8}, encoded), encoded)
    assert answer.summary() == "New York LOC 0.90, York ORG 0.80"


def test_the_threshold_decides():
    logits = logits_of({NEW_YORK: 0.6, YORK: 0.4})
    assert TASK.decode(logits, WORDS).spans == (NEW_YORK,)
    assert task(threshold=0.3).decode(logits, WORDS).spans == (NEW_YORK, YORK)
    assert task(threshold=0.7).decode(logits, WORDS).spans == ()


@pytest.mark.parametrize(
    ("overlap", "left"),
    [
        ("any", (NEW_YORK, ALL, CITY, YORK)),
        ("nested", (NEW_YORK, ALL, YORK)),  # CITY crosses NEW_YORK, which is more probable
        ("none", (NEW_YORK,)),
    ],
)
def test_what_may_not_overlap_gives_way_to_the_more_probable(overlap, left):
    logits = logits_of({NEW_YORK: 0.9, CITY: 0.8, ALL: 0.7, YORK: 0.6})
    assert set(task(overlap=overlap).decode(logits, WORDS).spans) == set(left)


def test_two_types_of_one_place_are_nested_but_not_apart():
    logits = logits_of({YORK: 0.8, Span(7, 11, "LOC"): 0.9})
    assert task(overlap="nested").decode(logits, WORDS).spans == (Span(7, 11, "LOC"), YORK)
    assert task(overlap="none").decode(logits, WORDS).spans == (Span(7, 11, "LOC"),)


def test_neighbours_do_not_overlap():
    apart = task(overlap="none", unit="pretokenizer")
    encoded = encoded_of("Rome,Oslo", [(0, 4), (4, 5), (5, 9)])
    three = {Span(0, 4, "LOC"): 0.9, Span(4, 5, "ORG"): 0.7, Span(5, 9, "LOC"): 0.8}
    assert apart.decode(logits_of(three, encoded, apart), encoded).spans == tuple(three)


def test_figures_are_those_of_exact_matches():
    answer = TASK.decode(logits_of({NEW_YORK: 0.9, YORK: 0.8}), WORDS)
    scores = TASK.score([Spans((NEW_YORK, ALL))], [answer])
    assert (scores["precision"], scores["recall"], scores["f1"]) == (0.5, 0.5, 0.5)
    assert scores["per_type"]["ORG"]["support"] == 0
    assert TASK.is_right(Spans((NEW_YORK, YORK)), answer)
    assert not TASK.is_right(Spans((NEW_YORK,)), answer)


def test_the_unknown_part_is_not_scored():
    gold = Spans((NEW_YORK,), known_to=11)
    late = TASK.decode(logits_of({NEW_YORK: 0.9, Span(12, 16, "ORG"): 0.8}), WORDS)
    assert TASK.is_right(gold, late)
    assert TASK.score([gold], [late])["precision"] == 1.0
    # Two spans that are one as far as the text was annotated count once.
    wider = TASK.decode(logits_of({NEW_YORK: 0.9, ALL: 0.8}), WORDS)
    assert TASK.score([gold], [wider])["precision"] == 1.0
    assert TASK.is_right(gold, wider)


def test_soft_targets_are_probabilities_of_stretches():
    encoded = encoded_of("New \x00 York", [(0, 3), (6, 10)])
    soft = TASK.soften(logits_of({Span(0, 10, "ORG"): 0.9}, encoded), encoded).reshape(3, 3, 2)
    assert soft[0, 1, 1] == pytest.approx(0.9)
    assert (~np.isnan(soft[:, :, 0])).tolist() == [[True, True, False], [False] * 3, [True, False, False]]


def test_the_head():
    head = task(class_weights={"ORG": 2.0}).head()
    assert (head.reads, head.width, head.target, head.span_pieces) == ("span", 6, (3, 2), 3)
    assert head.class_weights == (1.0, 2.0) * 3
    assert head.bias == -4.0
    assert TASK.head().class_weights == ()
    assert TASK.outputs() == [(0, "LOC"), (0, "ORG"), (1, "LOC"), (1, "ORG"), (2, "LOC"), (2, "ORG")]


def test_a_class_weight_of_an_unknown_type_is_refused():
    options = SpanClassification.Options(class_weights={"LCO": 2.0})
    with pytest.raises(SettingsError, match=r"^tasks\.ner\.class_weights\.LCO: .*did you mean 'LOC'"):
        SpanClassification.learn(
            name="ner", field="spans", weight=1.0, options=options, annotations=[Spans((NEW_YORK,))]
        )


@pytest.mark.parametrize(
    "options", [{"max_width": 0}, {"threshold": 0}, {"threshold": 1.0}, {"overlap": "some"}, {"unit": "words"}]
)
def test_options_out_of_range(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        SpanClassification.Options(**options)


def test_a_task_is_described_by_what_its_spans_may_be():
    assert TASK.describe() == "2 entity types, spans of whitespace words up to 3 pieces, may overlap"
    assert task(overlap="none").describe().endswith("do not overlap")
