import zlib

import pytest

from polyhead.formats import Annotated
from polyhead.formats.docbin import DocBin
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read

spacy = pytest.importorskip("spacy")
srsly = pytest.importorskip("srsly")


def binned(docs, **options):
    return spacy.tokens.DocBin(docs=docs, **options).to_bytes()


@pytest.fixture
def english():
    return spacy.blank("en")


def test_entities_spans_and_cats_of_spacys_own_files_are_read(english, tmp_path):
    one, two, three, four = (english("Ann saw New York today.") for _ in range(4))
    one.ents = [one.char_span(0, 3, label="PERSON"), one.char_span(8, 16, label="a|b")]
    one.cats = {"x": 1.0, "y": 0.0}
    two.spans["sc"] = [two.char_span(8, 16, label="LOC"), two.char_span(8, 11, label="LOC")]
    two.spans["other"] = [two.char_span(0, 3, label="X")]
    three.set_ents([three.char_span(0, 3, label="PERSON")], default="missing")
    records, lost = read(put(tmp_path, "a.spacy", binned([one, two, three, four])))
    assert entities(records[0]) == [("Ann", "PERSON"), ("New York", "a|b")]
    assert (records[0].labels, records[1].labels) == (("x",), None)
    assert entities(records[1]) == [("New", "LOC"), ("New York", "LOC")]
    assert (entities(records[2]), entities(records[3])) == (None, None)
    assert [record.source.line for record in records] == [1, 2, 3, 4]
    assert {record.text for record in records} == {"Ann saw New York today."}
    assert lost == [
        ("dropped", "other", "spans of another name than 'sc'"),
        ("dropped", "Ann saw New York today.", "the entities of a document in which some tokens are not annotated"),
    ]


def test_what_else_spacy_knows_is_told(english, tmp_path):
    doc = english("Ann runs")
    doc[0].tag_ = "NNP"
    doc.user_data["a"] = 1
    _, lost = read(put(tmp_path, "a.spacy", binned([doc], store_user_data=True)))
    assert lost == [("dropped", "TAG, user_data", "what spaCy knows of a document besides its entities and classes")]


def test_a_text_whose_blanks_are_not_known_is_told(english, tmp_path):
    doc = spacy.tokens.Doc(english.vocab, words=["a", "b"])
    (record,), lost = read(put(tmp_path, "a.spacy", binned([doc])))
    assert record.text == "a b"
    assert [reason for _, _, reason in lost] == ["a text whose blanks the file does not know (one between words)"]


def test_spacy_reads_what_is_written(english, tmp_path):
    records = [
        Annotated("see NewYork", None, ("a",), Spans((Span(7, 11, "x y"),))),
        Annotated("a  b\n", None, ("b", "a"), Spans((Span(0, 4, "x"), Span(3, 4, "y")))),
        Annotated("nothing known"),
        Annotated("none", None, None, Spans(())),
    ]
    DocBin().write(records, tmp_path / "a.spacy", lambda loss: None)
    docs = list(spacy.tokens.DocBin().from_disk(tmp_path / "a.spacy").get_docs(english.vocab))
    assert [doc.text for doc in docs] == [record.text for record in records]
    assert [(own.text, own.label_) for own in docs[0].ents] == [("York", "x y")]
    assert [(own.text, own.label_) for own in docs[1].spans["sc"]] == [("a  b", "x"), ("b", "y")]
    assert [doc.cats for doc in docs] == [{"a": 1.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, {}, {}]
    assert [doc.has_annotation("ENT_IOB") for doc in docs] == [True, False, False, True]


def message(english):
    return srsly.msgpack_loads(zlib.decompress(binned([english("a b")])))


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"lengths": b"\x05\x00\x00\x00"}, "a.spacy:1: damaged: the tokens in it are not as many as it says"),
        ({"lengths": b"\x05"}, "a.spacy:1: damaged, or no DocBin of spaCy 3: buffer size"),
        ({"attrs": [1]}, "a.spacy:1: damaged"),
        ({"strings": []}, "a.spacy:1: damaged: a string is missing in it"),
        ({"span_groups": [b"\xc1"]}, "a.spacy:1: damaged: its spans cannot be read"),
        ({"flags": [True]}, "a.spacy:1: damaged: flags must be a table, found True"),
        ({"cats": [7]}, "a.spacy:1: damaged: cats must be a table, found 7"),
        ({"span_groups": [{1: 2}]}, "a.spacy:1: damaged: its spans cannot be read"),
    ],
)
def test_a_damaged_file_is_refused(change, wanted, english, tmp_path):
    packed = zlib.compress(srsly.msgpack_dumps(message(english) | change))
    assert wanted in complaint(put(tmp_path, "a.spacy", packed), "docbin")


def test_a_file_that_is_cut_or_of_something_else_is_refused(english, tmp_path):
    packed = binned([english("a b")])
    assert "a.spacy:1: damaged: it was cut short" in complaint(put(tmp_path, "a.spacy", packed[:-9]), "docbin")
    assert "damaged, or no DocBin" in complaint(put(tmp_path, "a.spacy", zlib.compress(b"hello")), "docbin")
    assert "damaged, or no DocBin" in complaint(put(tmp_path, "a.spacy", b"{}"), "docbin")


def test_a_file_that_grows_without_end_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr("polyhead.formats.docbin_messages._LIMIT", 1000)
    path = put(tmp_path, "a.spacy", zlib.compress(b"\x00" * 10_000))
    assert "takes more than 1,000 bytes when it is decompressed" in complaint(path)
