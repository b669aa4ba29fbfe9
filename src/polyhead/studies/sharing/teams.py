"""Which tasks are trained together, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from polyhead.preparing.choosing import carrying, how_many
from polyhead.settings import RunSettings, SetSettings
from polyhead.training.data import TrainingData

Team = tuple[str, ...]
"""Tasks that share a model, in the order of the settings."""


def teams_of(names: Sequence[str], *, pairs: bool) -> list[Team]:
    """Return who is trained together: all, each alone and, where they are asked for, each two.

    Args:
        names: The tasks, two or more.
        pairs: Whether each two are.
    """
    teams: list[Team] = [tuple(names), *((name,) for name in names)]
    if pairs:
        teams += [pair for pair in combinations(names, 2) if pair not in teams]
    return teams


def slug_of(team: Team, names: Sequence[str]) -> str:
    """Return a name for files, which no other team has."""
    if team == tuple(names):
        return "joint"
    return f"single-{team[0]}" if len(team) == 1 else f"pair-{'+'.join(team)}"


def data_of(team: Team, data: TrainingData) -> TrainingData:
    """Return what a team is trained on: the records that feed one of its tasks.

    Tasks keep the labels that the whole of the data gave them, and records held out for dev stay held out.

    Args:
        team: The tasks.
        data: The data of all tasks.
    """
    if team == tuple(task.name for task in data.tasks):
        return data
    sets = [
        replace(own, train=carrying(own.train, team), dev=carrying(own.dev, team))
        for own in data.sets
        if any(how_many(own.train, name) for name in team)
    ]
    return TrainingData(tuple(task for task in data.tasks if task.name in team), tuple(sets), data.files)


def settings_of(team: Team, settings: RunSettings) -> RunSettings:
    """Return the settings of a team's model: all the same, of other tasks and data sets nothing."""
    tasks = {name: own for name, own in settings.tasks.items() if name in team}
    sets = {name: own for name, own in _sets(team, settings).items() if own.tasks is None or own.tasks}
    data = settings.data.model_copy(update={"sets": sets})
    return settings.model_copy(update={"tasks": tasks, "data": data})


def _sets(team: Team, settings: RunSettings) -> dict[str, SetSettings]:
    return {
        name: own
        if own.tasks is None
        else own.model_copy(update={"tasks": {task: field for task, field in own.tasks.items() if task in team}})
        for name, own in settings.data.sets.items()
    }
