"""Trackers that hear of a run by name: Accelerate's, each told by itself.

`Accelerator.log` tells one after the other, so that the first that fails would silence the rest and end the run; here a
tracker that fails is left out, with one warning. `log.jsonl` is written in any case.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, redirect_stdout
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, TrackioTracker, WandBTracker

from polyhead.errors import SettingsError
from polyhead.metrics import headline_of
from polyhead.settings import TrackingSettings
from polyhead.training.reporting import EpochReport, Reporter, StepReport

Value = str | int | float | bool


def check_trackers(settings: TrackingSettings) -> None:
    """See that the packages of all trackers are installed.

    Raises:
        SettingsError: If one is not.
    """
    for name in settings.trackers:
        spec = find_spec(name)
        if spec is None or spec.origin is None:  # a mere folder of that name, as wandb leaves one, has no origin
            raise SettingsError(f"tracking.trackers: {name!r} is not installed: pip install {name}, or leave it out")


class Tracking:
    """The trackers of a run.

    Args:
        settings: Which ones.
        folder: Where those write that keep to this machine. Those of earlier runs may be in it: what trackers are
            for is to compare runs, so theirs stay, and each run has a name of its own.
        reporter: Hears where they write, and of those that fail.
    """

    def __init__(self, settings: TrackingSettings, *, folder: Path, reporter: Reporter) -> None:
        self._settings, self._folder = settings, folder
        self._run = f"{folder.resolve().parent.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        self._reporter = reporter
        self._trackers: dict[str, GeneralTracker] = {}
        self._places: dict[str, str] = {}
        self._afterwards = ExitStack()
        self._step = 0

    def start(self, settings: Mapping[str, Any]) -> None:
        """Begin a run at each tracker.

        Args:
            settings: The run's, nested.
        """
        config = dict(flattened(settings))
        for name in self._settings.trackers:
            self._attempt(name, partial(self._open, name, config))
        for started in self._trackers:
            self._reporter.info("tracker", f"{started}: {self._places[started]}")

    def step(self, report: StepReport) -> None:
        """Tell of one step."""
        self._step = report.step
        self._tell(step_values(report))

    def epoch(self, report: EpochReport) -> None:
        """Tell of one epoch, at its last step."""
        self._tell(epoch_values(report))

    def close(self) -> None:
        """End the run at each tracker."""
        for name, tracker in list(self._trackers.items()):
            self._attempt(name, tracker.finish)
        self._trackers.clear()
        self._afterwards.close()

    def _open(self, name: str, config: dict[str, Value]) -> None:
        tracker, self._places[name] = _OPENERS[name](self._settings.project, self._run, self._folder, self._afterwards)
        tracker.start()
        tracker.store_init_configuration(config)
        self._trackers[name] = tracker

    def _tell(self, values: dict[str, Value]) -> None:
        for name, tracker in list(self._trackers.items()):
            self._attempt(name, partial(tracker.log, values, step=self._step))

    def _attempt(self, name: str, what: Callable[[], None]) -> None:
        try:
            with redirect_stdout(sys.stderr):  # standard output is for answers
                what()
        except Exception as error:  # anything at all: it comes out of somebody else's package, disk or network
            self._trackers.pop(name, None)
            reason = f"{type(error).__name__}: {str(error).strip()}".splitlines()[0]
            self._reporter.warn(f"the tracker {name!r} failed, and the run goes on without it: {reason}")


def step_values(report: StepReport) -> dict[str, Value]:
    """Return what a step is to trackers: value by name."""
    losses = {f"train/loss/{name}": loss for name, loss in report.losses.items()}
    return {**losses, "train/lr": report.lr, "train/tokens": report.tokens}


def epoch_values(report: EpochReport) -> dict[str, Value]:
    """Return what an epoch is to trackers: value by name, without those that nothing defines."""
    values: dict[str, Value | None] = {f"train/epoch_loss/{name}": loss for name, loss in report.losses.items()}
    values |= {"train/epoch": report.epoch, "train/tokens_per_second": report.tokens_per_second}
    if report.dev:
        values |= {"dev/score": report.score, "dev/frame_accuracy": report.dev["frame_accuracy"]}
        for name, scores in report.dev["tasks"].items():
            values |= {f"dev/{name}/{figure}": value for figure, value in headline_of(scores).items()}
    return {name: value for name, value in values.items() if value is not None}


def flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """Yield settings as ``training.lr`` and value; lists as one text, and what is not set not at all."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        elif isinstance(value, list):
            if value:
                yield f"{prefix}{key}", ", ".join(map(str, value))
        elif value is not None:
            yield f"{prefix}{key}", value


Opened = tuple[GeneralTracker, str]
"""A tracker that is not started yet, and where it writes."""


def _tensorboard(_project: str, run: str, folder: Path, _afterwards: ExitStack) -> Opened:
    place = folder / "tensorboard"
    return TensorBoardTracker(run, place), str(place / run)


def _mlflow(project: str, run: str, folder: Path, afterwards: ExitStack) -> Opened:
    import mlflow

    if mlflow.is_tracking_uri_set():  # by MLFLOW_TRACKING_URI, say
        return MLflowTracker(project, run_name=run), mlflow.get_tracking_uri()
    place = folder / "mlflow"
    place.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(f"sqlite:///{place.resolve() / 'mlflow.db'}")
    afterwards.callback(mlflow.set_tracking_uri, None)  # it holds for the process, and the next run has its own
    return MLflowTracker(project, logging_dir=(place / "artifacts").resolve().as_uri(), run_name=run), str(place)


def _wandb(project: str, run: str, folder: Path, _afterwards: ExitStack) -> Opened:
    place = Path(os.environ.get("WANDB_DIR", folder))
    place.mkdir(parents=True, exist_ok=True)  # wandb would take another folder than one that is not there
    # It would take what the terminal shows for the run's output, and every state of the live table with it.
    return WandBTracker(project, name=run, dir=str(place), settings={"console": "off"}), str(place / "wandb")


class _Trackio(TrackioTracker):
    """Accelerate's ends the run but leaves it trackio's current one, which is then ended at exit once more, aloud."""

    def finish(self) -> None:
        import trackio

        trackio.finish()


def _trackio(project: str, run: str, folder: Path, _afterwards: ExitStack) -> Opened:
    os.environ.setdefault("TRACKIO_DIR", str((folder / "trackio").resolve()))
    from trackio.utils import TRACKIO_DIR  # read once, when trackio is first imported

    return _Trackio(project, name=run), str(TRACKIO_DIR)


_OPENERS: dict[str, Callable[[str, str, Path, ExitStack], Opened]] = {
    "tensorboard": _tensorboard,
    "mlflow": _mlflow,
    "wandb": _wandb,
    "trackio": _trackio,
}
