import itertools

from polyhead.labels import allowed_transitions, spans_of_tags, tags_of_spans
from tests.unit.labels.schemes import words

TAGS = ["O", "B-A", "I-A", "B-a-b", "I-a-b"]


def test_the_table():
    start, step = allowed_transitions(["O", "B-A", "I-A", "B-B", "I-B"])
    assert start.tolist() == [True, True, False, True, False]
    assert step.astype(int).tolist() == [
        [1, 1, 0, 1, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 1, 1],
        [1, 1, 0, 1, 1],
    ]


def test_allowed_are_just_the_sequences_that_read_back_as_they_were_written():
    start, step = allowed_transitions(TAGS)
    for path in itertools.product(range(len(TAGS)), repeat=3):
        allowed = start[path[0]] and step[path[0], path[1]] and step[path[1], path[2]]
        tags = [TAGS[tag] for tag in path]
        assert allowed == (tags_of_spans(spans_of_tags(tags, words(3)), words(3)) == tags)


def test_no_entity_type_at_all():
    start, step = allowed_transitions(["O"])
    assert start.tolist() == [True]
    assert step.tolist() == [[True]]
