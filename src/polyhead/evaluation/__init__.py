"""Scores of a predictor on annotated records."""

from polyhead.evaluation.calibrate import calibrate
from polyhead.evaluation.compare import compare, got_worse
from polyhead.evaluation.evaluate import Criterion, evaluate, mean_score, tune_and_evaluate
from polyhead.evaluation.intervals import RESAMPLES, intervals
from polyhead.evaluation.scoring import brief

__all__ = [
    "RESAMPLES",
    "Criterion",
    "brief",
    "calibrate",
    "compare",
    "evaluate",
    "got_worse",
    "intervals",
    "mean_score",
    "tune_and_evaluate",
]
