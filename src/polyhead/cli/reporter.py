"""A run on the terminal: a bar where there is a terminal, plain lines where there is none."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from polyhead.cli.console import announce, progress_bar
from polyhead.cli.figures import epoch_figures
from polyhead.training.reporting import EpochReport, Reporter, StepReport

_LINES_A_RUN = 20
"""Lines on the way that a run writes where there is no terminal."""
_COLUMNS = 9
"""Figures that go beside each other in a table."""


class ConsoleReporter(Reporter):
    """Writes how a run goes.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: Progress | None = None
        self._training: TaskID | None = None
        self._scoring: TaskID | None = None
        self._steps = self._epochs = 0
        self._reports: list[tuple[EpochReport, bool]] = []

    def info(self, topic: str, line: str) -> None:
        """Write a fact."""
        self._console.print(f"{topic:<8}", style="bold cyan", end="")
        self._console.print(line, markup=False)

    def warn(self, line: str) -> None:
        """Write a warning."""
        announce(self._console, "warning", line)

    def start(self, *, steps: int, epochs: int) -> None:
        """Set up the bar."""
        self._steps, self._epochs = steps, epochs
        self._bar = progress_bar(self._console)
        self._bar.start()
        self._training = self._bar.add_task("training", total=steps, note="")

    def step(self, report: StepReport) -> None:
        """Move the bar; where there is none, write a line now and then."""
        note = " ".join(f"{name} {loss:.3f}" for name, loss in report.losses.items())
        if self._bar and self._training is not None:
            self._bar.update(self._training, advance=1, description=f"epoch {report.epoch}", note=note)
        every = max(1, self._steps // _LINES_A_RUN)
        if not self._console.is_terminal and report.step % every == 0:
            line = f"step {report.step}/{self._steps}  epoch {report.epoch}  loss {note}  lr {report.lr:.2e}"
            self._console.print(line, markup=False)

    def evaluating(self, *, records: int) -> None:
        """Set up a bar for dev scores."""
        if self._bar:
            self._scoring = self._bar.add_task("dev scores", total=records, note="")

    def evaluated(self, records: int) -> None:
        """Move the bar of the dev scores."""
        if self._bar and self._scoring is not None:
            self._bar.update(self._scoring, advance=records)

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Write an epoch's figures, and keep them for the table."""
        if self._bar and self._scoring is not None:
            self._bar.remove_task(self._scoring)
            self._scoring = None
        self._reports.append((report, is_best))
        figures = "  ".join(f"{name} {value}" for name, value in epoch_figures(report).items())
        speed = f"{report.seconds:.1f} s, {report.rows_per_second:.0f} rows/s"
        self._console.print(f"epoch {report.epoch}/{self._epochs}  {figures}  ({speed})", markup=False)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar:
            self._bar.stop()

    def table(self) -> Table:
        """Return the epochs' figures as a table, the best one marked."""
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("epoch", justify="right")
        names = list(dict.fromkeys(name for report, _ in self._reports for name in epoch_figures(report)))
        if len(names) > _COLUMNS and any(report.dev for report, _ in self._reports):
            names = [name for name in names if not name.endswith(" loss")]  # which stand in the lines above
        for name in names:
            table.add_column(name, justify="right")
        table.add_column("")
        best = max((at for at, (_, is_best) in enumerate(self._reports) if is_best), default=None)
        for at, (report, _) in enumerate(self._reports):
            figures: dict[str, Any] = epoch_figures(report)
            mark = "← best" if at == best else ""
            row = [str(report.epoch), *(figures.get(name, "") for name in names), mark]
            table.add_row(*row, style="bold green" if at == best else None)
        return table
