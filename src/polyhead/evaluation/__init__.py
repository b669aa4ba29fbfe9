"""Scores of a predictor on annotated records."""

from polyhead.evaluation.evaluate import Criterion, evaluate, evaluate_records, mean_score, tune_and_evaluate
from polyhead.evaluation.intervals import RESAMPLES, intervals

__all__ = [
    "RESAMPLES",
    "Criterion",
    "evaluate",
    "evaluate_records",
    "intervals",
    "mean_score",
    "tune_and_evaluate",
]
