"""Kinds of task. A new kind is one file in this folder and one line in `KINDS`."""

from polyhead.tasks.base import IGNORE, HeadSpec, Prediction, Scores, Task, TaskOptions
from polyhead.tasks.kinds import KINDS, kind_named, options_of, restore_task, task_state
from polyhead.tasks.single_label import SingleLabel
from polyhead.tasks.tagging import Tagging

__all__ = [
    "IGNORE",
    "KINDS",
    "HeadSpec",
    "Prediction",
    "Scores",
    "SingleLabel",
    "Tagging",
    "Task",
    "TaskOptions",
    "kind_named",
    "options_of",
    "restore_task",
    "task_state",
]
