import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.batching import STRATEGIES, batches_by_length, token_budget_batches

lengths = st.lists(st.integers(1, 200), max_size=300)
LENGTHS = np.random.default_rng(7).integers(1, 100, size=230).tolist()


def plain(steps):
    return [[(part.rows.tolist(), part.tasks) for part in step] for step in steps]


@given(lengths, st.integers(1, 40), st.integers(0, 5))
def test_every_row_is_in_one_batch(sizes, batch_size, seed):
    batches = batches_by_length(sizes, batch_size=batch_size, seed=(seed, 1))
    assert sorted(row for batch in batches for row in batch) == list(range(len(sizes)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)
    assert len(batches) == -(-len(sizes) // batch_size)


def test_the_order_is_a_function_of_the_seed():
    orders = [
        [batch.tolist() for batch in batches_by_length(LENGTHS, batch_size=8, seed=seed)]
        for seed in ((1, 1), (1, 1), (1, 2), (2, 1))
    ]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != orders[3]


def test_rows_of_a_batch_are_of_like_length():
    batches = batches_by_length(LENGTHS, batch_size=8, seed=(1, 1))
    padded = sum(len(batch) * max(LENGTHS[row] for row in batch) for batch in batches)
    assert padded < 1.15 * sum(LENGTHS)
    longest = [max(LENGTHS[row] for row in batch) for batch in batches]
    assert longest != sorted(longest)


MEMBERS = {"intent": np.arange(0, 230, 2), "ner": np.arange(100, 140), "tiny": np.array([5, 6, 7])}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_steps_are_a_function_of_seed_and_epoch(strategy):
    steps = [
        plain(STRATEGIES[strategy](LENGTHS, MEMBERS, batch_size=8, seed=seed, epoch=epoch))
        for seed, epoch in ((1, 1), (1, 1), (1, 2), (2, 1))
    ]
    assert steps[0] == steps[1]
    assert steps[0] != steps[2]
    assert steps[0] != steps[3]


def test_joint_steps_have_every_row_once_for_all_tasks():
    steps = STRATEGIES["joint"](LENGTHS, MEMBERS, batch_size=8, seed=1, epoch=1)
    assert {len(step) for step in steps} == {1}
    assert {step[0].tasks for step in steps} == {frozenset(MEMBERS)}
    assert sorted(row for step in steps for row in step[0].rows) == list(range(len(LENGTHS)))


def test_alternating_steps_have_one_sub_batch_a_task():
    steps = STRATEGIES["alternating"](LENGTHS, MEMBERS, batch_size=8, seed=1, epoch=1)
    assert len(steps) == 15  # 115 rows of the largest task
    for step in steps:
        assert [part.tasks for part in step] == [frozenset({name}) for name in MEMBERS]
        for part, rows in zip(step, MEMBERS.values(), strict=True):
            assert set(part.rows.tolist()) <= set(rows.tolist())
            assert 1 <= len(part.rows) <= 8


def test_alternating_steps_go_through_the_largest_task_once_and_begin_the_others_again():
    steps = STRATEGIES["alternating"](LENGTHS, MEMBERS, batch_size=8, seed=1, epoch=1)
    seen = {name: [row for step in steps for row in step[at].rows.tolist()] for at, name in enumerate(MEMBERS)}
    assert sorted(seen["intent"]) == MEMBERS["intent"].tolist()
    assert [seen["ner"].count(row) for row in MEMBERS["ner"]] == [3] * 40  # 15 steps of 5 batches a round
    assert sorted(seen["tiny"]) == sorted([5, 6, 7] * 15)
    assert sorted(seen["ner"][:40]) == sorted(seen["ner"][40:80])
    assert seen["ner"][:40] != seen["ner"][40:80]


@pytest.mark.timeout(20)
def test_a_task_without_a_row_takes_no_part():
    members = {"intent": np.arange(20), "ner": np.array([], dtype=np.int64)}
    steps = STRATEGIES["alternating"](LENGTHS, members, batch_size=8, seed=1, epoch=1)
    assert len(steps) == 3
    assert {tuple(part.tasks for part in step) for step in steps} == {(frozenset({"intent"}),)}


@given(lengths, st.integers(1, 500))
def test_padded_batches_stay_in_the_budget(sizes, budget):
    batches = token_budget_batches(sizes, budget=budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(sizes)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(sizes[row] for row in batch) <= budget


@given(lengths)
def test_the_longest_come_first(sizes):
    order = [sizes[row] for batch in token_budget_batches(sizes, budget=64) for row in batch]
    assert order == sorted(sizes, reverse=True)


def test_budgets_by_hand():
    assert [batch.tolist() for batch in token_budget_batches([10, 3, 12, 3, 4], budget=12)] == [[2], [0], [4, 3, 1]]
