"""Figures over plain Python values."""

from polyhead.metrics.classes import class_scores
from polyhead.metrics.entities import entity_scores

__all__ = ["class_scores", "entity_scores"]
