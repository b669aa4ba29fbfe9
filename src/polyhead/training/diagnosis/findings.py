"""What measurements mean: figures with their intervals, and a plain line where something is to be done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
from scipy.stats import t as student

from polyhead.training.balancing import AGGREGATIONS
from polyhead.training.diagnosis.probe import Measurement

_BLOCKS = 10
"""Stretches of a run whose means count as independent: neighbouring measurements are of nearly the same weights."""
_FEWEST = 5
"""Measurements below which nothing is said."""
_FIGHT = -0.1
"""A mean cosine of -0.1 takes back a tenth of a task's step, where the other's gradient is as long."""
_DOMINATES = 10.0
"""Where one gradient is r times as long as another, the other's part in the direction of their sum is about 1 / r."""
_LEARNT = 0.1
"""A task whose loss is below this share of its highest has little to learn: that its gradient is short is no fault."""


@dataclass(frozen=True)
class Figure:
    """A mean over training.

    Attributes:
        mean: The mean.
        low: The lower end of its 95 % interval; as the upper, the mean itself where there is but one stretch.
        high: The upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskFigures:
    """A task.

    Attributes:
        task: Its name.
        first_loss: In the first measurement that it was in, before any weight.
        last_loss: In the last.
        weight: What its loss is multiplied with, in the last.
        share: Its share of the sum of the tasks' gradient norms in what they share.
    """

    task: str
    first_loss: float
    last_loss: float
    weight: float
    share: Figure


@dataclass(frozen=True)
class PairFigures:
    """Two tasks.

    Attributes:
        tasks: Their names.
        cosine: Between their gradients in all that they share, while one of them has something to learn; `None` where
            it was never defined.
        groups: By group of layers, the same.
        fights: Whether it is clearly below 0.
    """

    tasks: tuple[str, str]
    cosine: Figure | None
    groups: dict[str, Figure]
    fights: bool


@dataclass(frozen=True)
class Dominance:
    """A task that drowns another.

    Attributes:
        task: Its name.
        other: The other.
        ratio: How many times as long its gradient is: the geometric mean, while both have something to learn.
    """

    task: str
    other: str
    ratio: Figure


@dataclass(frozen=True)
class Diagnosis:
    """What a run's measurements came to.

    Attributes:
        tasks: Each task.
        pairs: Each pair of tasks.
        dominances: The clear ones, the worst first.
        advice: A line or two on what to do; one that says so where nothing was found.
        measurements: All of them, in order.
    """

    tasks: tuple[TaskFigures, ...]
    pairs: tuple[PairFigures, ...]
    dominances: tuple[Dominance, ...]
    advice: tuple[str, ...]
    measurements: tuple[Measurement, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it by name."""
        return {
            "advice": list(self.advice),
            "tasks": [asdict(own) for own in self.tasks],
            "pairs": [asdict(own) for own in self.pairs],
            "dominances": [asdict(own) for own in self.dominances],
            "measurements": [own.to_json() for own in self.measurements],
        }


def diagnose(found: Sequence[Measurement], *, groups: Sequence[str], balancing: str = "static") -> Diagnosis:
    """Say what measurements mean.

    Args:
        found: In order.
        groups: The groups of layers, the lowest first.
        balancing: How the losses were balanced, which is then not advised.
    """
    names = list(dict.fromkeys(name for own in found for name in own.losses))
    pairs = tuple(_pair(pair, found, groups) for pair in combinations(names, 2))
    dominances = tuple(sorted(_dominances(names, found), key=lambda own: -own.ratio.mean))
    return Diagnosis(
        tasks=tuple(_task(name, found) for name in names),
        pairs=pairs,
        dominances=dominances,
        advice=tuple(_advice(pairs, dominances, found, balancing)),
        measurements=tuple(found),
    )


def mean_over_training(values: Sequence[float]) -> Figure:
    """Return the mean of figures in the order of training, with its 95 % interval by batch means.

    Neighbours are alike, so the interval is that of Student's t over the means of up to ten stretches (Law and Kelton,
    "Simulation Modeling and Analysis", on batch means). A trend widens it, so it errs on the side of doubt.
    """
    mean = float(np.mean(values))
    blocks = [float(np.mean(own)) for own in np.array_split(values, min(_BLOCKS, len(values)))]
    if len(blocks) < 2:
        return Figure(mean, mean, mean)
    error = float(student.ppf(0.975, len(blocks) - 1) * np.std(blocks, ddof=1) / math.sqrt(len(blocks)))
    return Figure(mean, mean - error, mean + error)


def _task(name: str, found: Sequence[Measurement]) -> TaskFigures:
    own = [measured for measured in found if name in measured.losses]
    shares = [share for measured in own if (share := measured.share(name)) is not None]
    return TaskFigures(
        task=name,
        first_loss=own[0].losses[name],
        last_loss=own[-1].losses[name],
        weight=own[-1].weights[name],
        share=mean_over_training(shares or [0.0]),
    )


def _pair(pair: tuple[str, str], found: Sequence[Measurement], groups: Sequence[str]) -> PairFigures:
    # What both have learnt they both keep: gradients that then pull to and fro do no harm.
    counted = list(_while_learning(pair, found, how=any))
    whole = [value for own in counted if (value := own.cosine(pair)) is not None]
    cosine = mean_over_training(whole) if whole else None
    by_group = {}
    for group in groups:
        if values := [value for own in counted if (value := own.cosine(pair, group)) is not None]:
            by_group[group] = mean_over_training(values)
    fights = cosine is not None and len(whole) >= _FEWEST and cosine.high < 0 and cosine.mean <= _FIGHT
    return PairFigures(pair, cosine, by_group, fights)


def _dominances(names: Sequence[str], found: Sequence[Measurement]) -> Iterator[Dominance]:
    for task, other in permutations(names, 2):
        ratios = [
            math.log(mine / theirs)
            for own in _while_learning((task, other), found, how=all)
            if (mine := own.norm(task)) and (theirs := own.norm(other))
        ]
        if len(ratios) < _FEWEST:
            continue
        ratio = mean_over_training(ratios)
        if ratio.low > 0 and ratio.mean >= math.log(_DOMINATES):
            yield Dominance(task, other, Figure(*map(math.exp, (ratio.mean, ratio.low, ratio.high))))


def _while_learning(
    pair: tuple[str, str], found: Sequence[Measurement], *, how: Callable[[Iterable[bool]], bool]
) -> Iterator[Measurement]:
    """Yield the measurements in which both tasks, or one of them, had something to learn (`all` or `any`)."""
    highest = {task: max((own.losses.get(task, 0.0) for own in found), default=0.0) for task in pair}
    for own in found:
        if how(own.losses.get(task, 0.0) >= _LEARNT * highest[task] for task in pair):
            yield own


def _advice(
    pairs: Sequence[PairFigures], dominances: Sequence[Dominance], found: Sequence[Measurement], balancing: str
) -> Iterator[str]:
    if len(found) < _FEWEST:
        yield f"too little was measured to say anything: {len(found)} times, and it takes {_FEWEST}"
        return
    fights = [(own, own.cosine) for own in pairs if own.fights and own.cosine]
    fights.sort(key=lambda fight: fight[1].mean)
    if dominances:
        yield _of_dominance(dominances, found, balancing)
    if fights:
        yield _of_fight(fights, balancing)
    if not dominances and not fights:
        yield "no task dominates, and no two fight: what the tasks share can be left as it is"


def _of_dominance(dominances: Sequence[Dominance], found: Sequence[Measurement], balancing: str) -> str:
    worst = dominances[0]
    others = [own.other for own in dominances if own.task == worst.task]
    weight = next(own.weights[worst.task] for own in reversed(found) if worst.task in own.weights)
    cures = [f"lower its weight (tasks.{worst.task}.weight; about {weight / worst.ratio.mean:.2g} would even them)"]
    if balancing != "uncertainty":
        cures.append("try --balancing uncertainty, which finds weights by itself")
    return (
        f"{worst.task!r} dominates: its gradient is {worst.ratio.mean:,.0f} times as long as that of {worst.other!r}"
        f"{_also(others[1:])}; {', or '.join(cures)}"
    )


def _of_fight(fights: Sequence[tuple[PairFigures, Figure]], balancing: str) -> str:
    worst, cosine = fights[0]
    where = min(worst.groups, key=lambda group: worst.groups[group].mean)
    also = [" and ".join(map(repr, own.tasks)) for own, _ in fights[1:]]
    more = f" (so do {'; '.join(also)})" if also else ""
    cures = ["see by 'polyhead study' whether each does better alone", "give each an adapter of its own"]
    if balancing not in AGGREGATIONS:
        cures.insert(0, "try --balancing nashmtl")
    return (
        f"{' and '.join(map(repr, worst.tasks))} fight: the cosine between their gradients is {cosine.mean:.2f} on "
        f"average ({cosine.low:.2f} to {cosine.high:.2f}), lowest in {where}{more}; {', or '.join(cures)}"
    )


def _also(others: Sequence[str]) -> str:
    return f" (and far longer than that of {', '.join(map(repr, others))})" if others else ""
