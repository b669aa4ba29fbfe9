"""Scores of a predictor on annotated records."""

from polyhead.evaluation.evaluate import Criterion, evaluate, evaluate_records, mean_score, tune_and_evaluate

__all__ = ["Criterion", "evaluate", "evaluate_records", "mean_score", "tune_and_evaluate"]
