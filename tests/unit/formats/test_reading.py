import json

import pytest

from polyhead.errors import DataError
from polyhead.formats import Limits, read_records
from polyhead.notices import Notices
from polyhead.records import Span, Spans
from polyhead.tasks import SingleLabel, Tagging


@pytest.fixture
def read(write):
    def _read(*records, limits=None, strict=False):
        columns = {
            "intent": SingleLabel.column("label", SingleLabel.Options()),
            "ner": Tagging.column("ner_tags", Tagging.Options()),
        }
        notices = Notices(strict=strict)
        found = list(read_records(write(list(records)), columns, notices=notices, limits=limits))
        return found, notices.lines()

    return _read


@pytest.fixture
def complaint(read, tmp_path):
    def _complaint(*records, **options):
        with pytest.raises(DataError) as caught:
            read(*records, **options)
        return str(caught.value).replace(str(tmp_path) + "/", "")

    return _complaint


GOOD = {"sentence": "a b"}


def test_fields_become_annotations(read, tmp_path):
    records, lines = read({"sentence": " Anna  ran", "label": "x", "ner_tags": ["B-PER", "O"]})
    assert lines == []
    assert records[0].text == " Anna  ran"
    assert records[0].annotations == {"intent": "x", "ner": Spans((Span(1, 5, "PER"),))}
    assert str(records[0].source) == f"{tmp_path}/data.jsonl:1"


@pytest.mark.parametrize("fields", [{}, {"label": None, "ner_tags": None}])
def test_absent_and_null_are_no_annotation(read, fields):
    records, lines = read({**GOOD, **fields})
    assert records[0].annotations == {}
    assert lines == []


def test_an_empty_list_is_an_annotation_that_is_empty(read):
    records, lines = read({**GOOD, "ner_tags": []})
    assert records[0].annotations == {"ner": Spans((), known_to=None)}
    assert lines == []


def test_falsy_labels_are_labels(read):
    assert read({**GOOD, "label": 0})[0][0].annotations == {"intent": 0}


def test_sentence_goes_before_text_and_the_other_is_told_as_unread(read):
    records, lines = read({"text": "second", "sentence": "first"})
    assert records[0].text == "first"
    assert len(lines) == 1
    assert lines[0].startswith("1 record has the field 'text', which no task reads; first: ")
    assert read({"text": "alone"})[0][0].text == "alone"


def test_the_text_field_can_be_named(read, complaint):
    assert read({"utterance": "hi"}, limits=Limits(text_field="utterance"))[0][0].text == "hi"
    assert complaint(GOOD, limits=Limits(text_field="utterance")) == (
        "data.jsonl:1: no field 'utterance' for the text; fields known: sentence"
    )


def test_unread_fields_are_told_once_each(read, tmp_path):
    records, lines = read({**GOOD, "id": 1}, {**GOOD, "id": 2}, {**GOOD, "note": "x"})
    assert len(records) == 3
    assert lines == [
        f"2 records have the field 'id', which no task reads; first: {tmp_path}/data.jsonl:1: field 'id'",
        f"1 record has the field 'note', which no task reads; first: {tmp_path}/data.jsonl:3: field 'note'",
    ]


def test_an_unread_field_is_an_error_when_strict(complaint):
    assert complaint(GOOD, {**GOOD, "id": 1}, strict=True).startswith("data.jsonl:2: field 'id' (--strict: ")


def test_a_misspelt_text_field_is_guessed(complaint):
    assert complaint(GOOD, {"sentense": "x", "label": 1}) == (
        "data.jsonl:2: no field 'sentence' or 'text' for the text; "
        "fields known: sentense, label (did you mean 'sentense'?)"
    )


def test_a_record_without_a_field(complaint):
    assert complaint({}) == "data.jsonl:1: no field 'sentence' or 'text' for the text; fields known: none"


@pytest.mark.parametrize(
    ("text", "found"), [(7, "a number"), (None, "null"), (["a"], "a list"), ({}, "an object"), (True, "true or false")]
)
def test_a_text_must_be_a_string(complaint, text, found):
    assert complaint(GOOD, {"sentence": text}) == f"data.jsonl:2: the field 'sentence' must be a string, found {found}"


def test_a_text_may_be_too_long(read, complaint):
    limits = Limits(max_characters=1200)
    assert len(read({"text": "x" * 1200}, limits=limits)[0]) == 1
    assert complaint({"text": "x" * 1201}, limits=limits) == (
        "data.jsonl:1: the text has 1,201 characters, the limit is 1,200; split it, or raise data.max_characters"
    )


@pytest.mark.parametrize("text", ["", "  ", "\t\n\u3000"])
def test_a_text_must_hold_something(complaint, text):
    assert complaint({"text": text}) == "data.jsonl:1: the field 'text' holds no text"


PAIR = Limits(second_field="hypothesis")


def test_a_second_text_is_read_where_its_field_is_known(read):
    records, lines = read({**GOOD, "hypothesis": " c  d", "label": 1}, limits=PAIR)
    assert lines == []
    assert (records[0].text, records[0].second, records[0].texts) == ("a b", " c  d", ("a b", " c  d"))
    assert records[0].annotations == {"intent": 1}


def test_without_a_second_field_there_is_one_text(read):
    records, lines = read({**GOOD, "hypothesis": "c"})
    assert (records[0].second, records[0].texts) == (None, "a b")
    assert len(lines) == 1
    assert lines[0].startswith("1 record has the field 'hypothesis', which no task reads")


def test_both_text_fields_can_be_named(read):
    limits = Limits(text_field="premise", second_field="hypothesis")
    records, lines = read({"premise": "a", "hypothesis": "b"}, limits=limits)
    assert records[0].texts == ("a", "b")
    assert lines == []


@pytest.mark.parametrize("fields", [{}, {"hypothesis": None}])
def test_a_record_that_lacks_its_second_text_cannot_be_used(complaint, fields):
    assert complaint({**GOOD, "hypothesis": "c"}, {**GOOD, **fields}, limits=PAIR).startswith(
        "data.jsonl:2: no field 'hypothesis' for the second text; fields known: sentence"
    )


@pytest.mark.parametrize("fields", [{}, {"hypothesis": None}])
def test_a_second_text_that_may_be_lacking_is_read_where_it_is(read, fields):
    limits = Limits(second_field="hypothesis", second_optional=True)
    records, lines = read({**GOOD, "hypothesis": "c"}, {**GOOD, **fields}, limits=limits)
    assert [record.texts for record in records] == [("a b", "c"), "a b"]
    assert lines == []


def test_a_misspelt_second_field_is_guessed(complaint):
    assert complaint({**GOOD, "hypotheses": "c"}, limits=PAIR) == (
        "data.jsonl:1: no field 'hypothesis' for the second text; "
        "fields known: sentence, hypotheses (did you mean 'hypotheses'?)"
    )


@pytest.mark.parametrize(("second", "found"), [(7, "a number"), (["c"], "a list"), (True, "true or false")])
def test_a_second_text_must_be_a_string(complaint, second, found):
    assert complaint({**GOOD, "hypothesis": second}, limits=PAIR) == (
        f"data.jsonl:1: the field 'hypothesis' must be a string, found {found}"
    )


def test_a_second_text_may_be_too_long(read, complaint):
    limits = Limits(max_characters=1200, second_field="hypothesis")
    assert len(read({**GOOD, "hypothesis": "x" * 1200}, limits=limits)[0]) == 1
    assert complaint({**GOOD, "hypothesis": "x" * 1201}, limits=limits) == (
        "data.jsonl:1: the text has 1,201 characters, the limit is 1,200; split it, or raise data.max_characters"
    )


def test_half_a_surrogate_pair_in_the_second_text(complaint):
    assert complaint({**GOOD, "hypothesis": "x\ud83d"}, limits=PAIR) == (
        "data.jsonl:1: the field 'hypothesis' holds half a surrogate pair: no valid Unicode"
    )


def test_half_a_surrogate_pair_in_the_text(write, tmp_path, complaint):
    assert complaint(GOOD, {"sentence": "x\ud83d"}) == (
        "data.jsonl:2: the field 'sentence' holds half a surrogate pair: no valid Unicode"
    )


@pytest.mark.parametrize("fields", [{"label": "x\ud83d"}, {"ner_tags": ["B-x\ud83d", "O"]}])
def test_half_a_surrogate_pair_in_a_label_could_not_be_saved(complaint, fields):
    (field,) = fields
    assert complaint(GOOD, {**GOOD, **fields}) == (
        f"data.jsonl:2: the field {field!r} holds half a surrogate pair: no valid Unicode"
    )


def test_a_whole_surrogate_pair_is_one_character(write):
    path = write([])
    path.write_text(r'{"sentence": "\ud83d\ude00 a", "ner_tags": ["B-X"]}')
    (record,) = read_records(path, {"ner": Tagging.column("ner_tags", Tagging.Options())}, notices=Notices())
    assert record.text == "\U0001f600 a"
    assert record.annotations["ner"] == Spans((Span(0, 1, "X"),), known_to=1)


def test_an_annotation_error_gets_file_line_and_field(complaint):
    assert complaint(GOOD, {**GOOD, "label": 1.5}) == (
        "data.jsonl:2: field 'label': a label must be an integer or a string, found 1.5"
    )


def test_fewer_tags_than_words_leave_the_rest_unknown(read, tmp_path):
    records, lines = read(
        {"sentence": "a b", "ner_tags": ["O", "O"]},
        {"sentence": "Anna met Bob in Rome", "ner_tags": ["B-PER", "O", "B-PER"]},
        {"sentence": "a b c d", "ner_tags": ["O"]},
    )
    assert records[1].annotations["ner"] == Spans((Span(0, 4, "PER"), Span(9, 12, "PER")), known_to=12)
    assert records[2].annotations["ner"] == Spans((), known_to=1)
    assert lines == [
        "2 records have fewer tags than words in 'ner_tags' (words behind the last tag are unknown); "
        f"first: {tmp_path}/data.jsonl:2: 3 tags for 5 words"
    ]


def test_fewer_tags_are_an_error_when_strict(complaint):
    said = complaint({"sentence": "a b c", "ner_tags": ["O"]}, strict=True)
    assert said.startswith("data.jsonl:1: 1 tags for 3 words (--strict: ")


def test_more_tags_than_words_are_an_error(complaint):
    assert complaint(GOOD, {"sentence": "a b", "ner_tags": ["O"] * 4}) == (
        "data.jsonl:2: field 'ner_tags': 4 tags for 2 words"
    )


def test_more_tags_than_blank_words_explain_are_an_error(complaint):
    assert complaint({"sentence": "a  b", "ner_tags": ["O", "O", "O", "O"]}) == (
        "data.jsonl:1: field 'ner_tags': 4 tags for 2 words"
    )


def test_what_is_known_after_the_whole_file_is_told(read):
    _, lines = read({**GOOD, "ner_tags": ["B-PER", "O"]}, {**GOOD, "ner_tags": ["O", "I-PER"]})
    assert len(lines) == 1
    assert lines[0].startswith("1 tag continues an entity that nothing opened")


def test_records_stream(write):
    path = write([GOOD] * 10_000)
    path.write_text(path.read_text() + json.dumps({"nothing": 1}))
    records = read_records(path, {}, notices=Notices())
    assert next(records).text == "a b"
    with pytest.raises(DataError, match=r":10001: no field"):
        list(records)
