"""Several trainings on the terminal: a bar for all, one for the training that runs, a line for each that ended."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import Progress, TaskID

from polyhead.cli.console import announce, progress_bar
from polyhead.studies import StudyReporter
from polyhead.training.reporting import StepReport


class ConsoleStudyReporter(StudyReporter):
    """Writes how several trainings go; what is said at the first of them only is not repeated.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._trainings: TaskID | None = None
        self._steps: TaskID | None = None
        self._name, self._number, self._of = "", 0, 0
        self._epochs, self._began = 0, 0.0
        self._warned: set[str] = set()

    def warn(self, line: str) -> None:
        """Write a warning, unless an earlier training gave one of the same words."""
        words = line.partition(";")[0].lstrip("0123456789, ")
        if words not in self._warned:
            self._warned.add(words)
            announce(self._console, "warning", line)

    def begin(self, name: str, *, number: int, of: int) -> None:
        """Set up the bars."""
        self._set_up(number, of)
        self._name, self._number, self._of, self._began = name, number, of, time.perf_counter()

    def start(self, *, steps: int, epochs: int) -> None:
        """Set up the bar of one training."""
        self._epochs = epochs
        if self._bar:
            self._steps = self._bar.add_task(self._name, total=steps)

    def step(self, report: StepReport) -> None:
        """Move the bar of one training."""
        if self._bar and self._steps is not None:
            self._bar.update(
                self._steps, advance=1, description=f"{self._name}, epoch {report.epoch} of {self._epochs}"
            )

    def finish(self, line: str) -> None:
        """Write what came of a training, and move the bar of all."""
        seconds = time.perf_counter() - self._began
        self.ended(self._name, line, number=self._number, of=self._of, seconds=seconds)
        if self._bar and self._steps is not None:
            self._bar.remove_task(self._steps)
            self._steps = None

    def ended(self, name: str, line: str, *, number: int, of: int, seconds: float) -> None:
        """Write what came of a training that another process took, and move the bar of all."""
        self._set_up(number, of)
        count = f"{number}/{of}"
        self._console.print(f"{count:>5}  {name}  {line}  ({seconds:.0f} s)", markup=False)
        if self._bar and self._trainings is not None:
            self._bar.update(self._trainings, completed=number)

    def tell(self, line: str) -> None:
        """Write what is worth knowing."""
        self._console.print(line, markup=False)

    def _set_up(self, number: int, of: int) -> None:
        """Begin to show a bar of all trainings."""
        if self._bar is None:
            self._bar = progress_bar(self._console)
            self._trainings = self._bar.add_task("trainings", total=of, completed=number - 1)
            self._bar.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ending: object) -> None:
        """Take the bars away."""
        if self._bar:
            self._bar.stop()
