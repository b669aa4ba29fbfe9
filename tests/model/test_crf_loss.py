"""The loss of a CRF head in a batch: from annotated texts by way of `collate_targets`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from polyhead.batching import Example, Row, collate_targets
from polyhead.encoding import Encoded, cut_windows
from polyhead.labels import LabelSet, tags_of_spans
from polyhead.model.objectives import CrfLoss, TargetTensors
from polyhead.records import Span, Spans
from polyhead.tasks import IGNORE, Tagging

TASK = Tagging("ner", "ner_tags", 1.0, Tagging.Options(decoder="crf"), LabelSet(("LOC", "PER")))
HEAD = TASK.head()
TAGS = tuple(str(tag) for tag in TASK.tags)
OFFSET = 1
CPU = torch.device("cpu")


def encoded_of(*words: int, capacity: int = 99) -> Encoded:
    """A text of words of so many letters, each letter a piece."""
    text = " ".join("x" * letters for letters in words)
    pieces = tuple((at, at + 1) for at, letter in enumerate(text) if letter == "x")
    return Encoded(text, np.arange(len(pieces)), pieces, cut_windows(len(pieces), capacity=capacity, overlap=0))


def spans_of(encoded: Encoded, *entities: tuple[int, int, str], known: int | None = None) -> Spans:
    """Entities from word to word; `known` says how many words are annotated."""
    extents = encoded.units("whitespace").extents
    spans = tuple(Span(extents[first][0], extents[last][1], label) for first, last, label in entities)
    return Spans(spans, None if known is None else extents[known - 1][1])


def examples_of(encoded: Encoded, annotation: Spans | None, *, weight: float = 1.0) -> list[Example]:
    """One example a window."""
    targets = {} if annotation is None else {"ner": TASK.encode(annotation, encoded)}
    return [
        Example(Row(encoded, window, window.stop - window.start + 2), targets, weight=weight)
        for window in encoded.windows
    ]


def target_of(examples: Sequence[Example], *, more: int = 0) -> TargetTensors:
    length = max(example.row.length for example in examples) + more
    return TargetTensors.of(collate_targets(examples, {"ner": HEAD}, length=length, offset=OFFSET)["ner"], CPU)


def logits_for(target: TargetTensors, seed: int = 0) -> Tensor:
    return torch.randn(*target.values.shape, len(TAGS), generator=torch.Generator().manual_seed(seed)).mul(2)


def loss_of(seed: int = 1) -> CrfLoss:
    """A loss whose CRF has learnt something."""
    loss = CrfLoss(HEAD)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        loss.crf.start.normal_(generator=generator)
        loss.crf.step.normal_(generator=generator)
    return loss


def by_enumeration(loss: CrfLoss, units: Tensor, tags: Sequence[int], *, continues: bool = False) -> float:
    """The negative log-likelihood of one row's tags; units of shape (units, tags)."""
    emissions, start, step = (x.detach().double().numpy() for x in (units, loss.crf.start, loss.crf.step))
    may_start, may_step = HEAD.constraints.start, HEAD.constraints.step

    def score(path: Sequence[int]) -> float:
        if not all(may_step[before][after] for before, after in itertools.pairwise(path)):
            return -np.inf
        if not continues and not may_start[path[0]]:
            return -np.inf
        steps = sum(step[before, after] for before, after in itertools.pairwise(path))
        first = 0.0 if continues else start[path[0]]
        return first + steps + sum(emissions[unit, tag] for unit, tag in enumerate(path))

    every = [score(path) for path in itertools.product(range(len(TAGS)), repeat=len(emissions))]
    return float(np.logaddexp.reduce(every) - score(tags))


ROWS = [  # words of 1, 2 and 3 pieces; annotated in part; of one unit
    (encoded_of(1, 2, 3, 1), [(1, 2, "LOC")], None),
    (encoded_of(2, 1), [(0, 0, "PER"), (1, 1, "PER")], None),
    (encoded_of(3), [], None),
    (encoded_of(1, 1, 2, 1, 1), [(0, 1, "LOC")], 3),
]
EXAMPLES = [
    example for text, spans, known in ROWS for example in examples_of(text, spans_of(text, *spans, known=known))
]


def test_the_loss_of_a_text_is_that_of_its_words_alone() -> None:
    loss = loss_of()
    for example in EXAMPLES:
        target = target_of([example])
        logits = logits_for(target)
        first_pieces = example.row.encoded.units("whitespace").first_piece
        tags = example.targets["ner"]
        known = tags != IGNORE
        units = logits[0, OFFSET + first_pieces[known]]
        wanted = by_enumeration(loss, units, tags[known].tolist()) / known.sum()
        assert loss.learn(logits, target).item() == pytest.approx(wanted, abs=1e-5)


def test_the_tags_are_the_annotated_ones() -> None:
    found = [[TAGS[tag] for tag in example.targets["ner"] if tag != IGNORE] for example in EXAMPLES]
    assert found == [["O", "B-LOC", "I-LOC", "O"], ["B-PER", "B-PER"], ["O"], ["B-LOC", "I-LOC", "O"]]


def test_a_batch_is_the_mean_over_the_units_of_its_rows() -> None:
    loss, target = loss_of(), target_of(EXAMPLES)
    logits = logits_for(target)
    sums, units = 0.0, 0
    for row, example in enumerate(EXAMPLES):
        alone, count = target_of([example]), int((example.targets["ner"] != IGNORE).sum())
        sums += count * loss.learn(logits[row : row + 1, : example.row.length], alone).item()
        units += count
    assert units == 10
    assert loss.learn(logits, target).item() == pytest.approx(sums / units, abs=1e-5)


@pytest.mark.parametrize("junk", [1e4, -1e4, 1e30, -1e30])
def test_nothing_but_first_pieces_with_a_target_enters(junk: float) -> None:
    loss, target = loss_of(), target_of(EXAMPLES, more=3)
    logits = logits_for(target)
    known = target.known()
    assert 0 < known.sum() < known.numel() / 3
    other = torch.where(known[:, :, None], logits, junk * torch.randn(logits.shape)).requires_grad_()
    found = loss.learn(other, target)
    assert torch.equal(found, loss.learn(logits, target))
    (gradient,) = torch.autograd.grad(found, other)
    assert torch.equal(gradient.any(-1), known)
    for position in known.nonzero().tolist():
        moved = logits.clone()
        moved[*position] += torch.arange(5.0)
        assert not torch.equal(loss.learn(moved, target), loss.learn(logits, target)), "each target must matter"


def test_teachers_words_alone_enter_too() -> None:
    loss, target = loss_of(), target_of(EXAMPLES, more=3)
    logits, known = logits_for(target), target.known()
    soft = torch.where(known[:, :, None], logits_for(target, seed=2).softmax(-1), torch.nan)
    other = torch.where(known[:, :, None], logits, 1e30).requires_grad_()
    found = loss.imitate(other, soft, target, 2.0)
    assert torch.equal(found, loss.imitate(logits, soft, target, 2.0))
    (gradient,) = torch.autograd.grad(found, other)
    assert torch.equal(gradient.any(-1), known)


@pytest.mark.parametrize("more", [1, 2, 50])
def test_padding_changes_nothing(more: int) -> None:
    loss, target, longer = loss_of(), target_of(EXAMPLES), target_of(EXAMPLES, more=more)
    logits = logits_for(target)
    padded = torch.nn.functional.pad(logits, (0, 0, 0, more), value=9.0)
    assert torch.equal(loss.learn(padded, longer), loss.learn(logits, target))


def test_rows_without_a_target_are_left_out() -> None:
    text = encoded_of(1, 1, 1, 1, 1, 1, 1, 1, 1)
    loss, target = loss_of(), target_of([*EXAMPLES, *examples_of(text, None)])
    assert not target.known()[-1].any()
    logits = logits_for(target).requires_grad_()
    found = loss.learn(logits, target)
    without = target_of(EXAMPLES)
    torch.testing.assert_close(found, loss.learn(logits[:-1, : without.values.shape[1]], without), atol=1e-6, rtol=0)
    (gradient,) = torch.autograd.grad(found, logits)
    assert not gradient[-1].any()
    assert gradient[:-1].flatten(1).any(1).all()


def test_a_row_of_one_unit() -> None:
    text = encoded_of(2)
    loss, target = loss_of(), target_of(examples_of(text, spans_of(text, (0, 0, "PER"))))
    logits = logits_for(target)
    scores = loss.crf.start + logits[0, OFFSET]
    may_begin = [tag for tag, name in enumerate(TAGS) if name[0] != "I"]
    wanted = scores[may_begin].logsumexp(0) - scores[TAGS.index("B-PER")]
    torch.testing.assert_close(loss.learn(logits, target), wanted)


def test_a_window_that_begins_inside_an_entity() -> None:
    text = encoded_of(1, 1, 1, 1, capacity=2)
    first, second = examples_of(text, spans_of(text, (1, 2, "LOC")))
    loss, target = loss_of(), target_of([second])
    assert [TAGS[tag] for tag in target.values[0, 1:3]] == ["I-LOC", "O"]
    logits = logits_for(target)
    found = loss.learn(logits, target)
    wanted = by_enumeration(loss, logits[0, 1:3], target.values[0, 1:3].tolist(), continues=True)
    assert np.isfinite(wanted)
    assert found.item() == pytest.approx(wanted / 2, abs=1e-5)
    begins = target_of([first])
    before = loss.learn(logits, begins)
    with torch.no_grad():
        loss.crf.start += torch.randn(5)
    assert torch.equal(loss.learn(logits, target), found), "what begins a text says nothing of a later window"
    assert not torch.equal(loss.learn(logits, begins), before)


def test_windows_and_whole_texts_in_one_batch() -> None:
    long = encoded_of(1, 2, 1, 1, 3, 1, capacity=4)
    examples = [*examples_of(long, spans_of(long, (2, 4, "PER"))), *EXAMPLES]
    loss, target = loss_of(), target_of(examples)
    assert target.continues.tolist() == [False, True, True, False, False, False, False]
    logits = logits_for(target)
    wanted = 0.0
    for row, known in enumerate(target.known()):
        tags = target.values[row, known].tolist()
        wanted += by_enumeration(loss, logits[row, known], tags, continues=bool(target.continues[row]))
    assert loss.learn(logits, target).item() == pytest.approx(wanted / int(target.known().sum()), abs=1e-5)


def test_rows_weigh_what_their_data_set_weighs() -> None:
    examples = [replace(example, weight=weight) for example, weight in zip(EXAMPLES, (2.0, 0.5, 1.0, 0.0), strict=True)]
    loss, target = loss_of(), target_of(examples)
    logits = logits_for(target)
    sums = [
        by_enumeration(loss, logits[row, known], target.values[row, known].tolist())
        for row, known in enumerate(target.known())
    ]
    wanted = (2.0 * sums[0] + 0.5 * sums[1] + sums[2]) / 10
    assert loss.learn(logits, target).item() == pytest.approx(wanted, abs=1e-5)


def test_certain_teachers_say_what_data_say() -> None:
    loss, target = loss_of(), target_of(EXAMPLES)
    logits = logits_for(target)
    certain = torch.nn.functional.one_hot(target.values.clamp_min(0), len(TAGS)).float()
    soft = torch.where(target.known()[:, :, None], certain, torch.nan)
    for temperature in (1.0, 3.0):
        found = loss.imitate(logits, soft, target, temperature)
        torch.testing.assert_close(found, loss.learn(logits, target), atol=1e-5, rtol=0)


def test_unsure_teachers_are_met_by_the_mean_over_what_they_may_mean() -> None:
    text = encoded_of(1, 2, 1)
    loss, target = loss_of(), target_of(examples_of(text, spans_of(text)))
    target = replace(target, weights=torch.tensor([3.0]))
    logits, known = logits_for(target), target.known()
    soft = torch.where(known[:, :, None], logits_for(target, seed=2).softmax(-1), torch.nan)
    beliefs = (soft[known].log() / 2).softmax(-1).double().numpy()
    emissions, start, step = (
        x.detach().double() for x in (logits[known], loss.crf.start, loss.crf.step * loss.crf.step_allowed)
    )
    start = start * loss.crf.start_allowed
    mean = 0.0
    for path in itertools.product(range(5), repeat=3):
        score = start[path[0]] + sum(step[a, b] for a, b in itertools.pairwise(path))
        score += sum(emissions[unit, tag] for unit, tag in enumerate(path))
        mean += np.prod([beliefs[unit, tag] for unit, tag in enumerate(path)]) * score.item()
    all_outside = [0, 0, 0]
    score = loss.crf.start[0] + 2 * loss.crf.step[0, 0] + logits[0, known[0], 0].sum()
    log_sum = by_enumeration(loss, logits[0, known[0]], all_outside) + score.item()
    found = loss.imitate(logits, soft, target, 2.0)
    assert found.item() == pytest.approx(3.0 * (log_sum - mean) / 3, abs=1e-4)


def test_a_student_that_does_as_its_teachers_is_better_than_another() -> None:
    loss, target = CrfLoss(HEAD), target_of(EXAMPLES)
    logits = logits_for(target).requires_grad_()
    soft = torch.where(target.known()[:, :, None], logits.detach().softmax(-1), torch.nan)
    elsewhere = loss.imitate(-logits, soft, target, 1.0)
    assert loss.imitate(logits, soft, target, 1.0) < elsewhere - 1.0


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 2), st.integers(0, 5)), min_size=1, max_size=6))
def test_any_batch_is_the_mean_of_its_rows(shapes: list[tuple[int, int, int]]) -> None:
    """Words, where an entity begins, and how long it is."""
    examples = []
    for words, first, more in shapes:
        text = encoded_of(*[1 + (words + word) % 3 for word in range(words)], capacity=5)
        entities = [(first, min(first + more, words - 1), "LOC")] if first < words else []
        examples += examples_of(text, spans_of(text, *entities))
    loss, target = loss_of(), target_of(examples)
    logits = logits_for(target)
    sums = []
    for row, example in enumerate(examples):
        count = int(target.known()[row].sum())
        if not count:  # a window inside a long word
            continue
        alone = target_of([example])
        sums.append((count, count * loss.learn(logits[row : row + 1, : example.row.length], alone).item()))
    wanted = sum(missed for _, missed in sums) / sum(count for count, _ in sums)
    assert loss.learn(logits, target).item() == pytest.approx(wanted, rel=1e-4, abs=1e-5)
    assert wanted >= 0


@pytest.mark.parametrize(
    ("text", "pieces", "span"),
    [
        ("\x00 York", ((2, 6),), (0, 6)),
        ("in \x00 York", ((0, 2), (5, 9)), (3, 9)),
    ],
    ids=["in front", "inside"],
)
def test_an_entity_whose_first_word_has_no_piece_can_be_learnt(
    text: str, pieces: tuple[tuple[int, int], ...], span: tuple[int, int]
) -> None:
    encoded = Encoded(text, np.arange(len(pieces)), pieces, cut_windows(len(pieces), capacity=9, overlap=0))
    target = target_of(examples_of(encoded, Spans((Span(*span, "LOC"),))))
    logits = torch.zeros(*target.values.shape, len(TAGS))
    logits[target.known()] = torch.nn.functional.one_hot(target.values[target.known()], len(TAGS)).float() * 20
    assert CrfLoss(HEAD).learn(logits, target) >= 0, "no sequence is more than certain"
    tags = [TAGS[tag] for tag in target.values[target.known()]]
    assert tags == tags_of_spans([Span(pieces[-1][0], span[1], "LOC")], pieces)
