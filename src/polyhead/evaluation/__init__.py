"""Scores of a predictor on annotated records."""

from polyhead.evaluation.evaluate import evaluate, evaluate_records, mean_score

__all__ = ["evaluate", "evaluate_records", "mean_score"]
