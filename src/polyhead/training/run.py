"""One run from settings to saved bundles."""

from __future__ import annotations

import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from polyhead import __version__
from polyhead.batching import Step
from polyhead.bundle import FORMAT_VERSION, About, EncodingState, write_folder
from polyhead.encoding import TextEncoder
from polyhead.evaluation import evaluate_records, mean_score
from polyhead.inference import Predictor
from polyhead.model import MultiTaskModel, Pretrained, TorchRuntime, load_pretrained
from polyhead.model.freezing import freeze
from polyhead.model.single_file import write_single_file
from polyhead.model.weights import save_weights
from polyhead.notices import Notices
from polyhead.settings import RunSettings
from polyhead.tasks import task_state
from polyhead.training.data import TrainingData, load_data
from polyhead.training.engine import Engine, make_accelerator, make_engine, make_repeatable, resolve_precision
from polyhead.training.examples import make_examples
from polyhead.training.loop import Steps, train_steps
from polyhead.training.plan import choose_batch_size, make_plan
from polyhead.training.reporting import EpochReport, Reporter
from polyhead.training.run_folder import RunFolder

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy")


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
    try:
        return _Run(settings, reporter, single_file).go()
    finally:
        reporter.close()


class _Run:
    def __init__(self, settings: RunSettings, reporter: Reporter, single_file: str | None) -> None:
        self._settings, self._reporter, self._single_file = settings, reporter, single_file
        self._folder = RunFolder(settings.output)
        self._epochs: list[EpochReport] = []

    def go(self) -> TrainedRun:
        training = self._settings.training
        self._folder.check()
        self._data = self._read()
        make_repeatable(training.seed)
        self._pretrained = load_pretrained(self._settings.encoder)
        self._encoder, self._encoding = self._text_encoder(self._pretrained)
        self._model = MultiTaskModel(
            encoder=self._pretrained.encoder,
            heads={task.name: task.head() for task in self._data.tasks},
            head_dropout=training.head_dropout,
        )
        freeze(self._model.encoder, training.freeze)
        accelerator = make_accelerator(training.precision)
        self._model.to(accelerator.device)
        examples = make_examples(self._data.train, self._data.tasks, self._encoder)
        batch_size = choose_batch_size(training, rows=len(examples))
        steps = Steps(examples, self._data.tasks, settings=training, batch_size=batch_size)
        self._plan = make_plan(
            training,
            hidden=self._model.encoder.config.hidden_size,  # type: ignore[union-attr,arg-type]
            batch_size=batch_size,
            steps_per_epoch=len(steps.of_epoch(1)),
        )
        self._describe(len(examples))
        engine = make_engine(self._model, accelerator, settings=training, plan=self._plan)
        self._begin()
        try:
            self._train(examples, engine, steps)
        finally:
            self._folder.close()
        best = _best(self._epochs) or self._epochs[-1]
        return TrainedRun(self._folder.path, self._folder.path / best.folder, tuple(self._epochs))

    def _read(self) -> TrainingData:
        notices = Notices(strict=self._settings.strict)
        data = load_data(self._settings, notices)
        for line in notices.lines():
            self._reporter.warn(line)
        return data

    def _text_encoder(self, pretrained: Pretrained) -> tuple[TextEncoder, EncodingState]:
        wanted = self._settings.encoding
        state = EncodingState(
            max_pieces=pretrained.max_pieces(wanted.max_length), pad_id=pretrained.pad_id, overlap=wanted.overlap
        )
        encoder = TextEncoder(pretrained.tokenizer_json, **state.model_dump())
        return encoder, state

    def _describe(self, rows: int) -> None:
        data, plan, say = self._data, self._plan, self._reporter.info
        weights = sum(weight.numel() for weight in self._model.parameters())
        frozen = sum(weight.numel() for weight in self._model.parameters() if not weight.requires_grad)
        say(
            "encoder",
            f"{self._pretrained.name}, {weights / 1e6:.1f} M parameters"
            + (f" ({frozen / 1e6:.1f} M frozen)" if frozen else "")
            + f", rows of up to {self._encoder.max_pieces} pieces",
        )
        for task in data.tasks:
            count = sum(task.name in record.annotations for record in data.train)
            say("task", f"{task.name}: {task.kind} from {task.field!r}, {task.describe()}, {count:,} records")
        cut = f" in {rows:,} rows (longer texts cut into windows)" if rows > len(data.train) else ""
        dev = "a stratified tenth, held out of the training data" if data.held_out else "as given"
        if not data.dev:
            dev = "too few texts to hold any out: the last epoch counts as the best"
        say("data", f"train {len(data.train):,} records{cut}, dev {len(data.dev):,} ({dev})")
        say(
            "plan",
            f"{self._settings.training.strategy}, {self._settings.training.epochs} epochs of {plan.steps_per_epoch:,} "
            f"steps, batch {plan.batch_size}, learning rate {plan.lr:.2g} (heads {plan.head_lr:.2g}), "
            f"warm-up {plan.warmup_steps} steps, {resolve_precision(self._settings.training.precision)}, "
            f"{self._model.device().type}, seed {self._settings.training.seed}",
        )

    def _begin(self) -> None:
        if earlier := self._folder.earlier_epochs():
            self._reporter.warn(f"{self._folder.path} holds an earlier run of {len(earlier)} epochs; it is replaced")
        self._folder.open(
            {
                "settings": self._resolved(),
                "plan": self._plan.to_json(),
                "data": self._data.files,
                "dev": {"records": len(self._data.dev), "held_out": self._data.held_out},
                "tasks": [task_state(task) for task in self._data.tasks],
                "versions": _versions(),
                "seed": self._settings.training.seed,
            }
        )

    def _train(self, examples: list[Any], engine: Engine, steps: Steps) -> None:
        self._reporter.start(steps=self._plan.steps, epochs=self._settings.training.epochs)
        loop = train_steps(
            self._model,
            examples,
            tasks=self._data.tasks,
            encoder=self._encoder,
            engine=engine,
            steps=_all_steps(steps, self._settings.training.epochs),
            clip=self._settings.training.clip,
        )
        started, rows, losses = time.perf_counter(), 0, defaultdict(list)
        for report in loop:
            rows += report.rows
            for name, loss in report.losses.items():
                losses[name].append(loss)
            self._folder.log("step", **asdict(report))
            self._reporter.step(report)
            if report.step % self._plan.steps_per_epoch == 0:
                means = {name: sum(values) / len(values) for name, values in losses.items()}
                self._finish_epoch(report.epoch, means, time.perf_counter() - started, rows)
                started, rows, losses = time.perf_counter(), 0, defaultdict(list)

    def _finish_epoch(self, epoch: int, losses: dict[str, float], seconds: float, rows: int) -> None:
        scores, score = self._score()
        name = f"epoch-{epoch}"
        self._save(epoch, self._folder.path / name, scores)
        report = EpochReport(epoch, name, losses, scores, score, round(seconds, 2), round(rows / seconds, 1))
        self._epochs.append(report)
        best = _best(self._epochs)
        epoch_account = {**asdict(report), "single_file": self._single_name(epoch)}
        self._folder.add_epoch(epoch_account, best=best.folder if best else None)
        self._reporter.epoch(report, is_best=best is report)

    def _score(self) -> tuple[dict[str, Any] | None, float | None]:
        if not self._data.dev:
            return None, None
        self._reporter.evaluating(records=len(self._data.dev))
        predictor = Predictor(tasks=self._data.tasks, text_encoder=self._encoder, runtime=TorchRuntime(self._model))
        scores = evaluate_records(predictor, self._data.dev, on_batch=self._reporter.evaluated)
        return scores, mean_score(predictor, scores)

    def _save(self, epoch: int, folder: Path, scores: dict[str, Any] | None) -> None:
        about = About(
            format_version=FORMAT_VERSION,
            encoder=self._pretrained.name,
            tasks=tuple(task_state(task) for task in self._data.tasks),
            encoding=self._encoding,
            epoch=epoch,
            dev=scores,
            settings=self._resolved(),
            versions=_versions(),
        )
        texts = {"config_json": self._pretrained.config_json, "tokenizer_json": self._pretrained.tokenizer_json}
        write_folder(folder, about=about, write_weights=lambda path: save_weights(self._model, path), **texts)
        if single := self._single_name(epoch):
            write_single_file(self._folder.path / single, about=about, model=self._model, **texts)

    def _single_name(self, epoch: int) -> str | None:
        return self._single_file.format(epoch=epoch) if self._single_file else None

    def _resolved(self) -> dict[str, Any]:
        """Return the settings with the values that were worked out."""
        settings: dict[str, Any] = self._settings.model_dump(mode="json")
        plan = self._plan.to_json()
        settings["training"] |= {key: plan[key] for key in ("batch_size", "lr", "head_lr")}
        settings["training"]["precision"] = resolve_precision(self._settings.training.precision)
        settings["encoding"]["max_length"] = self._encoding.max_pieces
        return settings


def _all_steps(steps: Steps, epochs: int) -> Iterator[tuple[int, Step]]:
    for epoch in range(1, epochs + 1):
        for step in steps.of_epoch(epoch):
            yield epoch, step


def _best(epochs: list[EpochReport]) -> EpochReport | None:
    scored = [report for report in epochs if report.score is not None]
    return max(scored, key=lambda report: report.score or 0.0, default=None)


def _versions() -> dict[str, str]:
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return {"polyhead": __version__, "python": platform.python_version(), **packages}
