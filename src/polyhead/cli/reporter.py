"""What `polyhead train` writes on the way."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from polyhead.cli.console import announce
from polyhead.cli.diagnosis import diagnosis_lines
from polyhead.cli.epochs import epoch_table
from polyhead.cli.figures import epoch_figures
from polyhead.training.diagnosis import Diagnosis
from polyhead.training.reporting import EpochReport, Reporter, StepReport

_LINES_A_RUN = 20
"""Lines on the way that a run writes where there is no terminal."""


class ConsoleReporter(Reporter):
    """Writes how a run goes, line by line: for pipes and files. `LiveReporter` is for terminals.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = self._epochs = 0
        self._reports: list[EpochReport] = []
        self._best: EpochReport | None = None
        self._profile: Sequence[str] = ()
        self._diagnosis: Diagnosis | None = None

    def info(self, topic: str, line: str) -> None:
        """Write a fact."""
        self._console.print(Text.assemble((f"{topic:<8}", "bold cyan"), line))

    def warn(self, line: str) -> None:
        """Write a warning."""
        announce(self._console, "warning", line)

    def start(self, *, steps: int, epochs: int) -> None:
        """Keep how long the run is."""
        self._steps, self._epochs = steps, epochs

    def resume(self, *, step: int, epochs: Sequence[EpochReport], best: EpochReport | None) -> None:
        """Write where the run goes on, and keep the epochs before."""
        self.info("resume", f"after step {step:,} of {self._steps:,}, with {len(epochs)} epochs finished")
        self._reports, self._best = list(epochs), best

    def step(self, report: StepReport) -> None:
        """Write a line now and then."""
        if report.step % max(1, self._steps // _LINES_A_RUN) == 0:
            losses = " ".join(f"{name} {loss:.3f}" for name, loss in report.losses.items()) or "none"
            line = f"step {report.step}/{self._steps}  epoch {report.epoch}  loss {losses}  lr {report.lr:.2e}"
            self._console.print(line, markup=False)

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Write an epoch's figures, and keep them for the table."""
        self._keep(report, is_best=is_best)
        figures = "  ".join(f"{name} {value}" for name, value in epoch_figures(report).items())
        speed = f"{report.rows_per_second:.0f} rows/s, {report.tokens_per_second:,.0f} tokens/s"
        line = f"epoch {report.epoch}/{self._epochs}  {figures}  ({report.seconds:.1f} s, {speed})"
        self._console.print(line, markup=False)

    def profile(self, lines: Sequence[str]) -> None:
        """Keep it for the end, below the table."""
        self._profile = lines

    def diagnosis(self, found: Diagnosis) -> None:
        """Keep it for the end, likewise."""
        self._diagnosis = found

    def close(self) -> None:
        """Write the table of all epochs that were finished."""
        if self._reports:
            self._console.print()
            self._console.print(epoch_table(self._reports, best=self._best, width=self._console.width))
        if self._diagnosis:
            for part in diagnosis_lines(self._diagnosis):
                self._console.print(part)
        if self._profile:
            self._console.print(Text("\nwhere a step's time goes", "bold"))
            self._console.print("\n".join(self._profile), markup=False, highlight=False)

    def _keep(self, report: EpochReport, *, is_best: bool) -> None:
        self._reports.append(report)
        if is_best:
            self._best = report
