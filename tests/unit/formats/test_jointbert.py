import pytest

from polyhead.formats import Annotated, fitted
from polyhead.formats.jointbert import JointBert
from polyhead.records import Span, Spans
from tests.unit.formats.reading_files import complaint_of, read_file


@pytest.fixture
def folder(tmp_path):
    def _folder(words="a b\nc\n", tags="O B-X\nO\n", label="x\ny y\n"):
        path = tmp_path / "set"
        path.mkdir(exist_ok=True)
        for name, content in (("seq.in", words), ("seq.out", tags), ("label", label)):
            (path / name).write_text(content, encoding="utf-8")
        return path

    return _folder


def test_three_files_make_records(folder):
    read = read_file(folder(words="  a  b \nc\n"))
    assert read.fields == [
        {"text": "a b", "label": "x", "ner_tags": ["O", "B-X"]},
        {"text": "c", "label": "y y", "ner_tags": ["O"]},
    ]
    assert str(read.raws[1].source) == f"{folder()}/seq.in:2"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"tags": "O\nO\n"}, "set/seq.out:1: 1 tags, the line of seq.in has 2 words"),
        ({"tags": "O B-X\n"}, "set/seq.out:2: the file has 1 lines, the other files have more"),
        ({"words": "a b\n"}, "set/seq.in:2: "),
        ({"label": "x\ny\nz\n"}, "set/seq.in:3: "),
        ({"label": "x\n \n"}, "set/label:2: the line is blank, must hold the class of the text"),
        ({"tags": "O X\nO\n"}, "set/seq.in:1: tag 2 fits no scheme: found 'X'"),
    ],
)
def test_what_is_broken_is_said_with_its_file_and_line(folder, change, wanted):
    assert complaint_of(folder(**change)).startswith(wanted)


def test_a_file_that_leads_elsewhere_is_refused(folder, tmp_path):
    path = folder()
    (path / "label").unlink()
    (tmp_path / "secret").write_text("x\ny\n")
    (path / "label").symlink_to(tmp_path / "secret")
    assert "leads out of the folder" in complaint_of(path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "seq.in").write_text("a\n")
    assert complaint_of(tmp_path / "seq.in", form="jointbert").startswith("seq.in: is a file; name the folder")


def test_what_is_written(tmp_path):
    lost = []
    record = fitted(Annotated("Anna  sings", 3, spans=Spans((Span(0, 4, "a b"),))), JointBert.holds, lost.append)
    JointBert().write([record], tmp_path / "set", lost.append)
    assert [(tmp_path / "set" / name).read_text() for name in ("seq.in", "seq.out", "label")] == [
        "Anna sings\n",
        "B-a_b O\n",
        "3\n",
    ]
    assert len(lost) == 3
