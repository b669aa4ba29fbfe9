import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.formats import Annotated, fitted
from polyhead.formats.separated import CommaSeparated
from tests.unit.formats.reading_files import complaint_of, read_file


@pytest.fixture
def file(tmp_path):
    def _file(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return _file


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_what_separates_cells_is_found_by_the_first_line(file, delimiter):
    path = file("id,text,label\n1,a b,x\n2,c,\n".replace(",", delimiter))
    assert read_file(path).fields == [{"id": "1", "text": "a b", "label": "x"}, {"id": "2", "text": "c"}]


def test_the_separator_is_the_one_that_makes_a_column_for_the_text(file):
    assert read_file(file("text;a,b,c,d\nx;y\n")).fields == [{"text": "x", "a,b,c,d": "y"}]


def test_tabs_only_separate_in_a_tsv(file):
    assert read_file(file("text\tlabel\na, b; c\t1\n", "a.tsv")).fields == [{"text": "a, b; c", "label": "1"}]


def test_a_table_of_another_name_is_known_by_a_column_for_the_text(file):
    assert read_file(file("sentence|label\na|b\n", "a.data")).fields == [{"sentence": "a", "label": "b"}]


def test_cells_hold_separators_quotes_and_line_ends(file):
    path = file('text,label\r\n"a, ""b""\r\n\nc",x\r\n\r\n d ,"y"\r\n')
    read = read_file(path)
    assert read.fields == [{"text": 'a, "b"\r\n\nc', "label": "x"}, {"text": " d ", "label": "y"}]
    assert read.lines == [2, 6]


def test_lists_are_json_and_tags_may_be_words(file):
    path = file(
        "text;labels;ner_tags;entities\n"
        'a b;"[""x"", 1]";O B-X;\n'
        'a b;[];"[""B-X""]";\n'
        'a b;;;"[{""start"": 0, ""end"": 1, ""label"": ""X""}]"\n'
    )
    assert read_file(path).fields == [
        {"text": "a b", "labels": ["x", 1], "ner_tags": ["O", "B-X"]},
        {"text": "a b", "labels": [], "ner_tags": ["B-X"]},
        {"text": "a b", "entities": [{"start": 0, "end": 1, "label": "X"}]},
    ]


def test_columns_are_named_where_no_row_does(file):
    assert read_file(file("x;7;a b\ny;8;c\n"), columns="label,_,text").fields == [
        {"label": "x", "text": "a b"},
        {"label": "y", "text": "c"},
    ]


def test_a_column_without_a_name_is_told_once(file):
    read = read_file(file(",text\n0,a\n1,b\n"))
    assert read.fields == [{"text": "a"}, {"text": "b"}]
    assert [(loss.source.line, loss.what, loss.reason) for loss in read.lost] == [
        (1, "column 1", "a column without a name")
    ]


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("text,label\na,b\nc\n", "a.csv:3: the row has 1 cells, the first row has 2; "),
        ("text,label\na,b,c\n", "a.csv:2: the row has 3 cells, the first row has 2; "),
        ("text,label\na,b\n\nc,d,e\n", "a.csv:4: the row has 3 cells"),
        ('text,label\na,b\n"c,d\n\n', "a.csv:3: not valid CSV: unexpected end of data; a cell that begins with"),
        ('text,label\na,b\n"c"d,e\n', "a.csv:3: not valid CSV: ',' expected after '\"'; a cell that begins with"),
        ("text,text\na,b\n", "a.csv:1: two columns are called 'text'; the first row names the fields"),
        ('text,labels\na,"[1,"\n', "a.csv:2: column 'labels': not valid JSON: Expecting value"),
        ("text,entities\na,\"['x']\"\n", "a.csv:2: column 'entities': not valid JSON: Expecting value"),
        ("text,labels\na,x\n", "a.csv:2: field 'labels': must be a list of classes, found a string"),
        ("text,label\n", "a.csv: no record in it"),
        ("question,label\na,b\n", "a.csv:2: no field 'sentence' or 'text' for the text; fields known: question, label"),
    ],
)
def test_what_is_broken_is_said_with_its_line(file, content, wanted):
    assert complaint_of(file(content)).startswith(wanted)


def test_the_columns_named_must_be_those_there_are(file):
    assert complaint_of(file("a;b;c\n"), columns="text,label").startswith(
        "a.csv:1: the row has 3 cells, --columns names 2"
    )


def test_a_quote_that_nothing_closes_does_not_take_the_whole_file(file, monkeypatch):
    monkeypatch.setattr("polyhead.formats.separated.RECORD_LIMIT", 1000)
    path = file('text,label\n"a,b\n' + "c,d\n" * 10_000)
    assert complaint_of(path).startswith("a.csv:2: the row has more than 1,000 characters")


def test_a_text_may_be_longer_than_the_parser_of_the_library_takes(file):
    assert read_file(file(f"text,label\n{'word ' * 50_000},x\n")).fields[0]["text"] == "word " * 50_000


cells = st.text(st.sampled_from('ab ,;|\t"\r\n\x00é\ufeff'), min_size=1, max_size=8)


@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=3))
def test_any_cell_is_read_as_it_was_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    CommaSeparated().write([Annotated(text, label) for text, label in rows], path, lambda loss: None)
    assert [(raw["text"], raw["label"]) for raw in read_raws(path)] == rows
    with path.open(encoding="utf-8", newline="") as stream:
        assert [(row["text"], row["label"]) for row in csv.DictReader(stream)] == rows


def read_raws(path):
    from polyhead.formats import read_raw

    return [raw.fields for raw in read_raw(path)]


def test_it_streams():
    stream = io.StringIO("text,label\n" + "a,b\n" * 100_000)
    rows = CommaSeparated().read(stream, "a.csv")
    assert next(rows).fields == {"text": "a", "label": "b"}
    assert stream.tell() < 100


def test_written_are_the_columns_that_records_have(tmp_path):
    lost = []
    records = [Annotated("a", rest={"id": "1"}), Annotated("b", 3, rest={"meta": {"x": [1]}, "note": "", " ": "z"})]
    fitting = [fitted(record, CommaSeparated.holds, lost.append) for record in records]
    CommaSeparated().write(fitting, tmp_path / "a.csv", lost.append)
    assert (tmp_path / "a.csv").read_text(encoding="utf-8") == ('text,label,id,meta\na,,1,\nb,3,,"{""x"": [1]}"\n')
    assert [(loss.how, loss.what) for loss in lost] == [
        ("changed", "3"),
        ("changed", "meta={'x': [1]}"),
        ("dropped", "note=''"),
        ("dropped", "' '"),
    ]
