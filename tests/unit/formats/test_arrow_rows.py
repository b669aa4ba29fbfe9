import dataclasses
import datetime
import decimal
import gzip
import io
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyhead.errors import DataError, MissingExtraError
from polyhead.formats import Annotated, read_raw
from polyhead.formats.arrow import Arrow
from polyhead.formats.parquet import Parquet
from tests.unit.formats.reading_files import complaint_of, read_file

FORMS = ("parquet", "arrow", "stream")
every_form = pytest.mark.parametrize("form", FORMS)


def stored(path, table, form):
    if form == "parquet":
        pq.write_table(table, path, row_group_size=2)
        return path
    new = pa.ipc.new_file if form == "arrow" else pa.ipc.new_stream
    with path.open("wb") as file, new(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


@every_form
def test_rows_are_records_and_nulls_are_unknown(tmp_path, form):
    table = pa.table(
        {
            "text": ["a b", "c", "d"],
            "label": pa.array([3, None, 0]),
            "labels": [["x"], [], None],
            "entities": pa.array(
                [[{"start": 0, "end": 1, "label": "X", "note": None}], None, []],
                pa.list_(
                    pa.struct({"start": pa.int32(), "end": pa.int32(), "label": pa.string(), "note": pa.string()})
                ),
            ),
            "kind": pa.array(["u", None, "u"]).dictionary_encode(),
            "score": [0.5, float("nan"), None],
        }
    )
    read = read_file(stored(tmp_path / "a.bin", table, form))
    assert read.fields == [
        {
            "text": "a b",
            "label": 3,
            "labels": ["x"],
            "entities": [{"start": 0, "end": 1, "label": "X"}],
            "kind": "u",
            "score": 0.5,
        },
        {"text": "c", "labels": []},
        {"text": "d", "label": 0, "entities": [], "kind": "u"},
    ]
    assert read.lines == [1, 2, 3]
    assert read.lost == []


@every_form
def test_a_compressed_file_and_standard_input_read_the_same(tmp_path, form, monkeypatch):
    content = stored(tmp_path / "a.bin", pa.table({"text": ["a", "b"]}), form).read_bytes()
    (tmp_path / "a.bin.gz").write_bytes(gzip.compress(content))
    assert read_file(tmp_path / "a.bin.gz").fields == [{"text": "a"}, {"text": "b"}]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))
    assert [raw.fields for raw in read_raw("-")] == [{"text": "a"}, {"text": "b"}]


def test_words_make_a_text_where_there_is_none(tmp_path):
    table = pa.table({"id": ["1"], "tokens": [["Anna", "sings"]], "ner_tags": [["B-PER", "O"]]})
    assert read_file(stored(tmp_path / "a", table, "parquet")).fields == [
        {"text": "Anna sings", "id": "1", "ner_tags": ["B-PER", "O"]}
    ]


def test_a_word_with_a_blank_is_refused(tmp_path):
    table = pa.table({"tokens": [["a"], ["New York"]]})
    assert complaint_of(stored(tmp_path / "a", table, "arrow")).startswith("a:2: the word holds a blank: 'New York'")


def test_what_json_has_not_is_told(tmp_path):
    table = pa.table(
        {
            "text": ["a"],
            "day": [datetime.date(2024, 5, 1)],
            "price": [decimal.Decimal("1.50")],
            "picture": [b"\xff"],
            "days": [[datetime.date(2024, 5, 1)]],
        }
    )
    read = read_file(stored(tmp_path / "a", table, "parquet"))
    assert read.fields == [{"text": "a", "day": "2024-05-01", "price": "1.50"}]
    assert [(loss.how, loss.what) for loss in read.lost] == [
        ("changed", "day"),
        ("changed", "price"),
        ("dropped", "picture"),
        ("dropped", "days"),
    ]


def test_an_infinite_number_is_refused(tmp_path):
    table = pa.table({"text": ["a", "b"], "score": [1.0, float("inf")]})
    assert complaint_of(stored(tmp_path / "a", table, "parquet")) == "a:2: field 'score': inf is not a JSON value"


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    assert complaint_of(stored(tmp_path / "a", table, "arrow")) == "a: two columns are called 'text'"


TABLE = pa.table(
    {
        "text": ["a", "bc", "d"] * 40,
        "labels": [["x"], [], None] * 40,
        "kind": pa.array(["u", "v", "u"] * 40).dictionary_encode(),
    }
)


@every_form
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_gives_records_or_a_complaint_that_names_it(tmp_path, form, data):
    path = tmp_path / "a.bin"
    content = bytearray(stored(path, TABLE, form).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(8, len(content)))
        piece = data.draw(st.binary(max_size=8))
        content[at : at + data.draw(st.sampled_from([len(piece), len(piece), 0, 4]))] = piece
    path.write_bytes(content)
    try:
        found = list(read_raw(path))
    except DataError as error:
        said = str(error)
    else:
        said = str(path)
        assert found
    assert said.startswith(str(path))


@every_form
def test_a_file_that_ends_early_is_refused(tmp_path, form):
    path = stored(tmp_path / "a.bin", TABLE, form)
    path.write_bytes(path.read_bytes()[:-100])
    assert complaint_of(path).startswith("a.bin: cannot be read as ")


@pytest.mark.parametrize("form", [Parquet(), Arrow()], ids=lambda form: form.name)
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_what_is_written_is_a_table_of_groups(tmp_path, form, ending):
    path = tmp_path / f"a.{form.name}{ending}"
    form.write((Annotated(f"text {at}", "x") for at in range(20_000)), path, lambda loss: None)
    assert sum(1 for _ in read_raw(path)) == 20_000
    if ending:
        return
    if form.name == "parquet":
        assert pq.ParquetFile(path).metadata.num_row_groups == 3
    else:
        assert pa.ipc.open_file(path).num_record_batches == 3


@pytest.mark.parametrize("form", [Parquet(), Arrow()], ids=lambda form: form.name)
def test_the_first_records_come_before_the_rest_is_read(tmp_path, form):
    path = tmp_path / "a"
    form.write((Annotated(f"text {at} " + "x" * 100) for at in range(100_000)), path, lambda loss: None)
    before = pa.total_allocated_bytes()
    records = read_raw(path)
    assert next(records).fields["text"].startswith("text 0")
    assert pa.total_allocated_bytes() - before < 4 * 2**20 < 100_000 * 108 / 2
    records.close()


@pytest.mark.parametrize("form", [Parquet(), Arrow()], ids=lambda form: form.name)
def test_without_pyarrow_the_extra_is_named(tmp_path, form, monkeypatch):
    path = tmp_path / "a"
    form.write([Annotated("a")], path, lambda loss: None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"polyhead\[formats\]"):
        list(read_raw(path))
    with pytest.raises(MissingExtraError, match=r"polyhead\[formats\]"):
        form.write([Annotated("a")], tmp_path / "b", lambda loss: None)


def test_written_columns_have_the_type_of_their_values(tmp_path):
    path = tmp_path / "a.parquet"
    rest = {
        "id": 1,
        "score": 0.5,
        "seen": True,
        "names": ["x"],
        "sizes": [1],
        "mixed": 1,
        "meta": {"a": [None]},
        "big": 2**70,
    }
    records = [Annotated("a", 3, rest=rest), Annotated("b", 4, ("x",), rest={"names": [], "mixed": "1"})]
    Parquet().write(records, path, lambda loss: None)
    schema = pq.read_schema(path)
    assert {field.name: str(field.type) for field in schema} == {
        "text": "string",
        "label": "int64",
        "labels": "list<element: string>",
        "id": "int64",
        "score": "double",
        "seen": "bool",
        "names": "list<element: string>",
        "sizes": "list<element: int64>",
        "mixed": "string",
        "meta": "string",
        "big": "string",
    }
    assert pq.read_table(path)["mixed"].to_pylist() == ["1", '"1"']
    assert [dataclasses.replace(record, source=None) for record in read_file(path).records] == records


def test_a_stream_that_asks_for_all_memory_is_refused(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"\xff\xff\xff\xff" + (2**31 - 8).to_bytes(4, "little") + b"\x00" * 100)
    assert complaint_of(path).startswith("a: cannot be read as Arrow: ")
