"""One trial: a training that is watched, given up or broken off, and of which only figures stay."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from polyhead.errors import DataError, EncoderError, SettingsError, TrainingError
from polyhead.settings import RunSettings, SavingSettings
from polyhead.studies.runs import StudyReporter
from polyhead.training import EpochReport, Reporter, TrainedRun, run_training
from polyhead.training.choosing import best_of
from polyhead.training.data import TrainingData
from polyhead.training.reporting import StepReport
from polyhead.training.run_folder import RunFolder

FAILURES = (TrainingError, torch.OutOfMemoryError, MemoryError)
"""What ends a training, and not the search."""
UNFIT = (*FAILURES, SettingsError, DataError, EncoderError)
"""The same of values that are searched: some that do not go together are to be expected."""

Prune = Callable[[Sequence[float | None]], bool]


class GivenUpError(Exception):
    """A trial is worth no further epoch."""


class TimeIsUpError(Exception):
    """The time of the search is over."""


@dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Attributes:
        scores: The dev score after each epoch.
        best: The best epoch; `None` where nothing defines a score.
        pruned: Whether it was given up.
        resolved: The settings, with what was worked out; none of a training that was given up.
        seconds: How long it took.
        warnings: What was odd about it.
    """

    scores: list[float | None]
    best: EpochReport | None
    pruned: bool
    resolved: Mapping[str, Any]
    seconds: float
    warnings: list[str]


def train_once(
    settings: RunSettings,
    data: TrainingData,
    *,
    folder: Path,
    reporter: StudyReporter,
    check: Callable[[], None],
    prune: Prune | None = None,
) -> Outcome:
    """Train, and remove what the training leaves, however it ends.

    Args:
        settings: All settings.
        data: What is trained on.
        folder: Where bundles go meanwhile.
        reporter: Hears how it goes.
        check: Called after each step; may raise.
        prune: Says, after an epoch that is not the last, whether the trial is worth no further one.

    Raises:
        PolyheadError: If the training fails.
        TimeIsUpError: If `check` says so.
        TrainingStoppedError: If `check` says so.
    """
    began = time.perf_counter()
    watch = _Watch(reporter, check=check, prune=prune)
    saving = SavingSettings(every_minutes=0.0)  # a trial that is broken off begins anew
    own = settings.model_copy(update={"output": folder, "saving": saving})
    try:
        run = _run(own, data, watch)
        resolved = (RunFolder(folder).account() or {})["settings"] if run else {}
        best = run.best_epoch if run else watch.best()
        scored = best if best is not None and best.score is not None else None
        seconds = round(time.perf_counter() - began, 2)
        return Outcome(watch.scores, scored, run is None, resolved, seconds, watch.warnings)
    finally:
        clear(folder)
        _free_memory()


def _run(settings: RunSettings, data: TrainingData, watch: _Watch) -> TrainedRun | None:
    try:
        return run_training(settings, reporter=watch, data=data)
    except GivenUpError:
        return None


def clear(folder: Path) -> None:
    """Remove what a training left, also one whose process was killed."""
    if folder.exists():
        RunFolder(folder).discard()


def _free_memory() -> None:
    """Give back what a training held that is over: the next one may be larger."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


class _Watch(Reporter):
    """Hears a training, and ends it where that is due.

    Attributes:
        warnings: What was odd.
    """

    def __init__(self, reporter: StudyReporter, *, check: Callable[[], None], prune: Prune | None) -> None:
        self._reporter, self._check, self._prune = reporter, check, prune
        self.warnings: list[str] = []
        self._epochs = 0
        self._reports: list[EpochReport] = []

    @property
    def scores(self) -> list[float | None]:
        """The dev score after each epoch."""
        return [report.score for report in self._reports]

    def best(self) -> EpochReport | None:
        """Return the best epoch so far."""
        return best_of(self._reports)

    def warn(self, line: str) -> None:
        self.warnings.append(line)

    def start(self, *, steps: int, epochs: int) -> None:
        self._epochs = epochs
        self._reporter.start(steps=steps, epochs=epochs)

    def step(self, report: StepReport) -> None:
        self._reporter.step(report)
        self._check()

    def evaluating(self, *, records: int) -> None:
        self._reporter.evaluating(records=records)

    def evaluated(self, records: int) -> None:
        self._reporter.evaluated(records)
        self._check()

    def epoch(self, report: EpochReport, *, is_best: bool) -> None:
        """Keep the score; give the trial up where that is due.

        Raises:
            GivenUpError: If it is.
        """
        self._reports.append(report)
        self._reporter.epoch(report, is_best=is_best)
        if report.epoch < self._epochs and self._prune and self._prune(self.scores):
            raise GivenUpError
