"""Figures over plain Python values."""

from polyhead.metrics.classes import class_scores
from polyhead.metrics.entities import entity_scores
from polyhead.metrics.label_sets import label_set_scores
from polyhead.metrics.numbers import number_scores

__all__ = ["class_scores", "entity_scores", "label_set_scores", "number_scores"]
