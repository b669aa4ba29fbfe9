"""Kinds of task. A new kind is one file in this folder and one line in `KINDS`."""

from polyhead.metrics import Scores
from polyhead.tasks.base import Prediction, Task, TaskOptions
from polyhead.tasks.head import IGNORE, Constraints, HeadSpec
from polyhead.tasks.kinds import ENTRY_POINTS, KINDS, kind_named, known_kinds, options_of, restore_task, task_state
from polyhead.tasks.multi_label import MultiLabel
from polyhead.tasks.regression import Regression
from polyhead.tasks.single_label import SingleLabel
from polyhead.tasks.spans import SpanClassification
from polyhead.tasks.tagging import Tagging
from polyhead.tasks.token_label import TokenLabel

__all__ = [
    "ENTRY_POINTS",
    "IGNORE",
    "KINDS",
    "Constraints",
    "HeadSpec",
    "MultiLabel",
    "Prediction",
    "Regression",
    "Scores",
    "SingleLabel",
    "SpanClassification",
    "Tagging",
    "Task",
    "TaskOptions",
    "TokenLabel",
    "kind_named",
    "known_kinds",
    "options_of",
    "restore_task",
    "task_state",
]
