import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from polyhead.metrics import NumberScorer


def number_scores(golds, found):
    return NumberScorer(float).over(golds, found)


number = st.integers(-20, 20).map(lambda value: value / 4)


@given(st.lists(st.tuples(number, number), min_size=2, max_size=12))
def test_the_figures_are_those_of_scipy_and_sklearn(pairs):
    golds, found = [gold for gold, _ in pairs], [answer for _, answer in pairs]
    assume(len(set(golds)) > 1)
    assume(len(set(found)) > 1)
    assert number_scores(golds, found) == {
        "pearson": pytest.approx(pearsonr(golds, found).statistic, abs=1e-9),
        "spearman": pytest.approx(spearmanr(golds, found).statistic, abs=1e-9),
        "amounts": {
            "mae": pytest.approx(mean_absolute_error(golds, found)),
            "rmse": pytest.approx(root_mean_squared_error(golds, found)),
        },
    }


def test_right_numbers_have_the_full_score():
    assert number_scores([1.0, 2.0, 4.0], [1.0, 2.0, 4.0]) == {
        "pearson": pytest.approx(1.0),
        "spearman": pytest.approx(1.0),
        "amounts": {"mae": 0.0, "rmse": 0.0},
    }


def test_the_same_answer_for_all_tells_nothing():
    scores = number_scores([1.0, 2.0, 3.0], [0.1, 0.1, 0.1])
    assert (scores["pearson"], scores["spearman"]) == (0.0, 0.0)


@pytest.mark.parametrize("golds", [[2.0], [0.1, 0.1, 0.1]])
def test_gold_without_differences_defines_no_correlation(golds):
    scores = number_scores(golds, [float(at) for at in range(len(golds))])
    assert (scores["pearson"], scores["spearman"]) == (None, None)
    assert scores["amounts"]["mae"] is not None


def test_no_record_has_no_figures():
    assert number_scores([], []) == {"pearson": None, "spearman": None, "amounts": {"mae": None, "rmse": None}}


@pytest.mark.parametrize("size", [1e99, 1e-99])
def test_large_and_small_numbers(size):
    scores = number_scores([size, 2 * size, 4 * size], [-size, 0.0, 2 * size])
    assert scores["pearson"] == pytest.approx(1.0)
