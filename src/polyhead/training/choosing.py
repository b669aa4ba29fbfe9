"""What decides: which epoch is the best, when a head stops, when the run does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from polyhead.evaluation import Criterion
from polyhead.settings import RunSettings, TaskSettings
from polyhead.tasks import Task
from polyhead.training.reporting import EpochReport


def criteria_of(tasks: Sequence[Task], settings: RunSettings) -> dict[str, Criterion]:
    """Return, by task, the figure that counts and its weight."""
    found = {}
    for task in tasks:
        own = settings.tasks.get(task.name)
        metric = own.metric if own and own.metric else task.metrics[0]
        found[task.name] = Criterion(metric, own.score_weight if own else 1.0)
    return found


def best_of(epochs: Sequence[EpochReport]) -> EpochReport | None:
    """Return the epoch with the highest dev score, the first of equals; `None` where none has a score."""
    scored = [(report.score, -at, report) for at, report in enumerate(epochs) if report.score is not None]
    return max(scored)[-1] if scored else None


def since_best(values: Sequence[float | None]) -> int:
    """Return how many epochs have passed since the highest value; 0 where there is none."""
    known = [(value, -at) for at, value in enumerate(values) if value is not None]
    return len(values) - 1 + max(known)[1] if known else 0


def run_is_over(epochs: Sequence[EpochReport], patience: int | None) -> bool:
    """Whether as many epochs as the patience have passed without a better dev score."""
    return patience is not None and since_best([report.score for report in epochs]) >= patience


def heads_that_stop(
    epochs: Sequence[EpochReport], criteria: Mapping[str, Criterion], tasks: Mapping[str, TaskSettings]
) -> set[str]:
    """Return the tasks whose own figure has not risen for as many epochs as their patience."""
    return {
        name
        for name, own in tasks.items()
        if own.patience is not None
        and name in criteria
        and since_best([_figure(report.dev, name, criteria[name]) for report in epochs]) >= own.patience
    }


def _figure(scores: Mapping[str, Any] | None, task: str, criterion: Criterion) -> float | None:
    value: float | None = scores["tasks"][task][criterion.metric] if scores else None
    return value
