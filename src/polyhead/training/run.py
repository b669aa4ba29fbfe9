"""One run from settings to saved bundles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyhead.batching import Step
from polyhead.bundle import FORMAT_VERSION, About, Bundle, write_folder
from polyhead.evaluation import mean_score, tune_and_evaluate
from polyhead.inference import Predictor
from polyhead.model import TorchRuntime
from polyhead.model.freezing import free_layers
from polyhead.model.single_file import write_single_file
from polyhead.model.weights import save_weights
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.tasks import Task, task_state
from polyhead.training.averaging import LastEpochs
from polyhead.training.choosing import best_of, heads_that_stop, run_is_over
from polyhead.training.data import TrainingData
from polyhead.training.extending import about_with_head, prove_heads
from polyhead.training.guard import Guard
from polyhead.training.loop import LossSettings, train_steps
from polyhead.training.prepare import Prepared, prepare, versions
from polyhead.training.reporting import EpochReport, Meter, Reporter
from polyhead.training.run_folder import RunFolder
from polyhead.training.tracking import Tracking, check_trackers


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

    @property
    def best_epoch(self) -> EpochReport:
        """The report of the epoch whose bundle is `best`."""
        return _best(self.epochs)


def run_training(
    settings: RunSettings,
    *,
    reporter: Reporter | None = None,
    single_file: str | None = None,
    base: Bundle | None = None,
    data: TrainingData | None = None,
) -> TrainedRun:
    """Train a model and save a bundle after every epoch.

    Args:
        settings: All settings.
        reporter: Hears how the run goes.
        single_file: Also save each epoch as one file of this name, in which ``{epoch}`` stands for its number.
        base: A trained model that is given further heads; then neither its encoder nor its heads learn.
        data: What is trained on instead of the settings' files.

    Raises:
        PolyheadError: If settings, data or encoder cannot be used. Nothing is written before they were checked.
    """
    reporter = reporter or Reporter()
    folder = RunFolder(settings.output)
    folder.check()
    check_trackers(settings.tracking)
    notices = Notices(strict=settings.strict)
    prepared = prepare(settings, notices, base=base, data=data)
    for line in notices.lines():
        reporter.warn(line)
    for topic, line in prepared.facts():
        reporter.info(topic, line)
    if earlier := folder.epochs():
        reporter.warn(f"{folder.path} holds an earlier run of {len(earlier)} epochs; it is replaced")
    folder.open(prepared.account())
    tracking = Tracking(settings.tracking, folder=folder.tracking, reporter=reporter)
    with closing(reporter), closing(folder), closing(tracking):
        tracking.start(prepared.resolved_settings())
        return _Run(prepared, folder, reporter, tracking, single_file).go()


@dataclass(frozen=True)
class _Scored:
    """A model's tasks, tuned on dev, with its dev scores.

    Attributes:
        tasks: All of the model's tasks.
        dev: The scores; `None` without dev data.
        score: Their weighted mean.
    """

    tasks: tuple[Task, ...]
    dev: dict[str, Any] | None
    score: float | None

    def beats(self, other: _Scored) -> bool:
        """Whether the dev score is higher; any is higher than none."""
        return self.score is not None and (other.score is None or self.score > other.score)


class _Run:
    """Takes the steps; scores, saves and accounts for each epoch."""

    def __init__(
        self, prepared: Prepared, folder: RunFolder, reporter: Reporter, tracking: Tracking, single_file: str | None
    ) -> None:
        self._prepared, self._folder = prepared, folder
        self._reporter, self._tracking, self._single_file = reporter, tracking, single_file
        self._dev = prepared.data.dev
        self._epochs: list[EpochReport] = []
        self._stopped: set[str] = set()
        self._last = LastEpochs(prepared.settings.training.average)
        self._guard = Guard(prepared.settings.training, reporter=reporter, log=folder.log)

    def go(self) -> TrainedRun:
        prepared, training = self._prepared, self._prepared.settings.training
        self._reporter.start(steps=prepared.plan.steps, epochs=training.epochs)
        loop = train_steps(
            prepared.model,
            prepared.examples,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            steps=self._all_steps(),
            losses=LossSettings(
                weights={task.name: task.weight for task in prepared.tasks},
                clip=training.clip,
                soft_weight=prepared.settings.teacher.weight,
                temperature=prepared.settings.teacher.temperature,
            ),
            guard=self._guard,
            stopped=self._stopped,
        )
        epoch = Meter()
        for report in loop:
            epoch.add(report)
            self._folder.log("step", **asdict(report))
            self._tracking.step(report)
            self._reporter.step(report)
            if report.step % prepared.plan.steps_per_epoch == 0:
                self._finish_epoch(report.epoch, epoch)
                epoch = Meter()
                if self._is_over(report.epoch):
                    break
        for line in self._guard.summary():
            self._reporter.info("guard", line)
        if prepared.base:
            prove_heads(prepared.base, self._folder)
            self._reporter.info("proof", "the other heads' logits are bit-equal to before, in every bundle of the run")
        best = _best(self._epochs)
        return TrainedRun(self._folder.path, self._folder.path / best.folder, tuple(self._epochs))

    def _all_steps(self) -> Iterator[tuple[int, Step]]:
        training = self._prepared.settings.training
        for epoch in range(1, training.epochs + 1):
            if training.unfreeze:
                free_layers(self._prepared.model.encoder, (epoch - 1) * training.unfreeze)
            for step in self._prepared.steps.of_epoch(epoch):
                yield epoch, step

    def _finish_epoch(self, epoch: int, meter: Meter) -> None:
        own = meter.read()
        model = self._prepared.model
        self._last.add(model)
        scored = self._scored()
        averaged = 1
        if len(self._last) > 1:
            with self._last.mean_in(model):
                mean = self._scored()
                if not self._dev or mean.beats(scored):
                    scored, averaged = mean, len(self._last)
                    self._save(epoch, scored)
        if averaged == 1:
            self._save(epoch, scored)
        metrics = {name: criterion.metric for name, criterion in self._prepared.criteria.items()}
        report = EpochReport(
            epoch=epoch,
            folder=_bundle_name(epoch),
            losses=own.losses,
            dev=scored.dev,
            score=scored.score,
            seconds=own.seconds,
            rows_per_second=own.rows_per_second,
            tokens_per_second=own.tokens_per_second,
            metrics=metrics,
            averaged=averaged,
        )
        self._epochs.append(report)
        best = best_of(self._epochs)
        account = {**asdict(report), "single_file": self._single_name(epoch)}
        self._folder.add_epoch(account, best=best.folder if best else None)
        self._tracking.epoch(report)
        self._reporter.epoch(report, is_best=best is report)

    def _is_over(self, epoch: int) -> bool:
        """Stop heads, and say whether the run should stop, after an epoch that is not the last."""
        settings = self._prepared.settings
        if epoch == settings.training.epochs:
            return False
        for name in sorted(heads_that_stop(self._epochs, self._prepared.criteria, settings.tasks) - self._stopped):
            self._stopped.add(name)
            self._prepared.model.head(name).requires_grad_(False)
            self._reporter.info("stop", f"head {name!r}: no better for {settings.tasks[name].patience} epochs")
        if self._stopped >= {task.name for task in self._prepared.data.tasks}:
            self._reporter.info("stop", "all heads have stopped")
            return True
        if run_is_over(self._epochs, settings.training.patience):
            self._reporter.info("stop", f"no better dev score for {settings.training.patience} epochs")
            return True
        return False

    def _scored(self) -> _Scored:
        """Tune the tasks on dev data, and score the model as it is now."""
        prepared = self._prepared
        if not self._dev:
            return _Scored(prepared.tasks, None, None)
        self._reporter.evaluating(records=len(self._dev))
        predictor = Predictor(
            tasks=prepared.data.tasks, text_encoder=prepared.text_encoder, runtime=TorchRuntime(prepared.model)
        )
        predictor, scores = tune_and_evaluate(predictor, self._dev, on_batch=self._reporter.evaluated)
        tuned = {task.name: task for task in predictor.tasks}
        tasks = tuple(tuned.get(task.name, task) for task in prepared.tasks)
        return _Scored(tasks, scores, mean_score(scores, prepared.criteria))

    def _save(self, epoch: int, scored: _Scored) -> None:
        prepared = self._prepared
        about = About(
            format_version=FORMAT_VERSION,
            encoder=prepared.pretrained.name,
            tasks=tuple(task_state(task) for task in scored.tasks),
            encoding=prepared.encoding,
            epoch=epoch,
            dev=scored.dev,
            settings=prepared.resolved_settings(),
            versions=versions(),
        )
        texts = {
            "config_json": prepared.pretrained.config_json,
            "tokenizer_json": prepared.pretrained.tokenizer_json,
        }
        if prepared.base:
            about = about_with_head(about, prepared.base.about)
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


def _best(epochs: Sequence[EpochReport]) -> EpochReport:
    """Return the best epoch by dev score, else the last."""
    return best_of(epochs) or epochs[-1]


def _bundle_name(epoch: int) -> str:
    return f"epoch-{epoch}"
