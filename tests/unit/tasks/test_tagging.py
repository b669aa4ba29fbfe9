import numpy as np
import pytest

from polyhead.encoding import Encoded, cut_windows
from polyhead.errors import AnnotationError, DataError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Span, Spans
from polyhead.tasks import IGNORE, Tagging

TASK = Tagging("ner", "tags", 1.0, LabelSet(("LOC", "PER")))  # O, B-LOC, I-LOC, B-PER, I-PER


def encoded_of(text, pieces):
    return Encoded(
        text, np.zeros(len(pieces), np.int64), tuple(pieces), cut_windows(len(pieces), capacity=9, overlap=0)
    )


def logits_of(*tags):
    return np.log([[0.96 if tag == other else 0.01 for other in TASK.tags] for tag in tags]).astype(np.float32)


WORDS = encoded_of("in New York now", [(0, 2), (3, 6), (7, 11), (12, 15)])


def read(value, text="in New York now"):
    return Tagging.column("tags").read(value, text, None, Notices())


def test_the_tags_are_o_then_begin_and_inside_of_each_type():
    assert TASK.tags.values == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert TASK.head().width == 5


@pytest.mark.parametrize(("value", "found"), [("O O", "a string"), ({}, "an object"), (1, "a number")])
def test_tags_must_be_a_list(value, found):
    with pytest.raises(AnnotationError, match=rf"^tags must be a list with one for each word, found {found}$"):
        read(value)


def test_unknown_words_are_no_target():
    annotation = read(["O", "B-LOC"])
    assert annotation == Spans((Span(3, 6, "LOC"),), known_to=6)
    assert TASK.encode(annotation, WORDS).tolist() == [0, 1, IGNORE, IGNORE]


def test_an_empty_list_is_a_target_everywhere():
    assert TASK.encode(read([]), WORDS).tolist() == [0, 0, 0, 0]


def test_data_without_an_entity_give_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        Tagging.learn(name="ner", field="tags", weight=1.0, options={"unit": "whitespace"}, annotations=[Spans(())] * 3)
    assert str(caught.value) == "task 'ner': no entity in any of the 3 records that carry 'tags'"


def test_an_entity_has_place_surface_and_the_product_of_its_probabilities():
    answer = TASK.decode(logits_of("O", "B-LOC", "I-LOC", "O"), WORDS)
    assert answer.to_json() == {
        "entities": [{"start": 3, "end": 11, "label": "LOC", "text": "New York", "score": pytest.approx(0.96**2)}],
        "words": ["in", "New", "York", "now"],
        "tags": ["O", "B-LOC", "I-LOC", "O"],
    }
    assert answer.plain() == "NER Output: ['O', 'B-LOC', 'I-LOC', 'O']"
    assert answer.highlights() == (Span(3, 11, "LOC"),)


def test_what_would_not_read_back_is_not_answered():
    answer = TASK.decode(logits_of("I-LOC", "I-PER", "O", "I-LOC"), WORDS)
    for before, tag in zip(("O", *answer.tags), answer.tags, strict=False):
        assert tag[0] != "I" or before[1:] == tag[1:]


def test_a_unit_without_a_piece_goes_with_the_entity_around_it():
    encoded = encoded_of("New \x00 York \x00 x", [(0, 3), (6, 10), (13, 14)])
    answer = TASK.decode(logits_of("B-LOC", "I-LOC", "O"), encoded)
    assert answer.tags == ("B-LOC", "I-LOC", "I-LOC", "O", "O")
    (entity,) = answer.entities
    assert entity.text == "New \x00 York"
    assert entity.score == pytest.approx(0.96**2)


def test_a_unit_without_a_piece_between_two_entities_is_outside():
    encoded = encoded_of("New \x00 York", [(0, 3), (6, 10)])
    assert TASK.decode(logits_of("B-LOC", "B-LOC"), encoded).tags == ("B-LOC", "O", "B-LOC")


def test_a_text_without_units():
    answer = TASK.decode(np.zeros((0, 5), np.float32), encoded_of("", []))
    assert answer.to_json() == {"entities": [], "words": [], "tags": []}


def test_the_unknown_part_is_not_scored():
    gold = Spans((Span(3, 6, "LOC"),), known_to=6)
    answer = TASK.decode(logits_of("O", "B-LOC", "I-LOC", "B-PER"), WORDS)
    assert TASK.score([gold], [answer])["f1"] == 1.0
    assert TASK.is_right(gold, answer)
    assert not TASK.is_right(Spans((Span(3, 6, "LOC"),)), answer)
    assert TASK.score([Spans((Span(3, 6, "LOC"),))], [answer])["f1"] == 0.0
