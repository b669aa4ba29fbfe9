import numpy as np
import pytest

from polyhead.errors import AnnotationError, DataError, SettingsError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks import IGNORE, Tagging
from polyhead.tasks.chains import Chain
from polyhead.tasks.tagging_options import TaggingOptions
from tests.unit.tasks.texts import encoded_of

TASK = Tagging("ner", "tags", 1.0, Tagging.Options(), LabelSet(("LOC", "PER")))  # O, B-LOC, I-LOC, B-PER, I-PER


def logits_of(*tags):
    return np.log([[0.96 if tag == other else 0.01 for other in TASK.tags] for tag in tags]).astype(np.float32)


sums = Chain.sums
WORDS = encoded_of("in New York now", [(0, 2), (3, 6), (7, 11), (12, 15)])


def read(value, text="in New York now"):
    return Tagging.column("tags", TASK.options).read(value, text, None, Notices())


def test_the_tags_are_o_then_begin_and_inside_of_each_type():
    assert TASK.tags.values == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
    assert TASK.head().width == 5


@pytest.mark.parametrize(("value", "found"), [("O O", "a string"), ({}, "an object"), (1, "a number")])
def test_tags_must_be_a_list(value, found):
    wanted = rf"^must be a list of tags, one for each word, or of entities, found {found}$"
    with pytest.raises(AnnotationError, match=wanted):
        read(value)


def test_unknown_words_are_no_target():
    annotation = read(["O", "B-LOC"])
    assert annotation == Spans((Span(3, 6, "LOC"),), known_to=6)
    assert TASK.encode(annotation, WORDS).tolist() == [0, 1, IGNORE, IGNORE]


def test_an_empty_list_is_a_target_everywhere():
    assert TASK.encode(read([]), WORDS).tolist() == [0, 0, 0, 0]


def test_data_without_an_entity_give_nothing_to_learn():
    with pytest.raises(DataError) as caught:
        Tagging.learn(name="ner", field="tags", weight=1.0, options=TASK.options, annotations=[Spans(())] * 3)
    assert str(caught.value) == "task 'ner': no entity in any of the 3 records that carry 'tags'"


def test_an_entity_has_place_surface_and_the_product_of_its_probabilities():
    answer = TASK.decode(logits_of("O", "B-LOC", "I-LOC", "O"), WORDS)
    assert answer.to_json() == {
        "entities": [{"start": 3, "end": 11, "label": "LOC", "text": "New York", "score": pytest.approx(0.96**2)}],
        "words": ["in", "New", "York", "now"],
        "tags": ["O", "B-LOC", "I-LOC", "O"],
    }
    assert answer.plain() == "NER Output: ['O', 'B-LOC', 'I-LOC', 'O']"
    assert answer.highlights() == (Span(3, 11, "LOC"),)


def test_what_would_not_read_back_is_not_answered():
    answer = TASK.decode(logits_of("I-LOC", "I-PER", "O", "I-LOC"), WORDS)
    for before, tag in zip(("O", *answer.tags), answer.tags, strict=False):
        assert tag[0] != "I" or before[1:] == tag[1:]


def test_a_unit_without_a_piece_goes_with_the_entity_around_it():
    encoded = encoded_of("New \x00 York \x00 x", [(0, 3), (6, 10), (13, 14)])
    answer = TASK.decode(logits_of("B-LOC", "I-LOC", "O"), encoded)
    assert answer.tags == ("B-LOC", "I-LOC", "I-LOC", "O", "O")
    (entity,) = answer.entities
    assert entity.text == "New \x00 York"
    assert entity.score == pytest.approx(0.96**2)


def test_a_unit_without_a_piece_between_two_entities_is_outside():
    encoded = encoded_of("New \x00 York", [(0, 3), (6, 10)])
    assert TASK.decode(logits_of("B-LOC", "B-LOC"), encoded).tags == ("B-LOC", "O", "B-LOC")


def test_a_text_without_units():
    answer = TASK.decode(np.zeros((0, 5), np.float32), encoded_of("", []))
    assert answer.to_json() == {"entities": [], "words": [], "tags": []}


def test_the_unknown_part_is_not_scored():
    gold = Spans((Span(3, 6, "LOC"),), known_to=6)
    answer = TASK.decode(logits_of("O", "B-LOC", "I-LOC", "B-PER"), WORDS)
    assert TASK.score([gold], [answer])["f1"] == 1.0
    assert TASK.is_right(gold, answer)
    assert not TASK.is_right(Spans((Span(3, 6, "LOC"),)), answer)
    assert TASK.score([Spans((Span(3, 6, "LOC"),))], [answer])["f1"] == 0.0


def test_more_tags_than_words_are_refused():
    with pytest.raises(AnnotationError, match=r"^5 tags for 4 words$"):
        read(["O"] * 5)


def test_tags_for_blank_words_are_left_out_and_told():
    notices = Notices()
    column = Tagging.column("tags", TASK.options)
    found = column.read(["O", "O", "B-LOC", "I-LOC"], "in  New York", Source("a.json", 7), notices)
    assert found == Spans((Span(4, 12, "LOC"),))
    assert notices.lines() == [
        "1 record has tags in 'tags' for blank words between two spaces (left out); first: a.json:7: 4 tags for 3 words"
    ]


def test_fewer_tags_than_words_are_told_with_the_first_place():
    notices = Notices()
    Tagging.column("tags", TASK.options).read(["O"], "in New York", Source("a.json", 7), notices)
    (line,) = notices.lines()
    assert line == (
        "1 record has fewer tags than words in 'tags' (words behind the last tag are unknown); first: a.json:7: 1 tags "
        "for 3 words"
    )


def test_entities_that_tags_cannot_say_are_named():
    inside, beside = Span(3, 5, "LOC"), Span(5, 6, "PER")  # two in one word
    assert TASK.beyond(Spans((Span(0, 2, "PER"), inside, beside)), WORDS) == ["Ne", "w"]
    assert TASK.beyond(Spans((Span(3, 11, "LOC"), Span(12, 15, "LOC"))), WORDS) == []


def tagging(**options):
    return Tagging("ner", "tags", 1.0, Tagging.Options(**options), LabelSet(("LOC", "PER")))


def test_class_weights_are_given_by_type_and_hold_for_its_tags():
    assert tagging(class_weights={"O": 0.5, "PER": 2.0}).head().class_weights == (0.5, 1.0, 1.0, 2.0, 2.0)
    assert tagging().head().class_weights == ()


def test_a_class_weight_of_an_unknown_type_is_refused():
    options = Tagging.Options(class_weights={"LCO": 2.0})
    with pytest.raises(SettingsError, match=r"^tasks\.ner\.class_weights\.LCO: .*known: O, LOC \(did you mean 'LOC'"):
        Tagging.learn(name="ner", field="tags", weight=1.0, options=options, annotations=[Spans((Span(3, 6, "LOC"),))])


@pytest.mark.parametrize("option", [{"class_weights": {"O": 0.5}}, {"label_smoothing": 0.1}])
def test_a_crf_takes_no_weights_or_smoothing(option):
    with pytest.raises(ValueError, match=rf"decoder 'crf' scores whole sequences and takes no {next(iter(option))}"):
        Tagging.Options(decoder="crf", **option)


def test_only_the_head_of_a_crf_knows_the_scheme():
    assert TASK.head().constraints is None
    constraints = tagging(decoder="crf").head().constraints
    assert constraints.start == (True, True, False, True, False)
    assert constraints.step[0] == (True, True, False, True, False)
    assert constraints.step[1] == (True, True, True, True, False)


def crf(table):
    return tagging(decoder="crf").with_table(np.array(table, dtype=np.float32))


def test_a_crf_decides_by_what_it_learnt_of_steps():
    logits = np.zeros((2, 5), dtype=np.float32)
    logits[:, 0] = 1.0
    two = encoded_of("New York", [(0, 3), (4, 8)])
    table = np.zeros((6, 5))
    assert crf(table).decode(logits, two).tags == ("O", "O")
    table[1 + 1, 2] = 5.0  # from B-LOC to I-LOC
    answer = crf(table).decode(logits, two)
    assert answer.tags == ("B-LOC", "I-LOC")
    assert answer.highlights() == (Span(0, 8, "LOC"),)


def test_an_entity_of_a_crf_is_as_probable_as_the_sequences_that_have_it():
    logits = np.log([[0.2, 0.6, 1e-30, 0.2, 1e-30], [0.4, 1e-30, 0.6, 1e-30, 1e-30]]).astype(np.float32)
    (entity,) = crf(np.zeros((6, 5))).decode(logits, encoded_of("New York", [(0, 3), (4, 8)])).entities
    # Of O-O, B-O, B-I and B'-O, what is forbidden being left out: 0.08, 0.24, 0.36 and 0.08.
    assert entity.text == "New York"
    assert entity.score == pytest.approx(0.36 / 0.76, abs=1e-6)


def test_texts_that_a_crf_decodes_together_have_the_answers_that_each_has(monkeypatch):
    """Texts with entities and without, without units, and with a word of which the tokenizer leaves nothing."""
    random = np.random.default_rng(0)
    texts = [
        encoded_of("in New York now", [(0, 2), (3, 6), (7, 11), (12, 15)]),
        encoded_of("now", [(0, 3)]),
        encoded_of("", []),
        encoded_of("New \x00 York", [(0, 3), (6, 10)]),
        encoded_of("New York", [(0, 3), (4, 8)]),
    ] * 6
    task = crf(random.normal(size=(6, 5)))
    logits = [3 * random.normal(size=(len(own.pieces), 5)).astype(np.float32) for own in texts]
    for bare in (1, 6):
        logits[bare] = logits_of("O")
    one_by_one = [task.decode(*text) for text in zip(logits, texts, strict=True)]
    assert len({answer.tags for answer in one_by_one}) > 10
    summed = []
    monkeypatch.setattr(Chain, "sums", lambda _, scores: summed.extend(scores) or sums(task._chain, scores))
    together = task.decode_all(logits, texts)
    assert [answer.to_json() for answer in together] == [answer.to_json() for answer in one_by_one]
    assert len(summed) == sum(bool(answer.entities) for answer in one_by_one) < len(texts)


def test_soft_targets_of_a_crf_are_marginals():
    logits = np.log([[0.2, 0.6, 1e-30, 0.2, 1e-30], [0.5, 1e-30, 0.5, 1e-30, 1e-30]]).astype(np.float32)
    encoded = encoded_of("New \x00 York", [(0, 3), (6, 10)])
    soft = crf(np.zeros((6, 5))).soften(logits, encoded)
    assert soft[0] == pytest.approx([0.1 / 0.8, 0.6 / 0.8, 0, 0.1 / 0.8, 0], abs=1e-6)
    assert np.isnan(soft[1]).all()
    assert soft[2] == pytest.approx([0.5 / 0.8, 0, 0.3 / 0.8, 0, 0], abs=1e-6)


def test_a_table_is_no_part_of_what_a_task_is():
    assert crf(np.ones((6, 5))) == tagging(decoder="crf")
    assert "table" not in crf(np.ones((6, 5))).state()


def test_entities_may_be_given_by_their_characters():
    found = read([{"start": 3, "end": 6, "label": "LOC"}])
    assert found == Spans((Span(3, 6, "LOC"),))


def test_entities_that_overlap_cannot_be_said_by_tags():
    entries = [{"start": 0, "end": 6, "label": "A"}, {"start": 3, "end": 6, "label": "B"}]
    with pytest.raises(AnnotationError, match=r"\[.*\]A and \[.*\]B overlap, which tags cannot say; .*'spans'$"):
        read(entries)


@pytest.mark.parametrize(
    ("given", "value", "wanted"),
    [
        ("auto", ["O", "B-X"], "whitespace"),
        ("auto", [{"start": 0, "end": 1, "label": "X"}], "pretokenizer"),
        ("whitespace", None, "whitespace"),
    ],
)
def test_the_unit_is_what_suits_the_data_unless_it_is_set(given, value, wanted):
    options = TaggingOptions(unit=given)
    assert options.is_open == (given == "auto")
    assert (options.suited(value) if options.is_open else options).unit == wanted
