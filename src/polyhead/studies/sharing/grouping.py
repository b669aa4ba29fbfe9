"""Which tasks should share a model, estimated from trainings of each two (Standley et al. 2020).

A group's score for a task is the mean of what the task scored beside each other member, in a training of these two
alone: the paper's approximation of groups of three and more. Groups that were trained (single tasks, pairs, all tasks)
count by their own figures. All figures are of dev data, which chose epochs, so that test data choose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from polyhead.errors import SettingsError
from polyhead.evaluation import Criterion
from polyhead.evaluation.intervals import Interval, interval_of_mean
from polyhead.studies.sharing.outcome import Outcome
from polyhead.studies.sharing.teams import Team

MOST_TASKS = 6
_SHOWN = 10
"""Groupings that are listed, beside the best of each number of models."""

Grouping = tuple[Team, ...]


def check_tasks(names: Sequence[str]) -> None:
    """See that there are few enough tasks.

    Raises:
        SettingsError: If there are too many.
    """
    if len(names) > MOST_TASKS:
        count = len(names)
        raise SettingsError(
            f"--grouping: takes up to {MOST_TASKS} tasks, found {count}, which would be {count * (count - 1) // 2} "
            f"trainings of pairs for each seed; leave some out of the settings"
        )


def groupings_of(names: Sequence[str]) -> Iterator[Grouping]:
    """Yield all ways to put tasks into groups: each once, as many as Bell's number says.

    Args:
        names: The tasks.
    """
    if not names:
        yield ()
        return
    first, *rest = names
    for grouping in groupings_of(rest):
        yield ((first,), *grouping)
        for at, group in enumerate(grouping):
            yield ((first, *group), *grouping[:at], *grouping[at + 1 :])


@dataclass(frozen=True)
class Trained:
    """Dev figures of trainings.

    Attributes:
        names: The tasks.
        criteria: By task, the figure that counts and its weight.
        figures: By team, for each seed the figure of each of its tasks.
    """

    names: tuple[str, ...]
    criteria: Mapping[str, Criterion]
    figures: Mapping[Team, Sequence[Mapping[str, float | None]]]

    @classmethod
    def of(cls, outcomes: Mapping[Team, Sequence[Outcome]], criteria: Mapping[str, Criterion]) -> Trained:
        """Take the dev figures of trainings.

        Raises:
            SettingsError: If a task has no dev figure.
        """
        figures = {team: [own.dev for own in seeds] for team, seeds in outcomes.items()}
        for team, seeds in figures.items():
            for name in team:
                if any(own[name] is None for own in seeds):
                    raise SettingsError(f"--grouping: task {name!r} has no dev figure, which groups are chosen by")
        return cls(tuple(criteria), criteria, figures)

    def seeds(self) -> int:
        """Return how many seeds there are."""
        return len(self.figures[self.names])

    def figure(self, name: str, group: Team, seed: int) -> float:
        """Return a task's figure in a group: the group's own, else the mean over the group's pairs with the task."""
        teams = (
            [group] if group in self.figures else [_pair(name, other, self.names) for other in group if other != name]
        )
        return mean(float(self.figures[team][seed][name] or 0.0) for team in teams)

    def score(self, grouping: Grouping, seed: int) -> float:
        """Return the weighted mean of the tasks' figures: what epochs are chosen by, too."""
        figures = {name: self.figure(name, group, seed) for group in grouping for name in group}
        weights = {name: own.weight for name, own in self.criteria.items()}
        total = sum(weights.values())
        return sum(figures[name] * weights[name] for name in figures) / total if total else 0.0

    def is_measured(self, grouping: Grouping) -> bool:
        """Whether all of its groups were trained."""
        return all(group in self.figures for group in grouping)


def _pair(one: str, other: str, names: Sequence[str]) -> Team:
    first, second = sorted((one, other), key=list(names).index)
    return (first, second)


def grouped(trained: Trained) -> dict[str, Any]:
    """Return which tasks should share.

    Args:
        trained: Dev figures of each task alone, each two, and all.

    Returns:
        ``{"affinity": {task: {other: gain}}, "groupings": [...], "considered": n}``. A gain is how much higher the
        task's dev figure is beside the other than alone, as a mean over seeds. Groupings have ``groups``, ``models``,
        ``score`` (the mean over tasks and seeds), ``measured``, ``against_joint`` (how much higher that is than the
        joint model's) with its ``interval`` over seeds, and ``best_of_models``: no other with as many models scores
        higher. The best stands first.
    """
    seeds = range(trained.seeds())
    rows = [_row(grouping, trained) for grouping in groupings_of(trained.names)]
    # Of equal scores the grouping with fewer models: it costs less.
    rows.sort(key=lambda row: (-row["score"], row["models"]))
    best: set[int] = set()
    for row in rows:
        row["best_of_models"] = row["models"] not in best
        best.add(row["models"])
    affinity = {
        name: {
            other: mean(
                trained.figure(name, _pair(name, other, trained.names), seed) - trained.figure(name, (name,), seed)
                for seed in seeds
            )
            for other in trained.names
            if other != name
        }
        for name in trained.names
    }
    shown = [row for at, row in enumerate(rows) if at < _SHOWN or row["best_of_models"]]
    return {"affinity": affinity, "groupings": shown, "considered": len(rows)}


def _as_far_as_shares_go(interval: Interval | None) -> Interval | None:
    """Cut an interval where no difference of shares can be; Student's law knows of no such end."""
    return interval and [max(interval[0], -1.0), min(interval[1], 1.0)]


def _row(grouping: Grouping, trained: Trained) -> dict[str, Any]:
    order = list(trained.names).index
    groups = sorted((sorted(group, key=order) for group in grouping), key=lambda group: order(group[0]))
    teams = tuple(tuple(group) for group in groups)
    scores = [trained.score(teams, seed) for seed in range(trained.seeds())]
    gains = [score - trained.score((trained.names,), seed) for seed, score in enumerate(scores)]
    return {
        "groups": groups,
        "models": len(groups),
        "score": mean(scores),
        "measured": trained.is_measured(teams),
        "against_joint": mean(gains),
        "interval": _as_far_as_shares_go(interval_of_mean(gains)),
    }
