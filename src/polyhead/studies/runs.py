"""One training of several, on a part of the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyhead.notices import Notices
from polyhead.preparing.choosing import taken, together
from polyhead.records import Record
from polyhead.settings import RunSettings, SavingSettings, TeacherSettings, TrackingSettings
from polyhead.tasks import Task
from polyhead.training import Reporter, TrainedRun, run_training
from polyhead.training.data import DataSet, TrainingData, load_data, with_sets
from polyhead.training.holdout import hold_out
from polyhead.training.run_folder import RunFolder
from polyhead.training.strata import sort_texts

_GOLDEN = (5**0.5 - 1) / 2


class StudyReporter(Reporter):
    """Hears how several trainings go; this one says nothing. Override what you want to hear."""

    def begin(self, name: str, *, number: int, of: int) -> None:
        """Hear that a training begins, which it is, and how many there are."""

    def finish(self, line: str) -> None:
        """Hear what came of it."""

    def ended(self, name: str, line: str, *, number: int, of: int, seconds: float) -> None:
        """Hear what came of a training that went on beside others, in another process, and how long that took."""

    def tell(self, line: str) -> None:
        """Hear what is worth knowing about all of them."""


def load_for_study(settings: RunSettings, reporter: Reporter) -> tuple[RunSettings, TrainingData]:
    """Read the data of several trainings once, and tell what is odd about them.

    Args:
        settings: All settings.
        reporter: Hears of it.

    Returns:
        The settings without teachers, which have seen the whole of the data, and without trackers; and the data.
    """
    if settings.teacher.models:
        reporter.warn("the teachers have seen all of the data, so that they would give the answers away: left out")
        settings = settings.model_copy(update={"teacher": TeacherSettings()})
    return load_untracked(settings, reporter)


def load_untracked(settings: RunSettings, reporter: Reporter) -> tuple[RunSettings, TrainingData]:
    """Read data once, and tell what is odd about them.

    Args:
        settings: All settings.
        reporter: Hears of it.

    Returns:
        The settings without trackers; and the data.
    """
    if settings.tracking.trackers:
        reporter.warn("trackers hear of single runs, and of none of several that answer one question: left out")
        settings = settings.model_copy(update={"tracking": TrackingSettings()})
    notices = Notices(strict=settings.strict)
    data = load_data(settings, notices)
    for line in notices.lines():
        reporter.warn(line)
    for line in data.said:
        reporter.info("cache", line)
    return settings, data


def train_on(
    sets: Sequence[DataSet], data: TrainingData, settings: RunSettings, *, folder: Path, seed: int, reporter: Reporter
) -> TrainedRun:
    """Train on parts of the data sets.

    Args:
        sets: The parts.
        data: The whole.
        settings: All settings.
        folder: Where the bundles go.
        seed: Of this training.
        reporter: Hears how it goes.
    """
    return train_as_it_is(with_sets(data, sets), settings, folder=folder, seed=seed, reporter=reporter)


def train_as_it_is(
    data: TrainingData, settings: RunSettings, *, folder: Path, seed: int, reporter: Reporter
) -> TrainedRun:
    """Train on data, by the tasks that they have.

    Args:
        data: What is trained on.
        settings: All settings.
        folder: Where the bundles go.
        seed: Of this training.
        reporter: Hears how it goes.
    """
    training = settings.training.model_copy(update={"seed": seed})
    saving = SavingSettings(every_minutes=0.0)  # a training of several is not resumed: the study begins it anew
    own = settings.model_copy(update={"output": folder, "training": training, "saving": saving})
    return run_training(own, reporter=reporter, data=data)


def discard(run: TrainedRun) -> None:
    """Remove what a training left."""
    RunFolder(run.folder).discard()


def fraction_of(records: Sequence[Record], tasks: Sequence[Task], fraction: float, *, seed: int) -> Sequence[Record]:
    """Return a stratified part of some records, in their order.

    A smaller fraction is part of a larger one with the same seed. Texts are taken at even distances, in the sense of
    the golden ratio's multiples, from an order by the labels that they show.

    Args:
        records: The records.
        tasks: They say which labels a record shows.
        fraction: Share of the texts, above 0, up to 1.
        seed: The part is a function of the records and this.
    """
    texts = sort_texts(records, tasks, np.random.default_rng(seed))
    places = (np.arange(len(texts.order)) * _GOLDEN + 0.5) % 1
    count = max(1, round(fraction * len(texts.order)))
    chosen = texts.order[np.argsort(places, kind="stable")[:count]]
    return taken(records, texts.records_of(chosen))


def folds_of(records: Sequence[Record], tasks: Sequence[Task], folds: int, *, seed: int) -> list[list[int]]:
    """Return, by fold, the places of its records: every record is in one fold, and those of one text in the same.

    Args:
        records: The records.
        tasks: They say which labels a record shows; each fold gets its share of each combination.
        folds: How many.
        seed: The folds are a function of the records and this.
    """
    texts = sort_texts(records, tasks, np.random.default_rng(seed))
    return [texts.records_of(texts.order[at::folds]).tolist() for at in range(folds)]


def without(own: DataSet, left_out: set[int], tasks: Sequence[Task], *, seed: int) -> DataSet:
    """Return a data set without some records of its training file.

    Args:
        own: The data set.
        left_out: Places in `whole` of it.
        tasks: Their labels are kept in proportion where dev data are held out of what is left.
        seed: The same.
    """
    everything = whole(own)
    stays = taken(everything, np.array([at for at in range(len(everything)) if at not in left_out], dtype=np.int64))
    if not own.held_out:
        return replace(own, train=stays)
    train, dev = hold_out(stays, tasks, seed=seed)
    return replace(own, train=train, dev=dev)


def whole(own: DataSet) -> Sequence[Record]:
    """Return all records of a data set's training files: those trained on, and those held out of them."""
    return together([own.train, own.dev]) if own.held_out else own.train
