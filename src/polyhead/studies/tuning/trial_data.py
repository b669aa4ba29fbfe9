"""The data of a search, read once, as each trial's settings make tasks of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from polyhead.errors import SettingsError
from polyhead.preparing.choosing import annotations_of, together
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter, fraction_of, load_untracked, whole
from polyhead.tasks import Task, options_of
from polyhead.training.data import TrainingData, with_sets


def load_for_search(
    settings: RunSettings, *, fraction: float, reporter: StudyReporter
) -> tuple[RunSettings, TrainingData]:
    """Read the data of a search once, and tell what is odd about them.

    Args:
        settings: Those of the first trial.
        fraction: Share of the texts to train on; dev data stay whole.
        reporter: Hears of it.

    Returns:
        The settings without trackers, and the data.

    Raises:
        SettingsError: If there are no dev data.
    """
    settings, data = load_untracked(settings, reporter)
    data = replace(data, said=())
    if not data.dev:
        raise SettingsError("no dev data, and too few texts to hold any out: give data.dev, which trials are scored on")
    if fraction == 1:
        return settings, data
    seed = settings.training.seed
    # What was held out is no part of what tasks are learnt from: the part that is trained on is the whole now.
    parts = [
        replace(own, train=fraction_of(own.train, data.tasks, fraction, seed=seed), held_out=False) for own in data.sets
    ]
    return settings, with_sets(data, parts)


def data_for(data: TrainingData, first: RunSettings, own: RunSettings) -> TrainingData:
    """Return the data as a trial's settings have them: weights of data sets, weights and options of tasks.

    Args:
        data: As the first trial's settings have them.
        first: Those settings.
        own: The trial's.

    Raises:
        SettingsError: If an option does not fit what the data show.
        DataError: If the data give a task nothing to learn with it.
    """
    sets = own.data.all_sets()
    tasks = tuple(_task(task, data, first, own) for task in data.tasks)
    found = replace(data, tasks=tasks, sets=tuple(replace(each, weight=sets[each.name].weight) for each in data.sets))
    # Rows are kept by what the first trial's tasks make of the records.
    same = all(new.options == old.options for new, old in zip(tasks, data.tasks, strict=True))
    return found if same else replace(found, kept=None)


def _task(task: Task, data: TrainingData, first: RunSettings, own: RunSettings) -> Task:
    if task.name not in own.tasks:
        return task  # one that the data have by default
    before, now = (options_of(task.name, each.tasks[task.name]) for each in (first, own))
    changed = {name: value for name, value in _options(now).items() if value != getattr(before, name)}
    if not changed:
        return replace(task, weight=own.tasks[task.name].weight)
    # What was left to the data, such as a unit, is settled in the options that the task has.
    options = task.options.model_copy(update=changed)
    learnt_from = together([whole(each) for each in data.sets])
    return type(task).learn(
        name=task.name,
        field=task.field,
        weight=own.tasks[task.name].weight,
        options=options,
        annotations=annotations_of(learnt_from, task.name),
    )


def _options(options: Any) -> dict[str, Any]:
    return {name: getattr(options, name) for name in type(options).model_fields}
