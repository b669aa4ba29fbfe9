import pytest

from polyhead.formats import Annotated, Loss, fitted
from polyhead.formats.brat import Brat
from polyhead.records import Span, Spans
from tests.unit.formats.reads import complaint, entities, put, read

TEXT = "Ann saw\nNew York"


def test_a_document_is_a_record_and_a_missing_file_is_not_an_empty_one(tmp_path):
    files = {
        "b.txt": TEXT,
        "b.ann": "T1\tPER 0 3\tAnn\nT2\tLOC 8 16\tNew York\n\n",
        "sub/a.txt": "none",
        "sub/a.ann": "",
        "a.txt": "not yet",
        "annotation.conf": "[entities]\n",
        ".hidden.txt": "x",
    }
    records, lost = read(put(tmp_path, "d", files))
    assert [(own.text, entities(own)) for own in records] == [
        ("not yet", None),
        (TEXT, [("Ann", "PER"), ("New York", "LOC")]),
        ("none", []),
    ]
    assert records[2].source.path == f"{tmp_path}/d/sub/a.txt"
    assert lost == []


def test_what_is_no_entity_is_told_with_its_line(tmp_path):
    ann = (
        "T1\tPER 0 3\tAnn\nA1\tMention T1 Name\nM1\tNegation T1\nR1\tRel Arg1:T1 Arg2:T1\n*\tEquiv T1 T1\n"
        "E1\tPER:T1 A:T1\nN1\tReference T1 W:1\tAnn\n#1\tAnnotatorNotes T1\ta note\n"
    )
    lost: list[Loss] = []
    from polyhead.formats import read_raw

    list(read_raw(put(tmp_path, "d", {"a.txt": TEXT, "a.ann": ann}), lost=lost.append))
    assert [(loss.source.line, loss.reason) for loss in lost] == [
        (2, "an attribute of an entity"),
        (3, "an attribute of an entity"),
        (4, "a relation between entities"),
        (5, "a group of entities that mean the same"),
        (6, "an event"),
        (7, "a link of an entity to a knowledge base"),
        (8, "a note of an annotator"),
    ]
    assert lost[0].source.path.endswith("d/a.ann")


def test_an_entity_of_several_parts_becomes_several(tmp_path):
    (record,), lost = read(put(tmp_path, "d", {"a.txt": TEXT, "a.ann": "T1\tX 0 3;12 16\tAnn York\n"}))
    assert entities(record) == [("Ann", "X"), ("York", "X")]
    assert lost == [("split", "[Ann York]X", "an entity of several parts (each became an entity of its own)")]


def test_an_entity_may_go_over_a_line_end_which_is_a_blank_in_its_line(tmp_path):
    (record,), _ = read(put(tmp_path, "d", {"a.txt": TEXT, "a.ann": "T1\tX 4 11\tsaw New\n"}))
    assert entities(record) == [("saw\nNew", "X")]


def test_line_ends_of_two_characters_count_as_two(tmp_path):
    files = {"a.txt": "Ann saw\r\nNew York", "a.ann": "T1\tX 9 17\tNew York\r\n"}
    (record,), _ = read(put(tmp_path, "d", files))
    assert (record.text, entities(record)) == ("Ann saw\r\nNew York", [("New York", "X")])


@pytest.mark.parametrize("start", [0, 1])
def test_a_mark_at_the_beginning_is_counted_or_not_as_the_text_tells(start, tmp_path):
    files = {"a.txt": "\ufeffAnn", "a.ann": f"T1\tX {start} {start + 3}\tAnn\n"}
    (record,), _ = read(put(tmp_path, "d", files))
    assert (record.text, entities(record)) == ("Ann", [("Ann", "X")])


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        (
            {"a.txt": TEXT, "a.ann": "T1\tX 1 4\tAnn\n"},
            "d/a.ann:1: T1 at 1 4 says [Ann], and the text has [nn ] there; the text was changed, or its line ends",
        ),
        ({"a.txt": TEXT, "a.ann": "\nT1\tX 0 99\tAnn\n"}, "d/a.ann:2: T1 at 0 99 says [Ann], and the text has 16 char"),
        ({"a.txt": TEXT, "a.ann": "T1\tX 3 0\tAnn\n"}, "d/a.ann:1: T1 at 3 0 says [Ann]"),
        ({"a.txt": TEXT, "a.ann": "T1\tX 0 3\n"}, "d/a.ann:1: T1 at 0 3 says [], and the text has [Ann] there"),
        ({"a.txt": TEXT, "a.ann": "T1 X 0 3 Ann\n"}, "d/a.ann:1: must be 'T1<tab>Type start end<tab>text'"),
        ({"a.txt": TEXT, "a.ann": "T1\ttwo words 0 3\tAnn\n"}, "d/a.ann:1: must be 'T1<tab>Type start end<tab>text'"),
        ({"a.txt": TEXT, "a.ann": "hello\n"}, "d/a.ann:1: begins with 'hello'; lines of brat begin with T, A, M, R"),
        ({"a.ann": "", "b.txt": ""}, "d/a.ann: there is no a.txt beside it"),
    ],
)
def test_what_does_not_agree_is_refused(files, wanted, tmp_path):
    assert wanted in complaint(put(tmp_path, "d", files))


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    outside = put(tmp_path, "secret", "secret")
    folder = put(tmp_path, "d", {"a.ann": ""})
    (folder / "a.txt").symlink_to(outside)
    assert "d/a.txt: leads out of the folder" in complaint(folder)


def test_a_link_to_a_folder_is_not_followed(tmp_path):
    folder = put(tmp_path, "d", {"a.txt": "x", "a.ann": ""})
    (folder / "again").symlink_to(folder)
    assert len(read(folder)[0]) == 1


def test_a_file_and_a_folder_of_something_else_are_refused(tmp_path):
    assert "name the folder with the .txt and .ann files" in complaint(put(tmp_path, "a.txt", "x"), "brat")
    assert "is a folder that is in no known format" in complaint(put(tmp_path, "d", {"a.txt": "x"}))


def test_a_folder_is_written_in_the_order_of_the_records(tmp_path):
    lost: list[Loss] = []
    records = [
        Annotated(TEXT, None, None, Spans((Span(0, 3, "a b"), Span(4, 11, "x")))),
        Annotated("b"),
        Annotated("c", None, None, Spans(())),
    ]
    Brat().write([fitted(record, Brat.holds, lost.append) for record in records], tmp_path / "d", lost.append)
    assert {path.name: path.read_text() for path in (tmp_path / "d").iterdir()} == {
        "00000001.txt": TEXT,
        "00000001.ann": "T1\ta_b 0 3\tAnn\nT2\tx 4 11\tsaw New\n",
        "00000002.txt": "b",
        "00000003.txt": "c",
        "00000003.ann": "",
    }
    assert [(loss.what, loss.reason) for loss in lost] == [
        ("a b became a_b", "the type of an entity with a blank in it (written with '_')")
    ]
