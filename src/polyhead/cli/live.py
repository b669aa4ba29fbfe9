"""What `polyhead train` shows on a terminal: a table that grows with the run, and a bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group
from rich.live import Live
from rich.padding import Padding
from rich.progress import Progress, TaskID

from polyhead.cli.console import progress_bar
from polyhead.cli.epochs import epoch_table
from polyhead.cli.pace import Pace, clock_time
from polyhead.cli.reporter import ConsoleReporter
from polyhead.training.reporting import EpochReport, Meter, StepReport

_REFRESHES = 4
"""Times a second that the table is drawn anew; steps only count."""
_OTHER_LINES = 7
"""Lines beside the table's rows: two of headers, two blank, two bars, and the one that the cursor stands in."""
_ECHO = len("^C")
"""What a terminal writes behind the bar when Ctrl-C is pressed; it must not begin another line."""


class LiveReporter(ConsoleReporter):
    """Shows a row an epoch, the last of which is under way, and the steps as a bar.

    Args:
        console: A terminal.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._live: Live | None = None

    def start(self, *, steps: int, epochs: int) -> None:
        """Begin to show."""
        super().start(steps=steps, epochs=epochs)
        self._pace, self._meter = Pace(steps=steps, epochs=epochs), Meter()
        self._bar: Progress = progress_bar(self._console, time_left=False)
        self._training = self._bar.add_task("epoch 1", total=steps)
        self._scoring: TaskID | None = None
        self._live = Live(
            get_renderable=self._view, console=self._console, refresh_per_second=_REFRESHES, transient=True
        )
        self._live.start(refresh=True)

    def resume(self, *, step: int, epochs: Sequence[EpochReport], best: EpochReport | None) -> None:
        """Show the epochs before, and the bar where it stood."""
        super().resume(step=step, epochs=epochs, best=best)
        self._pace = Pace(steps=self._steps - step, epochs=self._epochs - len(epochs))
        self._bar.update(self._training, completed=step, description=f"epoch {len(epochs) + 1}")

    def step(self, report: StepReport) -> None:
        """Count a step."""
        self._pace.step()
        self._meter.add(report)
        self._bar.update(self._training, advance=1, description=f"epoch {report.epoch}")

    def evaluating(self, *, records: int) -> None:
        """Set up a bar for dev scores."""
        self._end_scoring()
        self._scoring = self._bar.add_task("dev scores", total=records)

    def evaluated(self, records: int) -> None:
        """Move the bar of the dev scores."""
        if self._scoring is not None:
            self._bar.update(self._scoring, advance=records)

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Keep an epoch's figures, and begin with the next."""
        self._end_scoring()
        self._pace.epoch()
        self._meter = Meter()
        self._keep(report, is_best=is_best)

    def close(self) -> None:
        """Give the terminal back, with the table of all epochs that were finished."""
        if self._live:
            self._live.stop()
        super().close()

    def _end_scoring(self) -> None:
        if self._scoring is not None:
            self._bar.remove_task(self._scoring)
            self._scoring = None

    def _view(self) -> Group:
        """Draw what there is now; the thread of the display asks for it."""
        reports = list(self._reports)
        left = self._pace.left()
        table = epoch_table(
            reports,
            best=self._best,
            width=self._console.width,
            most=max(1, self._console.height - _OTHER_LINES),
            running=self._meter.read() if len(reports) < self._epochs else None,
            left="" if left is None else f"{clock_time(left)} left",
        )
        return Group("", table, "", Padding(self._bar, (0, _ECHO, 0, 0)))


def console_reporter(console: Console) -> ConsoleReporter:
    """Return what writes to a console: a live table where it is a terminal, else lines."""
    return LiveReporter(console) if console.is_interactive else ConsoleReporter(console)
