import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from polyhead.labels import allowed_transitions, spans_of_tags, tags_of_spans
from polyhead.tasks.chains import Chain, ChainScores
from polyhead.tasks.many_chains import side_by_side
from tests.unit.labels.schemes import words

TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]
START, STEP = allowed_transitions(TAGS)
BIO = Chain.of_constraints(START, STEP)

whole = st.integers(-50, 0).map(float)
"""Whole numbers, which add up without rounding, so that equal sums are equal."""
score = st.floats(-6, 6)

scores = st.integers(0, 5).flatmap(lambda units: arrays(np.float64, (units, len(TAGS)), elements=whole))


@st.composite
def learnt_chains(draw, elements=score):
    """A chain with scores of its own, of which some steps are forbidden; tag 0 is allowed everywhere, as O is."""
    start, step = draw(arrays(np.float64, (3,), elements=elements)), draw(arrays(np.float64, (3, 3), elements=elements))
    starts, steps = draw(arrays(np.bool_, (3,))), draw(arrays(np.bool_, (3, 3)))
    starts[0] = steps[:, 0] = True
    return Chain(np.where(starts, start, -np.inf), np.where(steps, step, -np.inf))


@st.composite
def learnt_schemes(draw, elements=score):
    """A chain of so many tags that those inside an entity, which may follow two others, are looked at apart."""
    scheme = allowed_transitions(["O", *(f"{prefix}-{label}" for label in "abcd" for prefix in "BI")])
    start, step = draw(arrays(np.float64, (9,), elements=elements)), draw(arrays(np.float64, (9, 9), elements=elements))
    return Chain(np.where(scheme[0], start, -np.inf), np.where(scheme[1], step, -np.inf))


def rows(chain, elements=score):
    return st.integers(0, 5).flatmap(lambda units: arrays(np.float64, (units, len(chain.start)), elements=elements))


def one_by_one(chain, own):
    return [chain._viterbi(table).tolist() for table in own]


def tables(elements=score, least=1):
    return st.integers(least, 4).flatmap(lambda units: arrays(np.float64, (units, 3), elements=elements))


def paths(table):
    return itertools.product(range(table.shape[1]), repeat=len(table))


def total(chain, table, path):
    """What a path scores, added up as the definition says."""
    steps = sum(chain.step[before, after] for before, after in itertools.pairwise(path))
    return sum(row[tag] for row, tag in zip(table, path, strict=True)) + (chain.start[path[0]] + steps if path else 0.0)


def is_allowed(path):
    return not path or (START[path[0]] and all(STEP[a, b] for a, b in itertools.pairwise(path)))


def log_sum(values):
    return float(np.logaddexp.reduce(np.array(list(values), dtype=np.float64)))


def many(chain, own):
    """Return the best path of each text, as all of them have it together."""
    counts = [len(table) for table in own]
    width = len(chain.start)
    found = chain.best_paths(np.concatenate([np.zeros((0, width)), *own]), counts)
    return [path.tolist() for path in np.split(found, np.cumsum(counts)[:-1])] if own else []


@given(st.lists(scores, max_size=6))
def test_many_texts_have_the_paths_that_each_has(own):
    assert many(BIO, own) == [BIO.best_path(table).tolist() for table in own]


@given(learnt_chains(), st.lists(tables(least=0), max_size=5))
def test_many_texts_have_the_paths_that_each_has_where_steps_were_learnt(chain, own):
    assert many(chain, own) == [chain.best_path(table).tolist() for table in own]


@given(st.one_of(learnt_chains(), learnt_chains(whole), learnt_schemes(), learnt_schemes(whole)), st.data())
def test_texts_beside_each_other_have_the_very_paths_that_each_has_alone(chain, data):
    """Of equally good paths, which whole numbers bring about, too."""
    own = data.draw(st.lists(rows(chain, data.draw(st.sampled_from([score, whole]))), min_size=4, max_size=9))
    assert many(chain, own) == one_by_one(chain, own)
    assert many(chain, [table.astype(np.float32) for table in own]) == one_by_one(
        chain, [table.astype(np.float32) for table in own]
    )


@given(learnt_schemes(whole), st.data())
def test_no_sequence_of_texts_beside_each_other_is_better(chain, data):
    own = data.draw(st.lists(rows(chain, whole).filter(lambda table: len(table) < 4), min_size=4, max_size=5))
    for table, path in zip(own, many(chain, own), strict=True):
        assert total(chain, table, path) == max(total(chain, table, other) for other in paths(table))
        assert total(chain, table, path) > -np.inf


@given(st.one_of(learnt_chains(), learnt_schemes()), st.data())
def test_texts_beside_each_other_have_the_sums_that_each_has_alone(chain, data):
    own = data.draw(st.lists(rows(chain), max_size=7))
    for table, found in zip(own, chain.sums(own), strict=True):
        alone = ChainScores.of(chain, table)
        np.testing.assert_allclose(found.forward, alone.forward, rtol=1e-12)
        np.testing.assert_allclose(found.backward, alone.backward, rtol=1e-12, atol=1e-12)
        assert found.scores is table


def test_a_tag_that_nothing_leads_to_comes_first_or_not_at_all():
    start = np.zeros(5)
    step = np.where([True, True, False, True, True], np.arange(25.0).reshape(5, 5), -np.inf)
    chain, random = Chain(start, step), np.random.default_rng(0)
    own = [random.normal(size=(4, 5)) * 9 for _ in range(50)]
    found = many(chain, own)
    assert found == one_by_one(chain, own)
    assert any(path[0] == 2 for path in found)
    assert not any(2 in path[1:] for path in found)


def test_more_texts_than_stand_beside_each_other():
    random = np.random.default_rng(0)
    scheme = allowed_transitions(["O", *(f"{prefix}-{label}" for label in range(60) for prefix in "BI")])
    width = len(scheme[0])
    chain = Chain.of_constraints(*scheme)
    chain = Chain(chain.start + random.normal(size=width), chain.step + random.normal(size=(width, width)))
    own = [random.normal(size=(random.integers(0, 12), width)) for _ in range(70)]
    assert len(list(side_by_side([len(table) for table in own], chain._preferring._step.size))) > 2
    assert many(chain, own) == one_by_one(chain, own)
    sums = chain.sums(own)
    for table, found in zip(own, sums, strict=True):
        np.testing.assert_allclose(found.marginals(), ChainScores.of(chain, table).marginals(), atol=1e-12)


@given(arrays(np.bool_, (3, 3)), arrays(np.bool_, (3,)), st.lists(tables(whole), max_size=5))
def test_no_sequence_of_many_texts_is_better_whatever_is_forbidden(steps, start, own):
    steps[:, 0] = True
    start[0] = True
    steps[0, ~steps.any(axis=0)] = True
    chain = Chain.of_constraints(start, steps)
    for table, path in zip(own, many(chain, own), strict=True):
        assert total(chain, table, path) == max(total(chain, table, other) for other in paths(table))


def test_more_texts_than_are_searched_at_once():
    random = np.random.default_rng(0)
    own = [random.normal(size=(random.integers(1, 30), len(TAGS))) for _ in range(600)]
    assert many(BIO, own) == [BIO.best_path(table).tolist() for table in own]
    learnt = Chain(BIO.start, BIO.step + 1.0)  # which is not searched stretch by stretch
    assert many(BIO, own) == [learnt.best_path(table).tolist() for table in own]


@given(scores)
def test_no_allowed_sequence_is_better(table):
    path = BIO.best_path(table).tolist()
    assert len(path) == len(table)
    assert is_allowed(path)
    assert total(BIO, table, path) == max(total(BIO, table, other) for other in paths(table) if is_allowed(other))


@given(learnt_chains(whole), tables(whole))
def test_no_sequence_is_better_by_learnt_scores_and_constraints(chain, table):
    path = chain.best_path(table).tolist()
    assert total(chain, table, path) == max(total(chain, table, other) for other in paths(table))
    assert total(chain, table, path) > -np.inf


@given(scores)
def test_the_short_cut_gives_what_the_full_way_gives(table):
    greedy = table.argmax(axis=1).tolist()
    if is_allowed(greedy) and greedy:
        assert BIO.best_path(table).tolist() == greedy
        # One more unit in front, at which only a forbidden begin is good, sends the search the full way.
        front = np.array([[-1.0, -1000.0, 0.0, -1000.0, -1000.0]])
        full = BIO.best_path(np.concatenate([front, table]))[1:].tolist()
        assert total(BIO, table, full) == total(BIO, table, greedy)


def test_a_learnt_step_beats_the_best_tags():
    chain = Chain(np.zeros(2), np.array([[-3.0, 0.0], [0.0, 0.0]]))
    table = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert Chain(np.zeros(2), np.zeros((2, 2))).best_path(table).tolist() == [0, 0]
    assert chain.best_path(table).tolist() in ([0, 1], [1, 0])


def test_a_learnt_begin_beats_the_best_tag():
    chain = Chain(np.array([0.0, 2.0]), np.zeros((2, 2)))
    assert chain.best_path(np.array([[1.0, 0.0]])).tolist() == [1]


@given(scores)
def test_decoded_tags_read_back_as_they_are(table):
    tags = [TAGS[tag] for tag in BIO.best_path(table)]
    assert tags_of_spans(spans_of_tags(tags, words(len(tags))), words(len(tags))) == tags


def test_the_best_tag_gives_way_to_the_best_sequence():
    table = np.log([[0.4, 0.35, 0.25, 1e-9, 1e-9], [0.1, 1e-9, 0.9, 1e-9, 1e-9]])
    assert BIO.best_path(table).tolist() == [1, 2]


def test_a_text_without_units():
    none = np.zeros((0, 5))
    assert BIO.best_path(none).tolist() == []
    assert ChainScores.of(BIO, none).marginals().shape == (0, 5)


@pytest.mark.parametrize("units", [1, 500])
def test_long_texts(units):
    table = np.zeros((units, 5))
    table[:, 2] = 1.0
    path = BIO.best_path(table).tolist()
    assert path[1:] == [2] * (units - 1)
    assert path[0] in {0, 1, 3}


@given(learnt_chains(), tables())
def test_sums_are_those_over_all_sequences(chain, table):
    found = ChainScores.of(chain, table)
    assert found.log_sum == pytest.approx(log_sum(total(chain, table, path) for path in paths(table)))
    for unit in range(len(table)):
        for tag in range(3):
            upto = [total(chain, table[: unit + 1], path) for path in paths(table[: unit + 1]) if path[-1] == tag]
            assert found.forward[unit, tag] == pytest.approx(log_sum(upto))
            free = Chain(np.zeros(3), chain.step)
            rest = [
                total(free, table[unit:], path) - table[unit, tag] for path in paths(table[unit:]) if path[0] == tag
            ]
            assert found.backward[unit, tag] == pytest.approx(log_sum(rest))


@given(learnt_chains(), tables())
def test_marginals_are_shares_of_all_sequences(chain, table):
    marginals = ChainScores.of(chain, table).marginals()
    weights = {path: np.exp(total(chain, table, path)) for path in paths(table)}
    everything = sum(weights.values())
    for unit in range(len(table)):
        for tag in range(3):
            share = sum(weight for path, weight in weights.items() if path[unit] == tag) / everything
            assert marginals[unit, tag] == pytest.approx(share, abs=1e-9)
    assert marginals.sum(axis=1) == pytest.approx(1.0)


@given(learnt_chains(), tables(), st.data())
def test_a_stretch_of_tags_is_as_probable_as_the_sequences_that_have_it(chain, table, data):
    first = data.draw(st.integers(0, len(table) - 1))
    last = data.draw(st.integers(first, len(table) - 1))
    tags = data.draw(st.lists(st.integers(0, 2), min_size=last - first + 1, max_size=last - first + 1))
    weights = {path: np.exp(total(chain, table, path)) for path in paths(table)}
    share = sum(weight for path, weight in weights.items() if list(path[first : last + 1]) == tags)
    found = ChainScores.of(chain, table).log_probability(first, np.array(tags))
    assert np.exp(found) == pytest.approx(share / sum(weights.values()), abs=1e-9)


def test_long_texts_do_not_overflow():
    table = np.random.default_rng(0).normal(size=(2000, 5)) * 50
    found = ChainScores.of(BIO, table)
    assert np.isfinite(found.log_sum)
    assert found.marginals().sum(axis=1) == pytest.approx(1.0)
