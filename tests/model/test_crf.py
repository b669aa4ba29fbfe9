"""The CRF, against sums over every sequence; and the numpy chain that decodes what it learnt."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from torch import Tensor

from polyhead.encoding import Encoded, cut_windows
from polyhead.labels import LabelSet, allowed_transitions
from polyhead.model.crf import Crf
from polyhead.tasks import Constraints, Tagging
from polyhead.tasks.chains import Chain, ChainScores

Floats = NDArray[np.float64]

NUMBERS = st.floats(-8, 8, width=32)
BIO = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
O, B, I = 0, 1, 2  # noqa: E741


@dataclass(frozen=True)
class Case:
    """Chains of different lengths under random constraints; in double precision."""

    constraints: Constraints
    start: Floats
    step: Floats
    emissions: Floats
    lengths: NDArray[np.int64]
    continues: NDArray[np.bool_]

    def crf(self, dtype: torch.dtype = torch.float64) -> Crf:
        crf = Crf(self.constraints).to(dtype)
        with torch.no_grad():
            crf.start.copy_(torch.from_numpy(self.start))
            crf.step.copy_(torch.from_numpy(self.step))
        return crf

    def inputs(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
        emissions = torch.from_numpy(self.emissions).to(dtype).requires_grad_()
        return emissions, torch.from_numpy(self.lengths), torch.from_numpy(self.continues)

    def chains(self) -> range:
        return range(len(self.lengths))

    def units(self, chain: int) -> Floats:
        return self.emissions[chain, : self.lengths[chain]]

    def every(self, chain: int, *, allowed_only: bool = True) -> tuple[NDArray[np.int64], Floats]:
        """All sequences of a chain, shape (sequences, units), and what they score."""
        own, units = self.units(chain), int(self.lengths[chain])
        paths = np.array(list(itertools.product(range(own.shape[1]), repeat=units)))
        before, after = paths[:, :-1], paths[:, 1:]
        start_allowed, step_allowed = np.array(self.constraints.start), np.array(self.constraints.step)
        step = self.step if allowed_only else np.where(step_allowed, self.step, 0.0)
        start = self.start if allowed_only else np.where(start_allowed, self.start, 0.0)
        scores = own[np.arange(units), paths].sum(1) + step[before, after].sum(1)
        kept = step_allowed[before, after].all(1)
        if not self.continues[chain]:
            scores += start[paths[:, 0]]
            kept &= start_allowed[paths[:, 0]]
        return (paths[kept], scores[kept]) if allowed_only else (paths, scores)

    def probabilities(self, chain: int) -> tuple[NDArray[np.int64], Floats]:
        paths, scores = self.every(chain)
        return paths, np.exp(scores - np.logaddexp.reduce(scores))

    def marginals(self, chain: int) -> Floats:
        paths, probable = self.probabilities(chain)
        tags = np.arange(self.emissions.shape[2])
        return np.einsum("p,put->ut", probable, paths[:, :, None] == tags)

    def chain(self, chain: int) -> Chain:
        """What decoding has of it: constraints and the table."""
        table = self.crf().table().detach().numpy()
        allowed = Chain.of_constraints(np.array(self.constraints.start), np.array(self.constraints.step))
        learnt = Chain(allowed.start + table[0], allowed.step + table[1:])
        return replace(learnt, start=np.zeros_like(learnt.start)) if self.continues[chain] else learnt


@st.composite
def cases(draw: st.DrawFn) -> Case:
    tags, lengths = draw(st.integers(1, 4)), draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    start, step = draw(arrays(np.bool_, tags)), draw(arrays(np.bool_, (tags, tags)))
    path = draw(st.lists(st.integers(0, tags - 1), min_size=5, max_size=5))
    start[path[0]] = True
    for before, after in itertools.pairwise(path):
        step[before, after] = True
    return Case(
        Constraints(tuple(start.tolist()), tuple(map(tuple, step.tolist()))),
        draw(arrays(np.float64, tags, elements=NUMBERS)),
        draw(arrays(np.float64, (tags, tags), elements=NUMBERS)),
        draw(arrays(np.float64, (len(lengths), max(lengths), tags), elements=NUMBERS)),
        np.array(lengths),
        draw(arrays(np.bool_, len(lengths))),
    )


def seeded(seed: int) -> Case:
    """A case of four tags, without Hypothesis."""
    random = np.random.default_rng(seed)
    start, step = random.random(4) < 0.6, random.random((4, 4)) < 0.6
    start[0] = step[0] = step[:, 0] = True
    return Case(
        Constraints(tuple(start.tolist()), tuple(map(tuple, step.tolist()))),
        random.normal(size=4),
        random.normal(size=(4, 4)),
        random.normal(size=(3, 4, 4)),
        np.array([4, 1, 3]),
        np.array([False, False, True]),
    )


def bio_crf(dtype: torch.dtype = torch.float32) -> Crf:
    start, step = allowed_transitions(BIO)
    return Crf(Constraints(tuple(start.tolist()), tuple(map(tuple, step.tolist())))).to(dtype)


def log_sum_of(crf: Crf, emissions: Tensor) -> Tensor:
    """Of chains that all have the full length and begin a text."""
    chains, units, _ = emissions.shape
    return crf.log_sum(emissions, torch.full((chains,), units), torch.zeros(chains, dtype=torch.bool))


def gradients_of(loss: Tensor, weights: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Zeros where a weight had no part: steps, where each chain has one unit."""
    return torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)], ids=str)
@given(case=cases())
def test_the_sum_is_that_over_every_sequence(dtype: torch.dtype, tolerance: float, case: Case) -> None:
    wanted = [np.logaddexp.reduce(case.every(chain)[1]) for chain in case.chains()]
    found = case.crf(dtype).log_sum(*case.inputs(dtype))
    assert found.dtype == dtype
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=tolerance, atol=tolerance)


@given(cases(), st.data())
def test_the_loss_is_how_improbable_the_sequence_is(case: Case, data: st.DataObject) -> None:
    tags = np.full(case.emissions.shape[:2], case.emissions.shape[2] - 1)
    wanted = []
    for chain in case.chains():
        paths, probable = case.probabilities(chain)
        chosen = data.draw(st.integers(0, len(paths) - 1))
        tags[chain, : case.lengths[chain]] = paths[chosen]
        wanted.append(-np.log(probable[chosen]))
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    score = crf.score(emissions, torch.from_numpy(tags), lengths, continues)
    found = crf.log_sum(emissions, lengths, continues) - score
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-9, atol=1e-9)


@given(cases())
def test_gradients_are_how_often_each_tag_and_each_step_is_expected(case: Case) -> None:
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    by_tag, by_start, by_step = gradients_of(
        crf.log_sum(emissions, lengths, continues).sum(), (emissions, crf.start, crf.step)
    )
    starts, steps = np.zeros(case.start.shape), np.zeros(case.step.shape)
    for chain in case.chains():
        paths, probable = case.probabilities(chain)
        inside, beyond = np.split(by_tag[chain].numpy(), [case.lengths[chain]])
        np.testing.assert_allclose(inside, case.marginals(chain), atol=1e-9)
        assert not beyond.any()
        np.add.at(steps, (paths[:, :-1], paths[:, 1:]), probable[:, None])
        if not case.continues[chain]:
            starts += case.marginals(chain)[0]
    np.testing.assert_allclose(by_start, starts, atol=1e-9)
    np.testing.assert_allclose(by_step, steps, atol=1e-9)


@given(cases())
def test_forbidden_steps_have_neither_probability_nor_gradient(case: Case) -> None:
    crf, inputs = case.crf(), case.inputs()
    before = crf.log_sum(*inputs)
    by_start, by_step = gradients_of(before.sum(), (crf.start, crf.step))
    assert not by_start[~crf.start_allowed].any()
    assert not by_step[~crf.step_allowed].any()
    with torch.no_grad():
        crf.start[~crf.start_allowed] += 500.0
        crf.step[~crf.step_allowed] += 500.0
    assert torch.equal(crf.log_sum(*inputs), before)


@given(cases(), st.data())
def test_what_stands_behind_a_chain_does_not_count(case: Case, data: st.DataObject) -> None:
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    tags = torch.from_numpy(data.draw(arrays(np.int64, emissions.shape[:2], elements=st.just(0))))
    beliefs = emissions.detach().softmax(-1)
    behind = torch.arange(emissions.shape[1]) >= lengths[:, None]
    junk = torch.where(behind[:, :, None], 1e6, emissions)
    other_tags = torch.where(behind, emissions.shape[2] - 1, tags)
    other_beliefs = torch.where(behind[:, :, None], 7.0, beliefs)
    rest = (lengths, continues)
    assert torch.equal(crf.log_sum(emissions, *rest), crf.log_sum(junk, *rest))
    assert torch.equal(crf.score(emissions, tags, *rest), crf.score(junk, other_tags, *rest))
    assert torch.equal(crf.expected_score(emissions, beliefs, *rest), crf.expected_score(junk, other_beliefs, *rest))


@given(cases())
def test_the_expected_score_is_the_mean_over_tags_drawn_one_by_one(case: Case) -> None:
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    beliefs = (emissions.detach() / 3 + 1).softmax(-1)
    found = crf.expected_score(emissions, beliefs, lengths, continues)
    for chain in case.chains():
        paths, scores = case.every(chain, allowed_only=False)
        drawn = beliefs[chain].numpy()[np.arange(paths.shape[1]), paths].prod(1)
        assert drawn.sum() == pytest.approx(1.0)
        assert found[chain].item() == pytest.approx((drawn * scores).sum(), abs=1e-9)


@given(cases(), st.data())
def test_the_expected_score_of_certain_tags_is_their_score(case: Case, data: st.DataObject) -> None:
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    tags = torch.zeros(emissions.shape[:2], dtype=torch.long)
    for chain in case.chains():
        paths, _ = case.every(chain)
        path = paths[data.draw(st.integers(0, len(paths) - 1))]
        tags[chain, : len(path)] = torch.from_numpy(path)
    beliefs = torch.nn.functional.one_hot(tags, emissions.shape[2]).double()
    torch.testing.assert_close(
        crf.expected_score(emissions, beliefs, lengths, continues), crf.score(emissions, tags, lengths, continues)
    )


@pytest.mark.parametrize("seed", range(4))
def test_gradients_by_finite_differences(seed: int) -> None:
    crf, (emissions, lengths, continues) = seeded(seed).crf(), seeded(seed).inputs()
    tags = torch.zeros(emissions.shape[:2], dtype=torch.long)
    tags[:, 1] = crf.step_allowed[0].nonzero()[-1]
    beliefs = torch.rand(emissions.shape, dtype=torch.float64).softmax(-1).requires_grad_()
    weights = (emissions, crf.start, crf.step)  # gradcheck moves them in place, so that the CRF sees it
    check = torch.autograd.gradcheck
    assert check(lambda emissions, *_: crf.log_sum(emissions, lengths, continues), weights)
    assert check(lambda emissions, *_: crf.score(emissions, tags, lengths, continues), weights)
    assert check(
        lambda emissions, beliefs, *_: crf.expected_score(emissions, beliefs, lengths, continues),
        (emissions, beliefs, crf.start, crf.step),
    )


def test_any_tag_may_come_first_in_a_chain_that_goes_on() -> None:
    crf = bio_crf(torch.float64)
    with torch.no_grad():
        crf.start.fill_(3.0)
    emissions = torch.randn(2, 1, 5, dtype=torch.float64)
    begins, goes_on = crf.log_sum(emissions, torch.ones(2, dtype=torch.long), torch.tensor([False, True]))
    torch.testing.assert_close(begins, emissions[0, 0, [O, B, 3]].logsumexp(0) + 3.0)
    torch.testing.assert_close(goes_on, emissions[1, 0].logsumexp(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_where_one_sequence_alone_is_allowed_it_is_certain(dtype: torch.dtype) -> None:
    crf = Crf(Constraints((True, False, False), ((False, True, False), (False, False, True), (True, False, False))))
    crf.to(dtype)
    emissions = torch.randn(1, 7, 3, dtype=dtype).mul(5).requires_grad_()
    tags, lengths, begins = torch.tensor([[0, 1, 2, 0, 1, 2, 0]]), torch.tensor([7]), torch.tensor([False])
    found = crf.log_sum(emissions, lengths, begins)
    torch.testing.assert_close(found, crf.score(emissions, tags, lengths, begins))
    (marginals,) = torch.autograd.grad(found.sum(), emissions)
    torch.testing.assert_close(marginals[0], torch.nn.functional.one_hot(tags[0], 3).to(dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [30.0, 85.0, 86.0, 87.0, 1000.0])
def test_large_logits_leave_everything_finite(size: float, dtype: torch.dtype) -> None:
    crf = bio_crf(dtype)
    with torch.no_grad():
        crf.step[I, I] = 3.0
    torch.manual_seed(0)
    random = torch.randn(20, 6, 5, dtype=dtype).sign() * size
    tipping = torch.zeros(1, 6, 5, dtype=dtype)
    tipping[0, 0, O], tipping[0, 1, I] = size, 200.0  # the step from B to I counts, though B hardly does
    emissions = torch.cat([random, tipping]).requires_grad_()
    lengths, begins = torch.full((21,), 6), torch.zeros(21, dtype=torch.bool)
    tags = torch.tensor([[B, I, I, O, B, I]]).expand(21, -1)
    missed = crf.log_sum(emissions, lengths, begins) - crf.score(emissions, tags, lengths, begins)
    gradients = torch.autograd.grad(missed.sum(), (emissions, crf.start, crf.step))
    assert missed.isfinite().all()
    assert (missed >= -1e-5 * size).all(), "no sequence is more than certain"
    assert [bool(gradient.isfinite().all()) for gradient in gradients] == [True] * 3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [-1000.0, -50.0, 50.0, 1000.0])
def test_large_scores_of_steps_leave_everything_finite(size: float, dtype: torch.dtype) -> None:
    crf = bio_crf(dtype)
    with torch.no_grad():
        crf.start.fill_(size)
        crf.step.fill_(size)
    emissions = torch.randn(3, 4, 5, dtype=dtype).requires_grad_()
    found = log_sum_of(crf, emissions)
    gradients = torch.autograd.grad(found.sum(), (emissions, crf.start, crf.step))
    assert [bool(value.isfinite().all()) for value in (found, *gradients)] == [True] * 4
    with torch.no_grad():
        crf.start.zero_()
        crf.step.zero_()
    torch.testing.assert_close(found, log_sum_of(crf, emissions) + 4 * size, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("size", [10.0, 20.0, 40.0, 60.0])
def test_an_entity_that_only_begins_improbably(size: float, dtype: torch.dtype) -> None:
    """O O and B I come to the same score, 0; whatever else there is, to nothing."""
    emissions = torch.full((1, 2, 5), -size, dtype=dtype)
    emissions[0, 0, O] = emissions[0, 1, I] = size
    expected = torch.logsumexp(
        torch.tensor([0.0, 0.0, 0.0, 0.0, *[-2 * size] * 8], dtype=torch.float64), 0
    )  # O and B or O; B and I; of the rest eight have -size twice
    found = log_sum_of(bio_crf(dtype), emissions)
    assert found.item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("high", [1.0, 80.0, 800.0])
def test_a_tag_that_nothing_leads_to_has_no_probability(high: float, dtype: torch.dtype) -> None:
    crf = Crf(Constraints((True, False), ((True, False), (True, True)))).to(dtype)
    emissions = torch.zeros(1, 3, 2, dtype=dtype)
    emissions[:, :, 1] = high
    emissions.requires_grad_()
    found = log_sum_of(crf, emissions)
    assert found.item() == pytest.approx(0.0, abs=1e-6)
    (marginals,) = torch.autograd.grad(found.sum(), emissions)
    assert marginals[:, :, 1].abs().max() < 1e-30


def test_the_table_has_first_tags_then_steps() -> None:
    crf = bio_crf()
    with torch.no_grad():
        crf.start.copy_(torch.arange(5.0))
        crf.step.copy_(torch.arange(25.0).view(5, 5) + 10)
    table = crf.table()
    assert table[0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert table[1:].tolist() == [[10.0 + 5 * before + after for after in range(5)] for before in range(5)]


def test_only_what_is_learnt_is_saved() -> None:
    assert list(bio_crf().state_dict()) == ["start", "step"]


@given(cases())
def test_no_sequence_is_better_than_the_best_path(case: Case) -> None:
    for chain in case.chains():
        path = case.chain(chain).best_path(case.units(chain))
        paths, scores = case.every(chain)
        assert path.tolist() in paths.tolist()
        assert scores[(paths == path).all(1)][0] == pytest.approx(scores.max(), abs=1e-9)


def test_the_best_path_is_not_the_greedy_one_where_steps_say_so() -> None:
    chain = Chain(np.array([0.0, 0.0]), np.array([[0.0, -3.0], [0.0, 0.0]]))
    assert chain.best_path(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [0, 0]
    assert chain.best_path(np.array([[1.0, 0.0], [0.0, 4.0]])).tolist() == [1, 1]
    assert Chain(np.array([0.0, 2.0]), np.zeros((2, 2))).best_path(np.array([[1.0, 0.0]])).tolist() == [1]


@given(cases())
def test_what_decoding_sums_is_what_training_summed(case: Case) -> None:
    crf, (emissions, lengths, continues) = case.crf(), case.inputs()
    sums = crf.log_sum(emissions, lengths, continues)
    (marginals,) = torch.autograd.grad(sums.sum(), emissions)
    for chain in case.chains():
        summed = ChainScores.of(case.chain(chain), case.units(chain))
        assert summed.log_sum == pytest.approx(sums[chain].item(), abs=1e-9)
        np.testing.assert_allclose(summed.marginals(), case.marginals(chain), atol=1e-9)
        np.testing.assert_allclose(summed.marginals(), marginals[chain, : lengths[chain]], atol=1e-9)


@given(cases(), st.data())
def test_how_probable_a_part_of_a_sequence_is(case: Case, data: st.DataObject) -> None:
    for chain in case.chains():
        paths, probable = case.probabilities(chain)
        first = data.draw(st.integers(0, paths.shape[1] - 1))
        last = data.draw(st.integers(first, paths.shape[1] - 1))
        tags = paths[data.draw(st.integers(0, len(paths) - 1)), first : last + 1]
        wanted = np.log(probable[(paths[:, first : last + 1] == tags).all(1)].sum())
        found = ChainScores.of(case.chain(chain), case.units(chain)).log_probability(first, tags)
        assert found == pytest.approx(wanted, abs=1e-9)


def test_a_text_without_units_has_no_marginals() -> None:
    chain = Chain(np.zeros(3), np.zeros((3, 3)))
    assert ChainScores.of(chain, np.zeros((0, 3))).marginals().shape == (0, 3)
    assert chain.best_path(np.zeros((0, 3))).tolist() == []


@pytest.mark.parametrize("size", [85.0, 1000.0])
def test_decoding_of_large_logits_stays_finite(size: float) -> None:
    start, step = allowed_transitions(BIO)
    scores = np.sign(np.random.default_rng(0).normal(size=(12, 5))) * size
    marginals = ChainScores.of(Chain.of_constraints(start, step), scores).marginals()
    np.testing.assert_allclose(marginals.sum(1), 1.0, atol=1e-9)


def test_a_tagging_task_decodes_with_what_the_crf_learnt() -> None:
    task = Tagging("ner", "ner_tags", 1.0, Tagging.Options(decoder="crf"), LabelSet(("LOC", "PER")))
    assert tuple(task.tags) == BIO
    crf = Crf(task.head().constraints)
    torch.manual_seed(3)
    with torch.no_grad():
        crf.start.normal_(std=3)
        crf.step.normal_(std=3)
    task = task.with_table(crf.table().detach().numpy())
    extents = ((0, 1), (2, 3), (4, 5), (6, 7))
    encoded = Encoded("a b c d", np.arange(4), extents, cut_windows(4, capacity=9, overlap=0))
    logits = torch.randn(1, 4, 5)
    case = Case(
        task.head().constraints,
        crf.start.detach().double().numpy(),
        crf.step.detach().double().numpy(),
        logits.double().numpy(),
        np.array([4]),
        np.array([False]),
    )
    np.testing.assert_allclose(task.soften(logits[0].numpy(), encoded), case.marginals(0), atol=1e-6)
    paths, scores = case.every(0)
    best = [BIO[tag] for tag in paths[scores.argmax()]]
    answer = task.decode(logits[0].numpy(), encoded)
    assert list(answer.tags) == best
    assert best != [BIO[tag] for tag in logits[0].argmax(1)], "the steps must matter"
    for entity in answer.entities:
        inside = slice(entity.span.start // 2, entity.span.end // 2 + 1)
        chosen = [BIO.index(tag) for tag in best[inside]]
        said = (paths[:, inside] == chosen).all(1)
        if inside.stop < paths.shape[1]:  # what goes on is a longer entity
            said &= paths[:, inside.stop] != BIO.index(f"I-{entity.span.label}")
        together = case.probabilities(0)[1][said].sum()
        assert entity.score == pytest.approx(together, abs=1e-6)
    assert answer.entities
