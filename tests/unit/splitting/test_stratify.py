"""Groups are shared out: as many records as wanted, and each label in its share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.splitting.evening import even_out
from polyhead.splitting.stratify import Groups, Wanted, groups_of, stratify, whole_shares

COUNT = 5
records = st.lists(st.tuples(st.integers(0, 30), st.sets(st.integers(0, COUNT - 1))), min_size=1, max_size=80)
shares = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=4)


def grouped(records: list[tuple[int, set[int]]]) -> Groups:
    numbers = np.unique([group for group, _ in records], return_inverse=True)[1]
    return groups_of(numbers, [labels for _, labels in records], count=COUNT)


def got(groups: Groups, part_of: np.ndarray, parts: int) -> np.ndarray:
    counts = np.zeros((groups.count, parts))
    for own, part in zip(groups.labels, part_of, strict=True):
        for label, count in own:
            counts[label, part] += count
    return counts


def loss(groups: Groups, wanted: Wanted, part_of: np.ndarray) -> float:
    of_labels = np.array(wanted.of_labels)
    off = got(groups, part_of, of_labels.shape[1]) - of_labels
    return float((np.square(off) / np.maximum(of_labels, 1)).sum())


@given(records, shares, st.integers(0, 5))
def test_each_part_has_its_records_but_for_less_than_the_largest_group(records, shares, seed) -> None:
    groups = grouped(records)
    wanted = Wanted.in_shares(groups, shares)
    part_of = stratify(groups, wanted, random=np.random.default_rng(seed))
    assert set(part_of.tolist()) <= set(range(len(shares)))
    sizes = np.bincount(part_of, weights=groups.sizes, minlength=len(shares))
    assert np.abs(sizes - wanted.records).max() < max(groups.sizes)
    evened = even_out(groups, wanted, part_of)
    assert np.bincount(evened, weights=groups.sizes, minlength=len(shares)).tolist() == sizes.tolist()


@given(records, shares, st.integers(0, 5))
def test_exchanges_bring_labels_nearer_to_what_is_wanted(records, shares, seed) -> None:
    groups = grouped(records)
    wanted = Wanted.in_shares(groups, shares)
    part_of = stratify(groups, wanted, random=np.random.default_rng(seed))
    evened = even_out(groups, wanted, part_of)
    assert loss(groups, wanted, evened) <= loss(groups, wanted, part_of) + 1e-9


@given(records, shares, st.integers(0, 5))
def test_no_exchange_of_two_groups_of_one_size_is_left_that_would_help_much(records, shares, seed) -> None:
    """The costs that exchanges are chosen by are those that they have: the best of all was found, or nearly."""
    groups = grouped(records)
    wanted = Wanted.in_shares(groups, shares)
    start = stratify(groups, wanted, random=np.random.default_rng(seed))
    evened = even_out(groups, wanted, start)
    before = loss(groups, wanted, evened)
    assert before <= loss(groups, wanted, start) + 1e-9
    # Those with one label at most are tried with all others, so that among them no exchange is left.
    single = [at for at, own in enumerate(groups.labels) if len(own) <= 1 and groups.sizes[at] == 1]
    if len(single) == len(groups.sizes) and len({tuple(groups.labels[at]) for at in single}) <= 4:
        for one in single:
            for other in single:
                tried = evened.copy()
                tried[one], tried[other] = evened[other], evened[one]
                assert loss(groups, wanted, tried) >= before - 1e-6


def test_labels_are_nearer_to_their_shares_than_at_random() -> None:
    random = np.random.default_rng(3)
    for chance in (0.02, 0.2):
        rows = [(at, set(np.flatnonzero(random.random(COUNT) < chance).tolist())) for at in range(1500)]
        groups = grouped(rows)
        wanted = Wanted.in_shares(groups, (80, 10, 10))
        part_of = even_out(groups, wanted, stratify(groups, wanted, random=np.random.default_rng(0)))
        by_chance = [loss(groups, wanted, random.permutation(part_of)) for _ in range(20)]
        assert loss(groups, wanted, part_of) < min(by_chance) / 2
        assert np.abs(got(groups, part_of, 3) - np.array(wanted.of_labels)).max() < 2


def test_a_label_of_one_record_goes_to_the_largest_part() -> None:
    groups = grouped([(at, {0} if at == 7 else set()) for at in range(20)])
    wanted = Wanted.in_shares(groups, (10, 80, 10))
    for seed in range(5):
        assert even_out(groups, wanted, stratify(groups, wanted, random=np.random.default_rng(seed)))[7] == 1


def test_what_a_group_costs_in_the_last_part_keeps_it_out_of_it() -> None:
    groups = grouped([(at, {0}) for at in range(20)])
    wanted = Wanted.in_shares(groups, (1, 1))
    start = np.array([0, 1] * 10)
    evened = even_out(groups, wanted, start, in_last=[1.0] * 10 + [0.0] * 10)
    assert evened.tolist() == [0] * 10 + [1] * 10


@pytest.mark.parametrize(
    ("total", "shares", "wanted"), [(10, (80, 10, 10), [8, 1, 1]), (7, (1, 1, 1), [3, 2, 2]), (1, (0.1, 0.9), [0, 1])]
)
def test_whole_shares(total: int, shares: tuple[float, ...], wanted: list[int]) -> None:
    assert whole_shares(total, shares) == wanted
