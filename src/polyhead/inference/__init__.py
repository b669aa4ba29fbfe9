"""Texts to predictions. No torch, no transformers: a runtime that needs them is loaded by name."""

from polyhead.inference.loading import open_model
from polyhead.inference.predictor import Predictor
from polyhead.inference.results import Reading, Result
from polyhead.inference.runtime import Runtime

__all__ = ["Predictor", "Reading", "Result", "Runtime", "open_model"]
