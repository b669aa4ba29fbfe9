"""The end of an epoch: the model is scored on dev data, averaged where that is better, and saved as a bundle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from polyhead.bundle import FORMAT_VERSION, About, write_folder
from polyhead.evaluation import mean_score, tune_and_evaluate
from polyhead.inference import Predictor
from polyhead.model import TorchRuntime
from polyhead.model.merging import as_saved
from polyhead.model.single_file import write_single_file
from polyhead.model.weights import save_weights
from polyhead.tasks import Task, task_state
from polyhead.training.averaging import LastEpochs
from polyhead.training.disk import saving
from polyhead.training.extending import about_with_head
from polyhead.training.prepare import Prepared, versions
from polyhead.training.reporting import Reporter
from polyhead.training.run_folder import RunFolder


@dataclass(frozen=True)
class Scored:
    """A model's tasks, tuned on dev, with its dev scores.

    Attributes:
        tasks: All of the model's tasks.
        dev: The scores; `None` without dev data.
        score: Their weighted mean.
        averaged: Over how many epochs' ends the model's weights are the mean; 1: they are this epoch's own.
    """

    tasks: tuple[Task, ...]
    dev: dict[str, Any] | None
    score: float | None
    averaged: int = 1

    def beats(self, other: Scored) -> bool:
        """Whether the dev score is higher; any is higher than none."""
        return self.score is not None and (other.score is None or self.score > other.score)


class EpochEnd:
    """Scores and saves a model.

    Args:
        prepared: The run.
        folder: Where bundles go.
        reporter: Hears of scoring.
        check: Called now and then while scores are computed; may raise.
        single_file: Also save each epoch as one file of this name, in which ``{epoch}`` stands for its number.
    """

    def __init__(
        self,
        prepared: Prepared,
        folder: RunFolder,
        reporter: Reporter,
        *,
        check: Callable[[], None],
        single_file: str | None,
    ) -> None:
        self._prepared, self._folder, self._reporter = prepared, folder, reporter
        self._check, self._single_file = check, single_file

    def close(self, epoch: int, last: LastEpochs) -> Scored:
        """Score the model as it is and, where several epochs' weights are kept, their mean; save the better one."""
        model = self._prepared.model
        self._tell_weights(epoch)
        last.add(epoch, model)
        scored = self._scored()
        if len(last) > 1:
            with last.mean_in(model):
                mean = self._scored(averaged=len(last))
                if mean.dev is None or mean.beats(scored):
                    self._save(epoch, mean)
                    return mean
        self._save(epoch, scored)
        return scored

    def _tell_weights(self, epoch: int) -> None:
        if weights := self._prepared.balancing.learnt():
            self._folder.log("balancing", epoch=epoch, weights=weights)
            self._reporter.info("balance", ", ".join(f"{name} {weight:.3g}" for name, weight in weights.items()))

    def single_name(self, epoch: int) -> str | None:
        """Return the name of an epoch's single file."""
        return self._single_file.format(epoch=epoch) if self._single_file else None

    def _scored(self, *, averaged: int = 1) -> Scored:
        """Tune the tasks on dev data, and score the model as it is now."""
        prepared = self._prepared
        if not prepared.data.dev:
            return Scored(prepared.tasks, None, None, averaged)
        self._reporter.evaluating(records=len(prepared.data.dev))
        # What is scored is what is saved: an adapter that is merged gives other last bits than one beside the encoder.
        runtime = TorchRuntime(as_saved(prepared.model))
        predictor = Predictor(tasks=prepared.data.tasks, text_encoder=prepared.text_encoder, runtime=runtime)
        predictor, scores = tune_and_evaluate(predictor, prepared.data.dev, on_batch=self._evaluated)
        tuned = {task.name: task for task in predictor.tasks}
        tasks = tuple(tuned.get(task.name, task) for task in prepared.tasks)
        return Scored(tasks, scores, mean_score(scores, prepared.criteria), averaged)

    def _evaluated(self, records: int) -> None:
        self._reporter.evaluated(records)
        self._check()

    def _save(self, epoch: int, scored: Scored) -> None:
        prepared = self._prepared
        model = as_saved(prepared.model)
        about = About(
            format_version=FORMAT_VERSION,
            encoder=prepared.pretrained.name,
            tasks=tuple(task_state(task) for task in scored.tasks),
            encoding=prepared.encoding,
            epoch=epoch,
            dev=scored.dev,
            settings=prepared.resolved_settings(),
            versions=versions(),
            adapters=model.adapters.states if model.adapters else (),
        )
        texts = {
            "config_json": prepared.pretrained.config_json,
            "tokenizer_json": prepared.pretrained.tokenizer_json,
        }
        if prepared.base:
            about = about_with_head(about, prepared.base.about)
        folder = self._folder.path / bundle_name(epoch)
        began = time.perf_counter()
        with saving(folder):
            write_folder(folder, about=about, write_weights=lambda path: save_weights(model, path), **texts)
        if single := self.single_name(epoch):
            with saving(self._folder.path / single):
                write_single_file(self._folder.path / single, about=about, model=model, **texts)
        self._folder.log("bundle", epoch=epoch, seconds=round(time.perf_counter() - began, 3))


def bundle_name(epoch: int) -> str:
    """Return the name of an epoch's bundle."""
    return f"epoch-{epoch}"
