import json

import pytest

from polyhead.formats import Annotated
from polyhead.formats.prodigy import Prodigy
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read

TOKENS = "the tokens of a text (entities are characters)"


def reading(folder, form, *lines):
    return read(put(folder, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines)), form)


@pytest.mark.parametrize(
    ("line", "known", "reasons"),
    [
        ({"spans": [{"start": 0, "end": 1, "label": "x", "token_start": 0}]}, {"entities": ["x"]}, []),
        ({"spans": [], "answer": "accept"}, {"entities": []}, []),
        ({"tokens": [], "answer": "accept"}, {"entities": []}, [TOKENS]),
        ({"answer": "accept"}, {}, []),
        ({"label": "A", "answer": "accept"}, {"label": "A"}, []),
        ({"label": "A", "answer": "reject"}, {}, ["an answer 'reject', after which nothing is known of the text"]),
        (
            {"spans": [{"start": 0, "end": 1, "label": "x"}], "answer": "ignore"},
            {},
            ["an answer 'ignore', after which nothing is known of the text"],
        ),
        ({"accept": ["A", 2], "options": [], "answer": "accept"}, {"labels": ["A", 2]}, []),
        ({"accept": [], "answer": "accept"}, {"labels": []}, []),
        ({"accept": ["A"], "config": {"choice_style": "single"}, "answer": "accept"}, {"label": "A"}, []),
        ({"accept": ["A"], "config": {"choice_style": "multiple"}, "answer": "accept"}, {"labels": ["A"]}, []),
        (
            {"spans": [{"start": 0, "end": 1, "label": "x"}], "_is_binary": True, "answer": "accept"},
            {},
            ["an entity of a yes-or-no answer, after which the rest of the text is not known"],
        ),
        (
            {"spans": [{"start": 0, "end": 1, "label": "x", "source": "model"}], "relations": [{"head": 1}]},
            {"entities": ["x"]},
            ["a relation between entities", "where an entity came from, and other remarks on it"],
        ),
    ],
)
def test_only_what_was_accepted_is_known(line, known, reasons, tmp_path):
    (record,), lost = reading(tmp_path, "prodigy", {"text": "a b", "meta": 1, **line})
    found = {name: value for name, value in record.fields().items() if name not in ("text", "_is_binary")}
    if "entities" in found:
        found["entities"] = [own["label"] for own in found["entities"]]
    assert found == {**known, "meta": 1}
    assert [reason for _, _, reason in lost] == reasons


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ({"image": "x", "answer": "accept"}, "a.jsonl:1: a task about an image and no text"),
        ({"text": "a", "answer": "yes"}, "a.jsonl:1: the answer must be one of accept, reject, ignore, found 'yes'"),
        ({"text": 1}, "a.jsonl:1: the text must be a string, found a number"),
        ({"text": "a", "accept": "x"}, "a.jsonl:1: what was accepted must be a list, found a string"),
        ({"text": "a", "spans": [1]}, "a.jsonl:1: each of the spans must be an object, found a number"),
        ({"text": "a", "spans": [{}]}, "a.jsonl:1: entity 1: start and end must be whole numbers"),
    ],
)
def test_an_answer_that_cannot_be_read_is_refused(line, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "a.jsonl", json.dumps(line)), "prodigy")


def test_what_is_written_are_accepted_answers(tmp_path):
    record = Annotated("a b", "x", ("y", 2), Spans((Span(0, 1, "z"),)), {"meta": {"n": 1}})
    Prodigy().write([record], tmp_path / "a.jsonl", lambda loss: None)
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {
        "text": "a b",
        "meta": {"n": 1},
        "spans": [{"start": 0, "end": 1, "label": "z"}],
        "label": "x",
        "options": [{"id": "y", "text": "y"}, {"id": 2, "text": "2"}],
        "accept": ["y", 2],
        "answer": "accept",
    }


def test_cats_that_are_one_are_classes(tmp_path):
    (one, two), lost = reading(
        tmp_path,
        "spacy-jsonl",
        {"text": "a b", "cats": {"x": 1.0, "y": 0, "z": True}, "entities": [[0, 1, "e"]]},
        {"text": "a b", "cats": {"x": 0.4}, "spans": [{"start": 2, "end": 3, "label": "e"}]},
    )
    assert (one.labels, entities(one)) == (("x", "z"), [("a", "e")])
    assert (two.labels, entities(two)) == ((), [("b", "e")])
    assert lost == [("dropped", "x: 0.4", "a class that a text has in part (neither 0 nor 1)")]


def paragraph(*tags, raw="New York is big", **more):
    words = ["New", "York", "is", "big"]
    tokens = [{"id": at, "orth": word, "ner": tag} for at, (word, tag) in enumerate(zip(words, tags, strict=False))]
    return {"raw": raw, "sentences": [{"tokens": tokens[:2]}, {"tokens": tokens[2:]}], **more}


def spacy2(folder, *paragraphs, **more):
    return put(folder, "a.json", json.dumps([{"id": 0, "paragraphs": list(paragraphs), **more}]))


def test_a_paragraph_of_spacy_2_is_a_record(tmp_path):
    cats = [{"label": "x", "value": 1.0}, {"label": "y", "value": 0.0}]
    path = spacy2(
        tmp_path,
        paragraph("B-a-b", "L-a-b", "O", "U-c"),
        paragraph("O", "O", "O", "O", raw=None),
        paragraph("-", "-", "-", "-"),
        paragraph("U-x", "-", "O", "O", cats=[]),
        cats=cats,
    )
    (one, two, three, four), lost = read(path)
    assert entities(one) == [("New York", "a-b"), ("big", "c")]
    assert (two.text, entities(two)) == ("New York is big", [])
    assert (entities(three), three.labels) == (None, ("x",))
    assert (entities(four), four.labels) == (None, ())
    assert lost == [("dropped", "U-x", "the entities of a paragraph in which some words have no tag")]


@pytest.mark.parametrize(
    ("tags", "wanted"),
    [
        (["I-x", "L-x", "O", "O"], "the tag 'I-x' cannot stand here"),
        (["B-x", "O", "O", "O"], "the tag 'O' cannot stand here"),
        (["B-x", "L-y", "O", "O"], "the tag 'L-y' continues an entity of the type 'x'"),
        (["O", "O", "O", "B-x"], "the last entity of a paragraph has no tag L"),
        (["O", "O", "O", "X-x"], "the tag 'X-x' cannot stand here"),
        ([1, "O", "O", "O"], "the tag of a token must be a string, found a number"),
    ],
)
def test_tags_of_spacy_2_that_break_the_scheme_are_refused(tags, wanted, tmp_path):
    assert wanted in complaint(spacy2(tmp_path, paragraph(*tags)))


def test_a_token_of_spacy_2_must_stand_in_the_text(tmp_path):
    path = spacy2(tmp_path, paragraph("O", "O", "O", "O", raw="New is York big"))
    assert "a.json:1: the token 'is' does not stand in the raw text after the token before it" in complaint(path)
