import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.metrics.confidence import BINS, ConfidenceScorer

answers = st.lists(st.tuples(st.integers(0, 40).map(lambda value: value / 40), st.booleans()), min_size=1, max_size=30)


def scores(given_answers):
    scorer = ConfidenceScorer()
    scorer.add(given_answers)
    return scorer.scores()


def test_no_answer_has_no_figures():
    assert scores([]) is None


@given(answers)
def test_the_error_is_the_mean_gap_over_bins(given_answers):
    confidence, right = (np.array(side, dtype=float) for side in zip(*given_answers, strict=True))
    wanted = 0.0
    for at in range(BINS):
        own = np.minimum((confidence * BINS).astype(int), BINS - 1) == at
        if own.any():
            wanted += own.mean() * abs(confidence[own].mean() - right[own].mean())
    found = scores(given_answers)
    assert found["expected_calibration_error"] == pytest.approx(wanted)
    assert sum(row["answers"] for row in found["bins"]) == found["answers"] == len(given_answers)


@given(answers)
def test_a_threshold_keeps_what_it_promises(given_answers):
    for row in scores(given_answers)["thresholds"]:
        if row["threshold"] is None:
            assert row["coverage"] == 0
            continue
        kept = [is_right for confidence, is_right in given_answers if confidence >= row["threshold"]]
        assert sum(kept) / len(kept) >= row["accuracy"]
        assert row["coverage"] == pytest.approx(len(kept) / len(given_answers))


@given(answers)
def test_no_lower_threshold_keeps_it(given_answers):
    for row in scores(given_answers)["thresholds"]:
        reached = 2.0 if row["threshold"] is None else row["threshold"]
        for threshold in {confidence for confidence, _ in given_answers if confidence < reached}:
            kept = [is_right for confidence, is_right in given_answers if confidence >= threshold]
            assert sum(kept) / len(kept) < row["accuracy"]


def test_risk_by_coverage():
    rows = scores([(0.9, True), (0.8, True), (0.7, False), (0.6, True)] * 5)["coverage"]
    risks = {row["coverage"]: row["risk"] for row in rows}
    assert risks[1.0] == pytest.approx(0.25)
    assert risks[0.5] == 0.0
    assert {row["coverage"]: row["from"] for row in rows}[0.5] == 0.8


def test_a_model_that_is_as_sure_as_it_is_right_has_hardly_an_error():
    chance = np.random.default_rng(0)
    confidence = chance.uniform(0.3, 1.0, 20_000)
    right = chance.random(20_000) < confidence
    assert scores(zip(confidence, right, strict=True))["expected_calibration_error"] < 0.015
    assert scores(zip(np.sqrt(confidence), right, strict=True))["expected_calibration_error"] > 0.08
