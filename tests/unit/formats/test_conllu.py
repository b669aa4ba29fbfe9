import pytest

from tests.unit.formats.reading_files import complaint_of, read_file


def row(number, form, upos="X", misc="_"):
    return f"{number}\t{form}\t{form.lower()}\t{upos}\t_\t_\t_\t_\t_\t{misc}\n"


@pytest.fixture
def file(tmp_path):
    def _file(*parts, name="a.conllu"):
        path = tmp_path / name
        path.write_text("".join(parts) + "\n", encoding="utf-8")
        return path

    return _file


def surfaces(fields, name):
    return [(fields["text"][own["start"] : own["end"]], own["label"]) for own in fields[name]]


def test_words_are_placed_in_the_text_and_sentences_say_more(file):
    read = read_file(
        file("# sent_id = 7\n# text = Go home!\n", row(1, "Go", "VERB"), row(2, "home"), row(3, "!", "PUNCT"))
    )
    (fields,) = read.fields
    assert (fields["text"], fields["sent_id"]) == ("Go home!", "7")
    assert surfaces(fields, "upos") == [("Go", "VERB"), ("home", "X"), ("!", "PUNCT")]
    assert surfaces(fields, "lemma") == [("Go", "go"), ("home", "home"), ("!", "!")]
    assert fields["xpos"] == []
    assert "entities" not in fields
    assert read.lines == [3]
    assert read.lost == []


def test_without_a_text_blanks_stand_where_words_say(file):
    (fields,) = read_file(file(row(1, "Go"), row(2, "home", misc="SpaceAfter=No"), row(3, "!"))).fields
    assert fields["text"] == "Go home!"


def test_words_of_a_token_are_its_parts_where_it_is_made_of_them(file):
    rows = (row("1-2", "don't", "_"), row(1, "do", "AUX"), row(2, "n't", "PART"), row(3, "go", "VERB"))
    (fields,) = read_file(file(*rows)).fields
    assert fields["text"] == "don't go"
    assert surfaces(fields, "upos") == [("do", "AUX"), ("n't", "PART"), ("go", "VERB")]


def test_words_of_a_token_that_is_not_made_of_them_are_told(file):
    rows = (row("1-2", "zum", "_"), row(1, "zu", "ADP"), row(2, "dem", "DET"), row(3, "Haus", "NOUN"))
    read = read_file(file(*rows))
    assert read.fields[0]["text"] == "zum Haus"
    assert surfaces(read.fields[0], "upos") == [("Haus", "NOUN")]
    assert read.reasons == ["what is known of the words of a token that is not made of them"]


def test_empty_nodes_are_not_in_the_text(file):
    read = read_file(file(row(1, "a"), row("1.1", "gone"), row(2, "b")))
    assert read.fields[0]["text"] == "a b"
    assert read.reasons == ["an empty node, which is not in the text"]


@pytest.mark.parametrize("key", ["NER", "ner"])
def test_entities_stand_in_misc(file, key):
    rows = (row(1, "New", misc=f"{key}=B-LOC"), row(2, "York", misc=f"SpaceAfter=No|{key}=I-LOC"), row(3, "."))
    read = read_file(file(*rows))
    assert surfaces(read.fields[0], "entities") == [("New York", "LOC")]
    assert read.lost == []


def test_entities_may_have_a_column(file):
    content = "# global.columns = ID FORM NER\n1\tAnna\tS-PER\n2\tsings\tO\n\n1\ta\t_\n"
    first, second = read_file(file(content, name="a.data")).fields
    assert surfaces(first, "entities") == [("Anna", "PER")]
    assert second == {"text": "a"}


def test_what_is_not_taken_is_told_once_a_sentence(file):
    tree = "1\ta\ta\tX\t_\tCase=Nom\t2\tdet\t2:det\tGloss=x\n2\tb\tb\tX\t_\tCase=Nom\t0\troot\t0:root\tGloss=y\n\n"
    read = read_file(file("# newpar\n", tree, tree))
    assert sorted(read.reasons) == sorted(
        [
            "a comment that is not of a name and a value",
            *["the dependencies of a sentence"] * 2,
            *["the morphological features of a sentence's words"] * 2,
            *["what MISC holds of 'Gloss'"] * 2,
        ]
    )


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ("1\ta\n", "a.conllu:1: the row has 2 columns between tabs, must have 10"),
        (row("x", "a"), "a.conllu:1: ID must be such as 1, 1-2 or 1.1, found 'x'"),
        (row("9" * 5000, "a"), "a.conllu:1: ID must be such as"),
        (row(1, "a") + row(3, "b"), "a.conllu:2: the word has ID 3, must have 2"),
        (row("1-2", "ab") + row(1, "a"), "a.conllu:2: the sentence ends before all words of its last token"),
        (row("2-3", "ab") + row(1, "a"), "a.conllu:1: the token 2-3 does not stand before its words"),
        (row(1, " "), "a.conllu:1: the word is empty"),
        (row(1, "a", misc="NER=PER"), "a.conllu:1: tag 1 fits no scheme: found 'PER'"),
        ("# global.columns = FORM UPOS\n", "a.conllu:1: the columns must be ID, FORM and others, found FORM UPOS"),
    ],
)
def test_what_is_broken_is_said_with_its_line(file, content, wanted):
    assert complaint_of(file(content)).startswith(wanted)
