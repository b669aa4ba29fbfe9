"""What a lower precision costs each task on dev data, and whether that is too much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError
from polyhead.evaluation import evaluate
from polyhead.inference import Predictor


@dataclass(frozen=True)
class Drop:
    """What a task loses.

    Attributes:
        task: Its name.
        figure: The figure that is looked at: the task's usual one.
        records: Dev records that carry the task's annotation.
        before: The figure in fp32.
        after: In the lower precision.
    """

    task: str
    figure: str
    records: int
    before: float
    after: float

    @property
    def points(self) -> float:
        """What is lost, in points of a hundred; below 0 where something is won."""
        return 100 * (self.before - self.after)

    def to_json(self) -> dict[str, Any]:
        """Return the figures."""
        return {**asdict(self), "drop": self.points}

    def __str__(self) -> str:
        name = self.figure.replace("_", " ")
        return f"{self.task}: {name} {100 * self.before:.2f} became {100 * self.after:.2f} ({self.points:+.2f})"


class Gate:
    """Compares a graph's dev scores with those in fp32.

    Args:
        fp32: The model in fp32.
        dev: Dev data; together they annotate every task.
        max_drop: The points of a hundred that a task may lose.

    Raises:
        SettingsError: If the data do not annotate every task, or a figure is not defined on them.
        DataError: If the data cannot be read.
    """

    def __init__(self, fp32: Predictor, dev: Sequence[Path], *, max_drop: float) -> None:
        self._dev, self._tasks, self.max_drop = dev, fp32.tasks, max_drop
        self._before = self._figures(fp32)
        covered = {task for task, _ in self._before}
        if missing := [task.name for task in fp32.tasks if task.name not in covered]:
            raise SettingsError(
                f"--dev: no record annotates {', '.join(map(repr, missing))}, so nothing would say what a lower "
                f"precision costs there; name a file for each task (--dev may be repeated)"
            )

    def drops(self, graph: Predictor) -> list[Drop]:
        """Score a graph, and compare."""
        after = self._figures(graph)
        return [
            # A correlation is not defined where all answers are one number: then nothing of it is left.
            Drop(task, figure, records, before, after[task, file][2] if (task, file) in after else 0.0)
            for (task, file), (figure, records, before) in self._before.items()
        ]

    def passes(self, drops: Sequence[Drop]) -> bool:
        """Whether no task loses more than it may."""
        return all(drop.points <= self.max_drop for drop in drops)

    def _figures(self, predictor: Predictor) -> dict[tuple[str, Path], tuple[str, int, float]]:
        """Return, by task and file, the figure's name, how many records it is of, and the figure."""
        found = {}
        for file in self._dev:
            scores = evaluate(predictor, file, resamples=0)["tasks"]
            for task in self._tasks:
                own, figure = scores.get(task.name, {}), task.metrics[0]
                if own.get("records") and own.get(figure) is not None:
                    found[task.name, file] = (figure, own["records"], own[figure])
        return found
