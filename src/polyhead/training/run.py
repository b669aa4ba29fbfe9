"""One run from settings to saved bundles."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyhead.batching import Step
from polyhead.bundle import FORMAT_VERSION, About, write_folder
from polyhead.evaluation import evaluate_records, mean_score
from polyhead.inference import Predictor
from polyhead.model import TorchRuntime
from polyhead.model.single_file import write_single_file
from polyhead.model.weights import save_weights
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.tasks import task_state
from polyhead.training.loop import Steps, train_steps
from polyhead.training.prepare import Prepared, prepare, versions
from polyhead.training.reporting import EpochReport, Reporter, StepReport
from polyhead.training.run_folder import RunFolder


@dataclass(frozen=True)
class TrainedRun:
    """What a run left.

    Attributes:
        folder: The output folder.
        best: The bundle of the best epoch by dev score, else of the last.
        epochs: The report of each epoch.
    """

    folder: Path
    best: Path
    epochs: tuple[EpochReport, ...]


def run_training(
    settings: RunSettings, *, reporter: Reporter | None = None, single_file: str | None = None
) -> TrainedRun:
    """Train a model and save a bundle after every epoch.

    Args:
        settings: All settings.
        reporter: Hears how the run goes.
        single_file: Also save each epoch as one file of this name, in which ``{epoch}`` stands for its number.

    Raises:
        PolyheadError: If settings, data or encoder cannot be used. Nothing is written before they were checked.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(settings.output)
    folder.check()
    notices = Notices(strict=settings.strict)
    prepared = prepare(settings, notices)
    for line in notices.lines():
        reporter.warn(line)
    for topic, line in prepared.facts():
        reporter.info(topic, line)
    if earlier := folder.earlier_epochs():
        reporter.warn(f"{folder.path} holds an earlier run of {len(earlier)} epochs; it is replaced")
    folder.open(prepared.account())
    try:
        return _Run(prepared, folder, reporter, single_file).go()
    finally:
        folder.close()
        reporter.close()


class _Run:
    """Takes the steps; scores, saves and accounts for each epoch."""

    def __init__(self, prepared: Prepared, folder: RunFolder, reporter: Reporter, single_file: str | None) -> None:
        self._prepared, self._folder = prepared, folder
        self._reporter, self._single_file = reporter, single_file
        self._epochs: list[EpochReport] = []

    def go(self) -> TrainedRun:
        prepared, training = self._prepared, self._prepared.settings.training
        self._reporter.start(steps=prepared.plan.steps, epochs=training.epochs)
        loop = train_steps(
            prepared.model,
            prepared.examples,
            tasks=prepared.data.tasks,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            steps=_all_steps(prepared.steps, training.epochs),
            clip=training.clip,
        )
        epoch = _Meter()
        for report in loop:
            epoch.add(report)
            self._folder.log("step", **asdict(report))
            self._reporter.step(report)
            if report.step % prepared.plan.steps_per_epoch == 0:
                self._finish_epoch(report.epoch, epoch)
                epoch = _Meter()
        best = _best(self._epochs) or self._epochs[-1]
        return TrainedRun(self._folder.path, self._folder.path / best.folder, tuple(self._epochs))

    def _finish_epoch(self, epoch: int, meter: _Meter) -> None:
        losses, seconds, rate = meter.read()
        scores, score = self._score()
        self._save(epoch, scores)
        report = EpochReport(epoch, _bundle_name(epoch), losses, scores, score, seconds, rate)
        self._epochs.append(report)
        best = _best(self._epochs)
        account = {**asdict(report), "single_file": self._single_name(epoch)}
        self._folder.add_epoch(account, best=best.folder if best else None)
        self._reporter.epoch(report, is_best=best is report)

    def _score(self) -> tuple[dict[str, Any] | None, float | None]:
        prepared = self._prepared
        if not prepared.data.dev:
            return None, None
        self._reporter.evaluating(records=len(prepared.data.dev))
        runtime = TorchRuntime(prepared.model)
        predictor = Predictor(tasks=prepared.data.tasks, text_encoder=prepared.text_encoder, runtime=runtime)
        scores = evaluate_records(predictor, prepared.data.dev, on_batch=self._reporter.evaluated)
        return scores, mean_score(predictor, scores)

    def _save(self, epoch: int, scores: dict[str, Any] | None) -> None:
        prepared = self._prepared
        about = About(
            format_version=FORMAT_VERSION,
            encoder=prepared.pretrained.name,
            tasks=tuple(task_state(task) for task in prepared.data.tasks),
            encoding=prepared.encoding,
            epoch=epoch,
            dev=scores,
            settings=prepared.resolved_settings(),
            versions=versions(),
        )
        texts = {
            "config_json": prepared.pretrained.config_json,
            "tokenizer_json": prepared.pretrained.tokenizer_json,
        }
        write_folder(
            self._folder.path / _bundle_name(epoch),
            about=about,
            write_weights=lambda path: save_weights(prepared.model, path),
            **texts,
        )
        if single := self._single_name(epoch):
            write_single_file(self._folder.path / single, about=about, model=prepared.model, **texts)

    def _single_name(self, epoch: int) -> str | None:
        return self._single_file.format(epoch=epoch) if self._single_file else None


class _Meter:
    """Losses and speed of one epoch."""

    def __init__(self) -> None:
        self._started, self._rows = time.perf_counter(), 0
        self._losses: dict[str, list[float]] = defaultdict(list)

    def add(self, report: StepReport) -> None:
        self._rows += report.rows
        for name, loss in report.losses.items():
            self._losses[name].append(loss)

    def read(self) -> tuple[dict[str, float], float, float]:
        """Return the mean loss of each task over the steps that had it, the seconds, and rows a second."""
        seconds = time.perf_counter() - self._started
        means = {name: sum(losses) / len(losses) for name, losses in self._losses.items()}
        return means, round(seconds, 2), round(self._rows / seconds, 1)


def _bundle_name(epoch: int) -> str:
    return f"epoch-{epoch}"


def _all_steps(steps: Steps, epochs: int) -> Iterator[tuple[int, Step]]:
    for epoch in range(1, epochs + 1):
        for step in steps.of_epoch(epoch):
            yield epoch, step


def _best(epochs: list[EpochReport]) -> EpochReport | None:
    scored = [report for report in epochs if report.score is not None]
    return max(scored, key=lambda report: report.score or 0.0, default=None)
