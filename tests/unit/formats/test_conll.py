import pytest

from polyhead.errors import SettingsError
from polyhead.formats import Annotated
from polyhead.formats.conll import Conll
from polyhead.records import Source, Span, Spans
from tests.unit.formats.reading_files import complaint_of, read_file


@pytest.fixture
def file(tmp_path):
    def _file(content, name="a.conll"):
        path = tmp_path / name
        path.write_bytes(content.encode())
        return path

    return _file


@pytest.fixture
def written(tmp_path):
    def _written(*records):
        lost = []
        Conll().write(records, tmp_path / "w.conll", lost.append)
        return (tmp_path / "w.conll").read_text(encoding="utf-8"), lost

    return _written


def test_the_first_column_is_the_word_and_the_last_its_tag(file):
    read = read_file(file("EU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n\nPeter NNP I-NP B-PER\n"))
    assert read.fields == [
        {"text": "EU rejects", "ner_tags": ["B-ORG", "O"]},
        {"text": "Peter", "ner_tags": ["B-PER"]},
    ]
    assert read.lines == [1, 5]
    assert [loss.what for loss in read.lost] == ["column 2", "column 3"]


def test_columns_are_named(file):
    read = read_file(file("EU NNP I-NP B-ORG\nrejects VBZ I-VP O\n"), columns="text,pos,_,ner_tags")
    assert read.fields == [{"text": "EU rejects", "pos": ["NNP", "VBZ"], "ner_tags": ["B-ORG", "O"]}]
    assert read.lost == []


def test_a_sentence_may_begin_with_its_label_id_and_text(file):
    read = read_file(file("# id: 7\n# intent: weather/find\n# text: Is it hot?\nIs\tO\nit\tO\nhot?\tB-x\n"))
    assert read.fields == [
        {"text": "Is it hot?", "id": "7", "label": "weather/find", "ner_tags": ["O", "O", "B-x"]},
    ]
    assert read.lines == [1]


@pytest.mark.parametrize(
    "line", ["# label = play music", "#label play music", "# intent: play music", "#label=play music"]
)
def test_a_label_is_said_in_several_ways(file, line):
    assert read_file(file(f"{line}\na\tO\n")).fields[0]["label"] == "play music"


def test_words_that_are_not_whitespace_words_are_placed_in_the_text_that_is_said(file):
    read = read_file(
        file("# text = Go  to York.\nGo VB O\nto TO O\nYork NN B-LOC\n. . O\n"), columns="text,pos,ner_tags"
    )
    assert read.fields == [
        {"text": "Go  to York.", "entities": [{"start": 7, "end": 11, "label": "LOC"}]},
    ]
    assert read.reasons == ["the column 'pos' of words that are not whitespace words"]


def test_a_text_that_is_not_of_the_words_is_told(file):
    read = read_file(file("# text = Go home\nGo O\naway O\n"))
    assert read.fields[0]["text"] == "Go away"
    assert read.reasons == ["a text said by a comment that is not of its words"]


def test_other_comments_are_told(file):
    read = read_file(file("# made by hand\n# label = x\na O\n\n# the end\n"))
    assert [(loss.source.line, loss.what) for loss in read.lost] == [(1, "# made by hand"), (5, "# the end")]


@pytest.mark.parametrize("between", [" ", "\t"])
def test_a_word_may_be_a_hash(file, between):
    content = "# label = x\n# NN O\n1 CD B-N\n\n#1 CD B-N\n# NN O\n\n# NN O\n".replace(" NN ", f"{between}NN{between}")
    content = content.replace(" CD ", f"{between}CD{between}").replace("NN O", f"NN{between}O")
    read = read_file(file(content.replace(f"CD{between}B", f"CD{between}B")))
    assert [fields["text"] for fields in read.fields] == ["# 1", "#1 #", "#"]
    assert read.fields[0]["label"] == "x"


def test_a_file_of_nothing_but_hashes_reads_back(written, file):
    content, lost = written(Annotated("#", "B-x", spans=Spans(())), Annotated("# #label", spans=Spans(())))
    assert lost == []
    assert [fields["text"] for fields in read_file(file(content)).fields] == ["#", "# #label"]


def test_documents_are_no_sentences(file):
    read = read_file(file("-DOCSTART- -X- O O\n\na b c O\n\n-DOCSTART- -X- O O\nd e f O\n"))
    assert [fields["text"] for fields in read.fields] == ["a", "d"]


def test_a_tag_may_be_unknown_up_to_the_end(file):
    read = read_file(file("a\tB-X\nb\t_\nc\t_\n\nd\t_\n"))
    assert read.fields == [{"text": "a b c", "ner_tags": ["B-X"]}, {"text": "d"}]
    assert read.records[0].spans == Spans((Span(0, 1, "X"),), known_to=1)


@pytest.mark.parametrize(
    "tags", [["I-A", "I-A", "B-A"], ["B-A", "I-A", "O"], ["B-A", "L-A", "U-B"], ["B-A", "E-A", "S-B"]]
)
def test_tags_of_any_scheme_pass_as_they_are(file, tags):
    content = "".join(f"w{at} {tag}\n" for at, tag in enumerate(tags))
    assert read_file(file(content)).fields[0]["ner_tags"] == tags


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("a O\nb\n", "a.conll:2: the row has 1 columns between blanks, must have 2: 'b'"),
        ("a\tO\nb c\tx\tO\n", "a.conll:2: the row has 3 columns between tabs, must have 2"),
        ("a\tO\nNew York\tB-LOC\n", "a.conll:2: the word holds a blank: 'New York'"),
        ("a\tO\n\tO\n", "a.conll:2: the word is empty"),
        ("a\n", "a.conll:1: the row has one column"),
        ("a O\n\nb PER\n", "a.conll:3: tag 1 fits no scheme: found 'PER'"),
        ("a\t_\nb\tO\n", "a.conll:1: word 1 has the tag '_', which is unknown"),
        ("# id = 1\n# id = 2\na O\n", "a.conll:2: the sentence has two comments with its 'id'"),
    ],
)
def test_what_is_broken_is_said_with_its_line(file, content, wanted):
    assert complaint_of(file(content)).startswith(wanted)


@pytest.mark.parametrize("columns", ["pos,ner_tags", "text,text", "text,token,ner_tags"])
def test_columns_must_name_the_words_once(file, columns):
    with pytest.raises(SettingsError, match="must name each column once, and that of the words 'text'"):
        read_file(file("a b O\n"), columns=columns)


def test_a_sentence_without_end_is_refused(file, monkeypatch):
    monkeypatch.setattr("polyhead.formats.conll.RECORD_LIMIT", 1000)
    assert "has more than 1,000 characters" in complaint_of(file("a O\n" * 10_000))


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        ("EU B-ORG\nrejects O\n", "a.data", "conll"),
        ("EU\tB-ORG\nrejects\tO\n", "a.tsv", "conll"),
        ("-DOCSTART- -X- O O\n\na b c O\n", "a.txt", "conll"),
        ("text\tlabel\na\tb\n", "a.tsv", "tsv"),
        ("EU|B-ORG rejects|O\n", "a.iob", "iob"),
        ("EU O\n", "a.iob", "conll"),
    ],
)
def test_it_is_known_by_its_name_or_content(file, content, name, form):
    from polyhead.formats import FORMATS
    from polyhead.formats.place import opened

    with opened(file(content, name)) as place:
        assert next(own.name for own in FORMATS if own.fits(place)) == form


def test_what_is_written(written):
    content, lost = written(
        Annotated("Anna sings", "music", spans=Spans((Span(0, 4, "PER"),))),
        Annotated("a b", spans=Spans((), known_to=1)),
        Annotated("c"),
    )
    assert content == "# label = music\nAnna\tB-PER\nsings\tO\n\na\tO\nb\t_\n\nc\t_\n\n"
    assert lost == []


def test_what_cannot_be_written_is_told(written):
    source = Source("x", 1)
    content, lost = written(
        Annotated("-DOCSTART- a", source=source), Annotated(" ", source=source), Annotated("a", "x\ty ", source=source)
    )
    assert content == "# label = x y\na\t_\n\n"
    assert [(loss.how, loss.reason) for loss in lost] == [
        ("dropped", "a text that begins with -DOCSTART-"),
        ("dropped", "a text without a word"),
        ("changed", "a class with blanks at its ends or of several lines or columns"),
    ]
