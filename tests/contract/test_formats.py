"""What every data format must do. A new format needs a sample; one that is written is read back by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polyhead.converting import annotated
from polyhead.converting.convert import WRITERS
from polyhead.errors import DataError
from polyhead.formats import FORMATS, Annotated, Loss, Way, fitted, read_raw
from polyhead.formats.losses import ignore
from polyhead.formats.place import opened
from polyhead.formats.text_lines import TextLines
from polyhead.notices import Notices
from tests.contract.annotated import bare, records, records_for

EVERY = {form.name: form for form in (*FORMATS, TextLines())}


@dataclass(frozen=True)
class Sample:
    """A file of three records whose texts are ``first``, ``sécond`` and ``third``.

    Attributes:
        name: What it is called; a folder's name where `content` has several files.
        content: What is in it, or in each file of the folder.
        lines: Where the records stand.
        streams: Whether records come while most of the file is unread.
        named: Whether the user must name the format, since the file does not tell it.
    """

    name: str
    content: str | Mapping[str, str]
    lines: tuple[int, ...]
    streams: bool = True
    named: bool = False


SAMPLES = {
    "rasa": Sample(
        "a.yml",
        'version: "3.1"\nnlu:\n- intent: one\n  examples: |\n    - first\n\n    - sécond\n- intent: two\n'
        "  examples:\n  - text: third\n",
        (5, 7, 10),
    ),
    "rasa-md": Sample("a.md", "## intent:one\n- first\n* sécond\n\n## intent:two\n+ third\n", (2, 3, 6)),
    "rasa-json": Sample(
        "a.json",
        '{"rasa_nlu_data": {"common_examples": [\n{"text": "first", "intent": "one"},\n'
        '{"text": "sécond"},\n{"text": "third", "entities": []}\n]}}\n',
        (2, 3, 4),
    ),
    "label-studio": Sample(
        "a.json",
        '[\n{"id": 1, "annotations": [], "data": {"text": "first"}},\n\n{"id": 2, "data": {"text": "sécond"}},\n'
        '{"id": 3, "data": {"text": "third"}}\n]\n',
        (2, 4, 5),
    ),
    "doccano": Sample(
        "a.jsonl",
        '{"id": 1, "text": "first", "label": [[0, 5, "X"]]}\n{"id": 2, "text": "sécond", "label": []}\n'
        '{"id": 3, "text": "third", "label": []}\n',
        (1, 2, 3),
    ),
    "prodigy": Sample(
        "a.jsonl",
        '{"text": "first", "spans": [], "answer": "accept"}\n{"text": "sécond", "answer": "ignore"}\n'
        '{"text": "third", "label": "A", "answer": "accept"}\n',
        (1, 2, 3),
    ),
    "spacy-jsonl": Sample(
        "a.jsonl",
        '{"text": "first", "cats": {"A": 1.0}}\n{"text": "sécond", "cats": {"A": 0}}\n\n{"text": "third"}\n',
        (1, 2, 4),
    ),
    "spacy-json": Sample(
        "a.json",
        '[\n{"id": 0, "paragraphs": [{"raw": "first", "sentences": [{"tokens": [{"orth": "first", "ner": "U-X"}]}]}]},'
        '\n{"paragraphs": [{"raw": "sécond"},\n{"raw": "third"}]}]\n',
        (2, 3, 3),
    ),
    "luis": Sample(
        "a.json",
        '{"luis_schema_version": "7.0.0", "utterances": [\n{"text": "first", "intent": "A", "entities": []},\n'
        '{"text": "sécond", "intent": "A"},\n\n{"text": "third", "intent": "B"}\n]}\n',
        (2, 3, 5),
    ),
    "dialogflow": Sample(
        "a.json",
        '{"userSays": [\n{"data": [{"text": "first"}]},\n{"data": [{"text": "sé"}, {"text": "cond", "alias": "A"}]},\n'
        '{"data": [{"text": "third"}]}\n], "name": "A"}\n',
        (2, 3, 4),
    ),
    "watson": Sample("a.csv", 'first,one\n"sécond",one\n\nthird,two\n', (1, 2, 4), named=True),
    "brat": Sample(
        "a",
        {"1.txt": "first", "1.ann": "T1\tX 0 5\tfirst\n", "2.txt": "sécond", "2.ann": "", "3.txt": "third"},
        (1, 1, 1),
    ),
    "json": Sample("a.json", '[\n{"text": "first"},\n\n{"text": "sécond"},\n{"text": "third"}\n]\n', (2, 4, 5)),
    "jsonl": Sample("a.jsonl", '{"text": "first"}\n\n{"text": "sécond"}\n{"text": "third"}\n', (1, 3, 4)),
    "csv": Sample("a.csv", 'id,text\n"1\n",first\n2,sécond\n3,"third"\n', (2, 4, 5)),
    "tsv": Sample("a.tsv", "text\tlabel\nfirst\t\nsécond\tx\nthird\tx\n", (2, 3, 4)),
    "conll": Sample(
        "a.conll", "-DOCSTART- -X- O O\n\n# label = x\nfirst NN _ O\n\nsécond NN _ B-X\n\nthird NN _ O\n", (3, 6, 8)
    ),
    "conllu": Sample(
        "a.conllu",
        "# sent_id = 1\n".join(f"1\t{word}\t_\tX\t_\t_\t0\t_\t_\t_\n\n" for word in ("first", "sécond", "third")),
        (1, 4, 7),
    ),
    "iob": Sample("a.iob", "first|O\n\nsécond|B-X\nthird|O\n", (1, 3, 4)),
    "jointbert": Sample(
        "a", {"seq.in": "first \nsécond\nthird\n", "seq.out": "O\nB-X\nO\n", "label": "x\ny\nz\n"}, (1, 2, 3)
    ),
    "txt": Sample("a.txt", "first\nsécond\nthird\n", (1, 2, 3)),
}
"""By format; one of bytes has none, and is tested by what it writes."""

TEXTS = ["first", "sécond", "third"]

every_sample = pytest.mark.parametrize("name", SAMPLES)
every_text = pytest.mark.parametrize("name", [name for name, own in SAMPLES.items() if isinstance(own.content, str)])
every_writer = pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)


def put(folder: Path, sample: Sample, change=lambda text: text.encode()) -> Path:
    """Write a sample and return where it is."""
    path = folder / sample.name
    if isinstance(sample.content, str):
        path.write_bytes(change(sample.content))
        return path
    path.mkdir()
    for name, content in sample.content.items():
        (path / name).write_bytes(change(content))
    return path


def read(path: Path, name: str):
    """Read a sample as a user would."""
    return read_raw(path, plain_text=True, way=Way(name if SAMPLES[name].named else None))


def test_names_are_unique_and_each_format_has_a_sample_or_a_writer():
    assert len(EVERY) == len(FORMATS) + 1
    assert EVERY.keys() - SAMPLES.keys() <= {writer.name for writer in WRITERS}
    assert SAMPLES.keys() <= EVERY.keys()
    assert len({writer.name for writer in WRITERS}) == len(WRITERS)


@every_sample
def test_a_file_is_given_to_its_own_format_first(name, tmp_path):
    with opened(put(tmp_path, SAMPLES[name])) as place:
        found = next(form.name for form in EVERY.values() if form.fits(place))
    assert (found != name) == SAMPLES[name].named


@every_sample
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_records_come_in_order_with_file_and_line(name, end, mark, tmp_path):
    path = put(tmp_path, SAMPLES[name], lambda text: (mark + text.replace("\n", end)).encode())
    found = list(read(path, name))
    assert [raw.fields["text"] for raw in found] == TEXTS
    assert tuple(raw.source.line for raw in found) == SAMPLES[name].lines
    assert all(raw.source.path.startswith(str(path)) for raw in found)


@every_sample
def test_a_last_line_needs_no_end(name, tmp_path):
    path = put(tmp_path, SAMPLES[name], lambda text: text.rstrip("\n").encode())
    assert [raw.fields["text"] for raw in read(path, name)] == TEXTS


@every_text
def test_a_compressed_file_reads_the_same(name, tmp_path):
    import gzip

    import zstandard

    sample = SAMPLES[name]
    for ending, pack in ((".gz", gzip.compress), (".zst", zstandard.compress)):
        path = tmp_path / (sample.name + ending)
        path.write_bytes(pack(sample.content.encode()))
        assert [raw.fields["text"] for raw in read(path, name)] == TEXTS
        path.write_bytes(pack(sample.content.encode())[:-6])
        with pytest.raises(DataError, match=rf"{path}.*damaged"):
            list(read(path, name))


@every_sample
def test_what_is_not_utf_8_is_refused_with_its_line(name, tmp_path):
    path = put(tmp_path, SAMPLES[name], lambda text: text.encode("latin-1"))
    with pytest.raises(DataError, match=rf"{path}.*:{SAMPLES[name].lines[1]}: not UTF-8: byte 0xe9; save the file as"):
        list(read(path, name))


@every_text
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_a_damaged_file_gives_records_or_a_complaint_with_its_place(name, data):
    """Cut, doubled, overwritten, and strewn with what files should not hold."""
    content = SAMPLES[name].content
    for _ in range(data.draw(st.integers(1, 3))):
        at, more = data.draw(st.integers(0, len(content))), data.draw(st.integers(0, 8))
        piece = data.draw(
            st.sampled_from(["", "\x00", "\ud800", "[" * 3000, "9" * 5000, "\r", "\ufeff", '"', "{", "\n", "\t"])
        )
        content = content[:at] + piece + content[at + more :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / SAMPLES[name].name
        path.write_bytes(content.encode("utf-8", "surrogatepass"))
        try:
            found = list(
                annotated(
                    read_raw(path, way=Way(name if name != "txt" else None), plain_text=True),
                    lost=ignore,
                    notices=Notices(),
                )
            )
        except DataError as error:
            assert str(error).startswith(str(path))  # noqa: PT017 (records will do as well)
        else:
            assert found


@every_writer
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    deadline=None,
)
@given(data=st.data())
def test_what_is_written_reads_back_equal_and_nothing_is_lost(writer, data):
    wanted = data.draw(st.lists(records_for(writer.holds), min_size=1, max_size=4))
    lost: list[Loss] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "written"
        writer.write(wanted, path, lost.append)
        form = writer.name if writer.name in EVERY else None
        found = list(annotated(read_raw(path, way=Way(form), lost=lost.append), lost=lost.append, notices=Notices()))
    if not writer.holds.order and (sorted_by := in_order_of_classes(wanted)) != wanted:
        wanted = sorted_by
        assert [loss.reason for loss in lost] == ["the order of the records (they stand by their class)"]
        lost.clear()
    assert [bare(record) for record in found] == [bare(record) for record in wanted]
    assert lost == []


def in_order_of_classes(wanted: list[Annotated]) -> list[Annotated]:
    """The records, those of one class together."""
    classes = list(dict.fromkeys(record.label for record in wanted))
    return sorted(wanted, key=lambda record: classes.index(record.label))


@every_writer
@given(record=records())
def test_what_fits_fits(writer, record):
    """What was made to fit loses nothing when it is made to fit again."""
    once = fitted(record, writer.holds, ignore)
    lost: list[Loss] = []
    assert once is None or fitted(once, writer.holds, lost.append) == once
    assert lost == []


@every_writer
@given(record=records())
def test_what_does_not_fit_is_told(writer, record):
    """A record that comes out other than it went in has at least one loss to show for it."""
    lost: list[Loss] = []
    once = fitted(record, writer.holds, lost.append)
    assert (once == record) == (not lost)


def test_a_text_of_many_records_is_not_held_at_once(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {at}"}) + "\n" for at in range(20_000)), encoding="utf-8")
    with opened(path) as place, place.text() as stream:
        raws = EVERY["jsonl"].read(stream, "many.jsonl")
        assert next(raws).fields["text"] == "text 0"
        assert place.stream.tell() <= 64 * 1024


def test_annotated_texts_are_what_records_say():
    record = Annotated("a b", label=3, labels=("x",), rest={"id": 1})
    assert record.fields() == {"text": "a b", "label": 3, "labels": ["x"], "id": 1}
