"""Figures over plain Python values."""

from polyhead.metrics.classes import Choice, ClassScorer
from polyhead.metrics.entities import EntityScorer
from polyhead.metrics.label_sets import LabelSetScorer
from polyhead.metrics.numbers import NumberScorer
from polyhead.metrics.scorer import ListScorer, Scorer, Scores, headline_of
from polyhead.metrics.shares import ShareScorer

__all__ = [
    "Choice",
    "ClassScorer",
    "EntityScorer",
    "LabelSetScorer",
    "ListScorer",
    "NumberScorer",
    "Scorer",
    "Scores",
    "ShareScorer",
    "headline_of",
]
