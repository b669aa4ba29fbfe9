import pytest

from polyhead.errors import SettingsError
from tests.unit.formats.reading_files import complaint_of, read_file


@pytest.fixture
def file(tmp_path):
    def _file(content):
        path = tmp_path / "a.iob"
        path.write_text(content, encoding="utf-8")
        return path

    return _file


def test_words_may_have_a_part_of_speech(file):
    assert read_file(file("Anna|NNP|B-PER sings|VBZ|O\n")).fields == [
        {"text": "Anna sings", "pos": ["NNP", "VBZ"], "ner_tags": ["B-PER", "O"]}
    ]


def test_a_word_may_hold_bars(file):
    assert read_file(file("a|O ||O b|c|O\n")).fields == [{"text": "a | b|c", "ner_tags": ["O", "O", "O"]}]


def test_parts_are_named(file):
    read = read_file(file("Anna|NNP|x|B-PER\n"), columns="text,tag,_,ner_tags")
    assert read.fields == [{"text": "Anna", "tag": ["NNP"], "ner_tags": ["B-PER"]}]


@pytest.mark.parametrize("word", ["sings", "|O"])
def test_a_word_without_its_tag_is_refused(file, word):
    assert complaint_of(file(f"Anna|B-PER\nAnna|B-PER {word}\n"), form="iob").startswith(
        f"a.iob:2: {word!r} must be a word and 1 more behind bars"
    )


def test_parts_must_name_the_words(file):
    with pytest.raises(SettingsError, match="that of the words 'text'"):
        read_file(file("a|O\n"), columns="word,ner_tags")
