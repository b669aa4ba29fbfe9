import numpy as np
import pytest

from polyhead.errors import AnnotationError, SettingsError
from polyhead.labels import LabelSet
from polyhead.notices import Notices
from polyhead.records import Source, Span, Spans
from polyhead.tasks import IGNORE, TokenLabel
from tests.unit.tasks.texts import encoded_of, encoded_words

LABELS = LabelSet(("NOUN", "PROPN", "VERB"))


def task(**options):
    return TokenLabel("pos", "pos", 1.0, TokenLabel.Options(**options), LABELS)


TASK, PARTS = task(), task(unit="pretokenizer")
TEXT = "John lives here."
WORDS = encoded_words(TEXT)


def read(value, text=TEXT, notices=None, source=None):
    return TokenLabel.column("pos", TASK.options).read(value, text, source, notices or Notices())


def message(value):
    with pytest.raises(AnnotationError) as caught:
        read(value)
    return str(caught.value)


def logits_of(*labels):
    return np.log([[0.8 if label == other else 0.1 for other in LABELS] for label in labels]).astype(np.float32)


def figures(golds, answer):
    scores = TASK.score(golds, [answer] * len(golds))
    return scores["accuracy"], scores["macro_f1"]


def test_each_word_has_a_label():
    assert read(["PROPN", "VERB", "NOUN"]) == Spans((Span(0, 4, "PROPN"), Span(5, 10, "VERB"), Span(11, 16, "NOUN")))


def test_a_label_may_be_unknown():
    annotation = read(["PROPN", None, "NOUN"])
    assert annotation == Spans((Span(0, 4, "PROPN"), Span(11, 16, "NOUN")))
    assert TASK.encode(annotation, WORDS).tolist() == [1, IGNORE, 0]


def test_words_behind_the_last_label_are_unknown_and_told_of():
    notices = Notices()
    annotation = read(["PROPN"], notices=notices, source=Source("a.json", 3))
    assert TASK.encode(annotation, WORDS).tolist() == [1, IGNORE, IGNORE]
    assert notices.lines() == [
        "1 record has fewer labels than words in 'pos' (words behind the last label are unknown); first: a.json:3: 1 "
        "labels for 3 words"
    ]


def test_what_labels_no_word_is_refused():
    nothing = "no word has a label; leave the field out where the labels are unknown"
    assert message([]) == message([None, None]) == nothing
    assert message("NOUN") == "labels must be a list with one for each word, found a string"
    assert message(["NOUN"] * 4) == "4 labels for 3 words"
    assert message(["NOUN", 7]) == "label 2 must be a string, or null where the word's label is unknown, found 7"
    assert message([""]) == "label 1 must be a string, or null where the word's label is unknown, found ''"


def test_parts_of_a_word_learn_the_words_label():
    encoded = encoded_of(TEXT, [(0, 4), (5, 10), (11, 15), (15, 16)])
    assert PARTS.encode(read(["PROPN", None, "NOUN"]), encoded).tolist() == [1, IGNORE, 0, 0]


def test_each_word_is_answered():
    answer = TASK.decode(logits_of("PROPN", "VERB", "NOUN"), WORDS)
    assert answer.to_json() == {
        "words": ["John", "lives", "here."],
        "labels": ["PROPN", "VERB", "NOUN"],
        "scores": [pytest.approx(0.8, abs=1e-6)] * 3,
    }
    assert answer.plain() == "Labels: ['PROPN', 'VERB', 'NOUN']"
    assert answer.summary() == "John/PROPN lives/VERB here./NOUN"
    assert answer.highlights() == ()


def test_a_word_without_a_piece_has_no_label_and_is_missed():
    encoded = encoded_of("John \x00 lives", [(0, 4), (7, 12)])
    answer = TASK.decode(logits_of("PROPN", "VERB"), encoded)
    assert answer.labels == ("PROPN", None, "VERB")
    assert answer.to_json()["scores"][1] is None
    assert answer.summary() == "John/PROPN \x00 lives/VERB"
    known, missed = (Spans((Span(0, 4, "PROPN"), Span(7, 12, "VERB"))), Spans((Span(5, 6, "VERB"),)))
    assert TASK.is_right(known, answer)
    assert not TASK.is_right(missed, answer)
    assert figures([known], answer) == (1.0, 1.0)
    assert figures([missed], answer) == (0.0, 0.0)
    # Of PROPN and VERB; no answer is no label.
    assert figures([known, missed], answer) == (pytest.approx(2 / 3), pytest.approx((1 + 2 / 3) / 2))
    assert TASK.score([missed], [answer])["confusion"] == [{"gold": "VERB", "predicted": None, "count": 1}]


def test_only_known_words_are_judged():
    gold = read(["PROPN", None, "NOUN"])
    right = TASK.decode(logits_of("PROPN", "NOUN", "NOUN"), WORDS)
    wrong = TASK.decode(logits_of("PROPN", "VERB", "VERB"), WORDS)
    assert TASK.is_right(gold, right)
    assert not TASK.is_right(gold, wrong)
    assert TASK.score([gold, gold], [right, wrong])["accuracy"] == 3 / 4


def test_a_word_of_several_parts_is_judged_by_the_first():
    encoded = encoded_of(TEXT, [(0, 4), (5, 10), (11, 15), (15, 16)])
    answer = PARTS.decode(logits_of("PROPN", "VERB", "NOUN", "VERB"), encoded)
    assert answer.words == ("John", "lives", "here", ".")
    assert PARTS.is_right(read(["PROPN", "VERB", "NOUN"]), answer)
    assert not PARTS.is_right(read(["PROPN", "VERB", "VERB"]), answer)


def test_a_label_that_only_dev_shows_is_missed():
    answer = TASK.decode(logits_of("PROPN", "VERB", "NOUN"), WORDS)
    assert figures([read(["PROPN", "VERB", "ADV"])], answer) == (pytest.approx(2 / 3), pytest.approx(2 / 4))


def test_soft_targets_are_probabilities():
    soft = TASK.soften(logits_of("PROPN", "VERB"), encoded_of("John \x00 lives", [(0, 4), (7, 12)]))
    assert soft[[0, 2]] == pytest.approx(np.array([[0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]), abs=1e-6)
    assert np.isnan(soft[1]).all()


def learnt(**options):
    return TokenLabel.learn(
        name="pos",
        field="pos",
        weight=1.0,
        options=TokenLabel.Options(**options),
        annotations=[read(["PROPN", "VERB", "VERB"]), read(["VERB"])],
    )


def test_class_weights():
    assert learnt().head().class_weights == ()
    assert learnt(class_weights="balanced").head().class_weights == (2.0, pytest.approx(2 / 3))
    assert learnt(class_weights={"VERB": 0.5}).head().class_weights == (1.0, 0.5)
    with pytest.raises(SettingsError, match=r"^tasks\.pos\.class_weights\.VREB: .*did you mean 'VERB'"):
        learnt(class_weights={"VREB": 0.5})
