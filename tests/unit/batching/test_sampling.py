from collections import Counter
from itertools import accumulate, pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polyhead.batching import STRATEGIES, Mixing, Rows, batches_by_length

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
SETS = {"large": np.arange(150), "middle": np.arange(150, 223), "small": np.arange(223, 230)}
BY_TASK = Rows(LENGTHS, MEMBERS, MEMBERS, {name: frozenset({name}) for name in MEMBERS})
BY_SET = Rows(LENGTHS, MEMBERS, SETS, dict.fromkeys(SETS, frozenset(MEMBERS)))

one_source_a_step = pytest.mark.parametrize("strategy", ["proportional", "uniform", "temperature", "round_robin"])
by_set_and_by_task = pytest.mark.parametrize("rows", [BY_SET, BY_TASK], ids=["by set", "by task"])


def steps_of(strategy, rows=BY_TASK, *, batch_size=8, seed=1, epoch=1, temperature=2.0):
    return STRATEGIES[strategy](rows, Mixing(batch_size, seed, temperature), epoch=epoch)


def rows_of_sizes(sizes):
    """Sources of these sizes, one task each."""
    ends = list(accumulate(sizes, initial=0))
    sources = {f"s{at}": np.arange(start, end) for at, (start, end) in enumerate(pairwise(ends))}
    return Rows([1] * ends[-1], sources, sources, {name: frozenset({f"task of {name}"}) for name in sources})


def names_of(steps, rows):
    """The source of each step."""
    owner = {int(row): name for name, own in rows.sources.items() for row in own}
    found = []
    for (part,) in steps:
        (name,) = {owner[row] for row in part.rows.tolist()}
        found.append(name)
    return found


@by_set_and_by_task
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_steps_are_a_function_of_seed_and_epoch(strategy, rows):
    first, again, epoch, seed = (
        plain(steps_of(strategy, rows, seed=seed, epoch=epoch)) for seed, epoch in ((1, 1), (1, 1), (1, 2), (2, 1))
    )
    assert first == again
    assert first != epoch
    assert first != seed


def test_joint_steps_have_every_row_once_for_all_tasks():
    steps = steps_of("joint")
    assert {len(step) for step in steps} == {1}
    assert {step[0].tasks for step in steps} == {frozenset(MEMBERS)}
    assert sorted(row for step in steps for row in step[0].rows) == list(range(len(LENGTHS)))


def test_alternating_steps_have_one_sub_batch_a_task():
    steps = steps_of("alternating")
    assert len(steps) == 15  # 115 rows of the largest task
    for step in steps:
        assert [part.tasks for part in step] == [frozenset({name}) for name in MEMBERS]
        for part, rows in zip(step, MEMBERS.values(), strict=True):
            assert set(part.rows.tolist()) <= set(rows.tolist())
            assert 1 <= len(part.rows) <= 8


def test_alternating_steps_go_through_the_largest_task_once_and_begin_the_others_again():
    steps = steps_of("alternating")
    seen = {name: [row for step in steps for row in step[at].rows.tolist()] for at, name in enumerate(MEMBERS)}
    assert sorted(seen["intent"]) == MEMBERS["intent"].tolist()
    assert [seen["ner"].count(row) for row in MEMBERS["ner"]] == [3] * 40  # 15 steps of 5 batches a round
    assert sorted(seen["tiny"]) == sorted([5, 6, 7] * 15)
    assert sorted(seen["ner"][:40]) == sorted(seen["ner"][40:80])
    assert seen["ner"][:40] != seen["ner"][40:80]


@pytest.mark.timeout(20)
def test_a_task_without_a_row_takes_no_part():
    members = {"intent": np.arange(20), "ner": np.array([], dtype=np.int64)}
    steps = steps_of("alternating", Rows(LENGTHS, members, members, {}))
    assert len(steps) == 3
    assert {tuple(part.tasks for part in step) for step in steps} == {(frozenset({"intent"}),)}


@one_source_a_step
def test_a_step_is_one_batch_of_one_source_for_the_tasks_that_it_feeds(strategy):
    for (part,) in steps_of(strategy, BY_SET):
        assert 1 <= len(part.rows) <= 8
        assert any(set(part.rows.tolist()) <= set(own.tolist()) for own in SETS.values())
        assert part.tasks == frozenset(MEMBERS)
    for (part,) in steps_of(strategy, BY_TASK):
        (task,) = part.tasks
        assert set(part.rows.tolist()) <= set(MEMBERS[task].tolist())


@one_source_a_step
def test_each_source_feeds_its_own_tasks(strategy):
    feeds = {"large": frozenset({"intent", "ner"}), "middle": frozenset({"tiny"}), "small": frozenset()}
    rows = Rows(LENGTHS, MEMBERS, SETS, feeds)
    steps = steps_of(strategy, rows)
    assert [part.tasks for (part,) in steps] == [feeds[name] for name in names_of(steps, rows)]


@one_source_a_step
@pytest.mark.timeout(20)
def test_a_source_without_a_row_takes_no_part(strategy):
    rows = Rows(LENGTHS, {}, {**SETS, "none": np.array([], dtype=np.int64)}, BY_SET.feeds)
    assert plain(steps_of(strategy, rows)) == plain(steps_of(strategy, BY_SET))


@one_source_a_step
def test_a_single_source_is_gone_through_once_an_epoch(strategy):
    rows = rows_of_sizes([50])
    for epoch in (1, 2):
        steps = steps_of(strategy, rows, epoch=epoch)
        assert sorted(row for (part,) in steps for row in part.rows.tolist()) == list(range(50))


@by_set_and_by_task
def test_proportional_steps_have_every_row_of_every_source_once(rows):
    for epoch in (1, 2, 3):
        seen = Counter(row for (part,) in steps_of("proportional", rows, epoch=epoch) for row in part.rows.tolist())
        assert seen == Counter(row for own in rows.sources.values() for row in own.tolist())


@pytest.mark.parametrize("strategy", ["proportional", "uniform", "temperature"])
def test_sources_come_in_no_order(strategy):
    """Not one after the other, nor in turns."""
    names = names_of(steps_of(strategy, BY_SET, batch_size=4), BY_SET)
    changes = sum(before != after for before, after in pairwise(names))
    assert 0.3 < changes / len(names) < 0.9
    assert names != names_of(steps_of(strategy, BY_SET, batch_size=4, epoch=2), BY_SET)


sizes_of_sources = st.lists(st.integers(1, 60), min_size=1, max_size=5)


def counts_of(strategy, sizes, batch_size, temperature=2.0):
    """How many steps each source has."""
    rows = rows_of_sizes(sizes)
    names = Counter(names_of(steps_of(strategy, rows, batch_size=batch_size, temperature=temperature), rows))
    return [names[name] for name in rows.sources]


@given(sizes_of_sources, st.integers(1, 10))
def test_uniform_steps_are_shared_out_equally(sizes, batch_size):
    counts = counts_of("uniform", sizes, batch_size)
    assert max(counts) - min(counts) <= 1
    assert sum(counts) == sum(counts_of("proportional", sizes, batch_size))


@given(sizes_of_sources, st.integers(1, 10), st.floats(1.0, 20.0))
@example(sizes=[60, 1, 1], batch_size=10, temperature=1.01)
@example(sizes=[4, 5, 10], batch_size=5, temperature=1.5)
def test_shares_grow_as_the_temperature_says(sizes, batch_size, temperature):
    counts = counts_of("temperature", sizes, batch_size, temperature)
    total = sum(counts_of("proportional", sizes, batch_size))
    grown = [size ** (1 / temperature) for size in sizes]
    exact = [share / sum(grown) * total for share in grown]
    if temperature > 1.0:
        assert all(count == 1 or abs(count - wanted) < 1 for count, wanted in zip(counts, exact, strict=True))
    if min(exact) >= 1:
        assert sum(counts) == total
    assert min(counts) >= 1


def test_shares_by_hand():
    sizes = [800, 200, 50]
    assert counts_of("proportional", sizes, 10) == [80, 20, 5]
    assert counts_of("temperature", sizes, 10, 1.0) == [80, 20, 5]
    assert counts_of("temperature", sizes, 10, 2.0) == [60, 30, 15]
    assert counts_of("temperature", sizes, 10, 1e6) == counts_of("uniform", sizes, 10) == [35, 35, 35]


@given(sizes_of_sources, st.integers(1, 10))
def test_a_temperature_of_one_is_proportional(sizes, batch_size):
    rows = rows_of_sizes(sizes)
    of_temperature = steps_of("temperature", rows, batch_size=batch_size, temperature=1.0)
    assert plain(of_temperature) == plain(steps_of("proportional", rows, batch_size=batch_size))


@given(sizes_of_sources, st.integers(1, 10), st.integers(1, 4))
def test_round_robin_takes_strict_turns_until_the_largest_is_through(sizes, batch_size, epoch):
    rows = rows_of_sizes(sizes)
    names = names_of(steps_of("round_robin", rows, batch_size=batch_size, epoch=epoch), rows)
    turns = -(-max(sizes) // batch_size)
    assert names == [f"s{at}" for at in range(len(sizes))] * turns


@pytest.mark.parametrize("strategy", ["proportional", "uniform", "temperature", "round_robin"])
@given(sizes=sizes_of_sources, batch_size=st.integers(1, 10), seed=st.integers(0, 3))
def test_over_the_epochs_no_row_comes_again_before_all_of_its_source_came(strategy, sizes, batch_size, seed):
    rows = rows_of_sizes(sizes)
    seen = Counter()
    for epoch in range(1, 6):
        steps = steps_of(strategy, rows, batch_size=batch_size, seed=seed, epoch=epoch)
        seen.update(row for (part,) in steps for row in part.rows.tolist())
        for own in rows.sources.values():
            counts = [seen[row] for row in own.tolist()]
            assert max(counts) - min(counts) <= 1


@given(sizes_of_sources, st.integers(1, 10), st.integers(0, 3))
def test_in_turns_a_source_carries_on_in_the_next_epoch_where_it_stopped(sizes, batch_size, seed):
    rows = rows_of_sizes(sizes)
    came = {frozenset(feeds): [] for feeds in rows.feeds.values()}
    for epoch in range(1, 5):
        for (part,) in steps_of("round_robin", rows, batch_size=batch_size, seed=seed, epoch=epoch):
            came[part.tasks] += part.rows.tolist()
    for own, order in zip(rows.sources.values(), came.values(), strict=True):
        for start in range(0, len(order), len(own)):
            part = order[start : start + len(own)]
            assert len(set(part)) == len(part)


def test_each_pass_through_a_source_has_an_order_of_its_own():
    rows = rows_of_sizes([40, 400])
    steps = steps_of("round_robin", rows, batch_size=4)
    order = [row for (part,) in steps if "task of s0" in part.tasks for row in part.rows.tolist()]
    passes = [tuple(order[start : start + 40]) for start in range(0, 400, 40)]
    assert len(set(passes)) == 10
