"""One training of a study: trained, scored, and what is needed of it kept."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from polyhead.bundle.folder import WEIGHTS
from polyhead.bundle.header import read_header
from polyhead.inference import Predictor
from polyhead.settings import RunSettings
from polyhead.studies.runs import train_as_it_is
from polyhead.studies.sharing.outcome import Outcome, OwnBest
from polyhead.studies.sharing.scored import Pool, score
from polyhead.studies.sharing.teams import Team, data_of, settings_of
from polyhead.training import EpochReport, Reporter, TrainedRun
from polyhead.training.data import TrainingData
from polyhead.training.run_folder import RunFolder


@dataclass(frozen=True)
class Setup:
    """What all trainings of a study have in common.

    Attributes:
        settings: All settings.
        data: What is trained on, of all tasks.
        pools: What models are scored on.
        metrics: By task, the figure that counts.
        folder: Where trainings that run have their folders.
        beside: How many other trainings of the study may go on at the same time.
    """

    settings: RunSettings
    data: TrainingData
    pools: Sequence[Pool]
    metrics: Mapping[str, str]
    folder: Path
    beside: int = 0


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        team: The tasks that share the model.
        seed: Its seed.
        model: Where the best epoch's bundle is to be kept; `None`: nowhere.
    """

    team: Team
    seed: int
    model: Path | None = None


def train_team(job: Job, setup: Setup, reporter: Reporter) -> Outcome:
    """Train a model, score its best epoch, and remove it, unless it is to be kept.

    Args:
        job: Which.
        setup: What all trainings of the study have in common.
        reporter: Hears how it goes.
    """
    data, settings = data_of(job.team, setup.data), settings_of(job.team, setup.settings)
    with tempfile.TemporaryDirectory(prefix=RUNNING, dir=setup.folder) as folder:
        run = train_as_it_is(data, settings, folder=Path(folder) / "run", seed=job.seed, reporter=reporter)
        outcome = _outcome(job, setup, run, records=len(data.train))
        if job.model:
            _keep(run.best, job.model)
    _give_back()
    return outcome


RUNNING = "running-"
"""What the names of folders of trainings that run begin with."""


def _outcome(job: Job, setup: Setup, run: TrainedRun, *, records: int) -> Outcome:
    account = RunFolder(run.folder).account() or {}
    best = run.best_epoch
    weights = read_header(run.best / WEIGHTS)
    return Outcome(
        tasks=job.team,
        seed=job.seed,
        records=records,
        epoch=best.epoch,
        epochs=len(run.epochs),
        steps=account["plan"]["steps"],
        batch_size=account["plan"]["batch_size"],
        lr=account["plan"]["lr"],
        seconds=round(sum(epoch.seconds for epoch in run.epochs), 2),
        beside=setup.beside,
        device=account["machine"]["device"],
        parameters=sum(own.elements for own in weights.values()),
        bytes=sum(file.stat().st_size for file in run.best.iterdir()),
        dev={name: _figure(best, name) for name in job.team},
        scores=score(_opened(run.best), setup.pools, setup.metrics, sampled=True),
        own_best=_own_best(job.team, setup, run) if len(job.team) > 1 else {},
    )


def _own_best(team: Team, setup: Setup, run: TrainedRun) -> dict[str, OwnBest]:
    """Score, for each task, the model after the epoch that was best for this task, as its own model is chosen."""
    epochs = {name: _best_for(name, run.epochs) for name in team}
    found: dict[str, OwnBest] = {}
    for epoch in {own.epoch: own for own in epochs.values()}.values():
        names = [name for name in team if epochs[name].epoch == epoch.epoch]
        predictor = _opened(run.folder / epoch.folder)
        predictor = predictor.with_tasks([task for task in predictor.tasks if task.name in names])
        for name, own in score(predictor, setup.pools, setup.metrics, sampled=False).items():
            found[name] = OwnBest(epoch.epoch, own.value)
    return {name: found[name] for name in team}


def _best_for(name: str, epochs: Sequence[EpochReport]) -> EpochReport:
    """Return the epoch with a task's highest dev figure, the first of equals; the last where it has none."""
    known = [(value, -own.epoch, own) for own in epochs if (value := _figure(own, name)) is not None]
    return max(known)[-1] if known else epochs[-1]


def _figure(epoch: EpochReport, name: str) -> float | None:
    value: float | None = epoch.dev["tasks"][name][epoch.metrics[name]] if epoch.dev else None
    return value


def _opened(bundle: Path) -> Predictor:
    return Predictor.load(bundle, runtime="torch")


def _keep(bundle: Path, place: Path) -> None:
    """Move a bundle to its place, which one of an earlier try may have."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists():
        shutil.rmtree(place)
    bundle.rename(place)


def _give_back() -> None:
    """Free what the training held, so that the next one finds the memory that this one did."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
