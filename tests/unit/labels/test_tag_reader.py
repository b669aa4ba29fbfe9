import pytest
from hypothesis import assume, given

from polyhead.errors import AnnotationError, DataError
from polyhead.labels import TagReader
from polyhead.notices import Notices
from polyhead.records import Source
from tests.unit.labels.schemes import SCHEMES, stretches

HERE = Source("a.json", 7)


def read(*records, strict=False):
    reader, notices = TagReader(), Notices(strict=strict)
    for line, tags in enumerate(records, start=1):
        reader.check(tags, Source("a.json", line))
    reader.finish(notices)
    return reader.scheme, notices.lines()


@pytest.mark.parametrize(
    ("records", "scheme"),
    [
        ([["B-PER", "I-PER", "O"], ["B-LOC"]], "BIO"),
        ([["O", "O"]], "BIO"),
        ([], "BIO"),
        ([["I-PER", "I-PER", "O"], ["I-LOC", "B-LOC"]], "IOB1"),
        ([["B-PER", "L-PER", "U-LOC"]], "BILOU"),
        ([["O"], ["U-LOC"]], "BILOU"),
        ([["B-PER", "E-PER", "S-LOC"]], "BIOES"),
        ([["B-PER", "I-PER", "E-PER"]], "BIOES"),
    ],
)
def test_the_scheme_of_a_well_formed_file_is_recognised_in_silence(records, scheme):
    assert read(*records) == (scheme, [])


@pytest.mark.parametrize("scheme", SCHEMES)
@given(entities=stretches())
def test_no_scheme_is_complained_of_when_well_formed(scheme, entities):
    count, found = entities
    assume(found)
    assert read(SCHEMES[scheme](count, found))[1] == []


@pytest.mark.parametrize(
    ("tags", "position", "found"),
    [
        (["O", "PERSON"], 2, "'PERSON'"),
        (["B-"], 1, "'B-'"),
        (["B-PER", "O", "x"], 3, "'x'"),
        (["PER-B"], 1, "'PER-B'"),
        (["b-PER"], 1, "'b-PER'"),
        (["B_PER"], 1, "'B_PER'"),
        (["B"], 1, "'B'"),
    ],
)
def test_a_tag_of_no_scheme_is_named_with_its_place(tags, position, found):
    with pytest.raises(AnnotationError, match=rf"^tag {position} fits no scheme: found {found}; .*'B-PER'$"):
        TagReader().check(tags, HERE)


@pytest.mark.parametrize("tag", ["o", "0", "", " O ", "OUT"])
def test_what_was_probably_an_o_is_said_to_be(tag):
    with pytest.raises(AnnotationError, match=r"^tag 1 .*did you mean 'O'\?"):
        TagReader().check([tag], HERE)


@pytest.mark.parametrize("tag", [0, None, ["O"], 1.5])
def test_a_tag_must_be_a_string(tag):
    with pytest.raises(AnnotationError) as caught:
        TagReader().check(["O", tag], HERE)
    assert str(caught.value) == f"tag 2 must be a string such as 'O' or 'B-PER', found {tag!r}"


def test_a_type_may_have_hyphens():
    tags = ["B-creative-work", "I-creative-work", "B-LOC"]
    assert TagReader().check(tags, HERE) == tags
    assert read(tags) == ("BIO", [])


def test_a_continued_entity_that_nothing_opened_is_told():
    _, lines = read(["B-PER", "O"], ["O", "I-PER"], ["B-PER", "I-LOC", "I-LOC"])
    assert lines == [
        "2 tags continue an entity that nothing opened (read as the start of one); first: a.json:2: "
        "tag 2 is 'I-PER', with no entity of its type before it"
    ]


def test_broken_bio_is_an_error_when_strict():
    with pytest.raises(DataError, match=r"^a\.json:1: tag 2 is 'I-LOC'.*--strict"):
        read(["B-PER", "I-LOC"], strict=True)


def test_an_unclosed_entity_is_told_in_bilou_only():
    assert read(["B-PER", "I-PER"]) == ("BIO", [])
    scheme, lines = read(["U-PER", "O"], ["B-PER", "O"], ["B-LOC", "I-LOC"])
    assert scheme == "BILOU"
    assert lines == [
        "2 entities end without a closing BILOU tag (read as ended); first: a.json:2: "
        "tag 2 is 'O', with the entity before it still open"
    ]


def test_an_entity_open_at_the_end_of_the_text_is_told():
    assert read(["U-PER"], ["O", "B-PER"])[1][0].endswith(
        "a.json:2: tag 3 is 'the end', with the entity before it still open"
    )


def test_bilou_and_bioes_do_not_mix():
    reader = TagReader()
    reader.check(["B-PER", "L-PER"], Source("a.json", 1))
    with pytest.raises(AnnotationError) as caught:
        reader.check(["O", "S-LOC"], Source("a.json", 2))
    assert str(caught.value) == "tag 2 fits no scheme: found 'S-LOC' in a file of BILOU tags"
