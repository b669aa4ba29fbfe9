"""Intervals over records and seeds, against cases that are worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from polyhead.studies.sharing.resampling import Models, interval_of_difference, samples_of, welch


def constant(values: list[float], samples: int = 2000) -> Models:
    """Models whose figures are the same in all samples: records make no difference."""
    return Models(values, np.repeat(np.array(values)[:, None], samples, axis=1))


def test_samples_are_the_same_each_time_and_have_as_many_records() -> None:
    first, second = (np.concatenate(list(samples_of(7))) for _ in range(2))
    assert first.shape == (2000, 7)
    assert (first == second).all()
    assert (first.sum(axis=1) == 7).all()


def test_many_records_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polyhead.studies.sharing.resampling._CELLS_AT_ONCE", 100)
    parts = list(samples_of(30, resamples=10))
    assert [len(part) for part in parts] == [3, 3, 3, 1]
    assert all((part.sum(axis=1) == 30).all() for part in parts)


def test_where_records_make_no_difference_it_is_welchs_interval() -> None:
    one, other = [0.90, 0.92, 0.91], [0.95, 0.93, 0.97]
    found = interval_of_difference(constant(one), constant(other))
    # By hand: variances 1e-4 and 4e-4, each by 3: error sqrt(5e-4 / 3); freedom (5e-4)² / ((1e-4)² / 2 + (4e-4)² / 2).
    error, freedom = (5e-4 / 3) ** 0.5, 25 / (1 / 2 + 16 / 2)
    half = stats.t.ppf(0.975, freedom) * error
    assert welch(one, other) == pytest.approx((error, freedom))
    assert found == pytest.approx([0.04 - half, 0.04 + half], abs=2e-4)
    theirs = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.95)
    assert found == pytest.approx([theirs.low, theirs.high], abs=2e-4)


def test_where_seeds_make_no_difference_it_is_the_paired_bootstraps() -> None:
    weights = np.concatenate(list(samples_of(100)))
    right = np.arange(100) < 80
    better = np.arange(100) < 90  # ten records that only the other has right
    one, other = (np.repeat((weights @ own / 100)[None], 3, axis=0) for own in (right, better))
    found = interval_of_difference(Models([0.8] * 3, one), Models([0.9] * 3, other))
    # Each of the ten counts by itself: a sample has a binomial number of them, of 100 records and a tenth.
    low, high = (stats.binom.ppf(end, 100, 0.1) / 100 for end in (0.025, 0.975))
    assert found == pytest.approx([low, high], abs=0.011)
    unpaired = other[0] - one[0][::-1]
    assert found[1] - found[0] < np.quantile(unpaired, 0.975) - np.quantile(unpaired, 0.025)


def test_one_seed_says_nothing_of_seeds() -> None:
    assert welch([0.9], [0.8]) == (0.0, 0.0)
    assert interval_of_difference(constant([0.8]), constant([0.9])) == pytest.approx([0.1, 0.1])


def test_seeds_that_differ_widen_the_interval() -> None:
    weights = np.concatenate(list(samples_of(200)))
    right = (weights @ (np.arange(200) < 150) / 200)[None]
    still = Models([0.75] * 3, right + np.zeros((3, 1)))
    same = interval_of_difference(still, still)
    spread = np.array([[-0.03], [0.0], [0.03]])
    moved = Models([0.72, 0.75, 0.78], right + spread)
    wide = interval_of_difference(still, moved)
    assert same == pytest.approx([0.0, 0.0])
    assert wide is not None
    assert wide[0] < -0.05
    assert wide[1] > 0.05


def test_what_seeds_do_to_single_records_is_counted_once() -> None:
    """Each seed has other records right, and as many: by hand, the records' part has nothing left of its own."""
    weights = np.concatenate(list(samples_of(400)))
    random = np.random.default_rng(1)
    right = (random.random((2, 60, 400)) < 0.8).astype(float)
    one, other = (Models(own.mean(axis=1).tolist(), (weights @ own.T).T / 400) for own in right)
    error, freedom = welch(one.values, other.values)
    half = stats.t.ppf(0.975, freedom) * error
    middle = np.mean(other.values) - np.mean(one.values)
    found = interval_of_difference(one, other)
    assert found is not None
    assert found == pytest.approx([middle - half, middle + half], abs=0.25 * half)


def test_what_nothing_defines_has_no_interval() -> None:
    broken = constant([0.5, 0.6])
    broken.samples[1, 7] = np.nan
    assert interval_of_difference(broken, constant([0.5, 0.6])) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=4), st.lists(st.floats(0, 1), min_size=2, max_size=4))
def test_an_interval_turns_round_with_its_sides_and_keeps_to_what_shares_can_be(
    one: list[float], other: list[float]
) -> None:
    there, back = (interval_of_difference(constant(a), constant(b)) for a, b in ((one, other), (other, one)))
    assert there is not None
    assert back is not None
    assert -1 <= there[0] <= there[1] <= 1
    assert there == pytest.approx([-back[1], -back[0]], abs=1e-6)
    assert there[0] - 1e-9 <= np.mean(other) - np.mean(one) <= there[1] + 1e-9
