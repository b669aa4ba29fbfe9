"""Trainings of a study → a row a task: joint, single, difference, verdict; and what both ways cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from polyhead.metrics.scorer import Floats
from polyhead.studies.sharing.outcome import Outcome, Scored
from polyhead.studies.sharing.resampling import Models, interval_of_difference, samples_of
from polyhead.studies.sharing.scored import Pool

Verdict = Literal["helps", "hurts", "no difference shown"]
"""Of sharing."""


@dataclass(frozen=True)
class Twins:
    """The trainings that are compared.

    Attributes:
        joint: The joint model, by seed.
        singles: By task, its own model, by seed.
    """

    joint: Sequence[Outcome]
    singles: Mapping[str, Sequence[Outcome]]


def rows_of(twins: Twins, pools: Sequence[Pool], metrics: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Compare, task by task.

    Args:
        twins: The trainings.
        pools: What they were scored on.
        metrics: By task, the figure that counts.

    Returns:
        By task ``{"metric", "scored_on", "records", "joint", "single", "difference", "interval", "interval_records",
        "verdict", "epochs", "joint_at_own_best"}``. ``joint`` and ``single`` are ``{"mean", "values"}``, the latter by
        seed, as is which epoch was the best under ``epochs``.
    """
    return {
        name: {
            "metric": metrics[name],
            "scored_on": next(pool.name for pool in pools if name in pool.tasks),
            "records": len(singles[0].scores[name].right),
            **_compared(
                [own.scores[name] for own in twins.joint],
                [own.scores[name] for own in singles],
            ),
            "epochs": {"joint": [own.epoch for own in twins.joint], "single": [own.epoch for own in singles]},
            "joint_at_own_best": _at_own_best(name, twins.joint),
        }
        for name, singles in twins.singles.items()
    }


def frames_of(twins: Twins, pools: Sequence[Pool]) -> dict[str, Any] | None:
    """Compare how many records have all tasks right: by one model, or by the tasks' own models together.

    Returns:
        As a row of `rows_of`, without what is of one task; `None` where no record carries all tasks.
    """
    names = list(twins.singles)
    pool = next((pool for pool in pools if set(pool.tasks) == set(names)), None)
    places = pool.places(names) if pool else []
    if pool is None or not places:
        return None
    carried = {name: pool.places([name]) for name in names}
    joint = [_all_right({name: own.scores[name] for name in names}, carried, places) for own in twins.joint]
    of_seed = zip(*twins.singles.values(), strict=True)
    separate = [
        _all_right({name: own.scores[name] for name, own in zip(names, outcomes, strict=True)}, carried, places)
        for outcomes in of_seed
    ]
    compared = _compared(*(_as_scored(own) for own in (joint, separate)))
    return {"scored_on": pool.name, "records": len(places), **compared}


def _all_right(scores: Mapping[str, Scored], carried: Mapping[str, list[int]], places: list[int]) -> NDArray[np.bool_]:
    """Return, by record that carries all tasks, whether all answers are right."""
    right = [
        np.array([own == "1" for own in scored.right])[np.searchsorted(carried[name], places)]
        for name, scored in scores.items()
    ]
    found: NDArray[np.bool_] = np.logical_and.reduce(right)
    return found


def _as_scored(right: Sequence[NDArray[np.bool_]]) -> list[Scored]:
    """Return the share that is right, by seed, with its samples."""
    stacked = np.stack(right).astype(np.float64)
    records = stacked.shape[1]
    samples = np.concatenate([weights @ stacked.T for weights in samples_of(records)]) / records
    return [Scored(float(own.mean()), {}, samples[:, at].tolist(), "") for at, own in enumerate(stacked)]


def _compared(joint: Sequence[Scored], single: Sequence[Scored]) -> dict[str, Any]:
    sides = {"joint": _models(joint), "single": _models(single)}
    means = {name: own and mean(own.values) for name, own in sides.items()}
    row: dict[str, Any] = {
        name: {"mean": means[name], "values": [own.value for own in scores]}
        for name, scores in (("joint", joint), ("single", single))
    }
    one, other = sides["single"], sides["joint"]
    if one is None or other is None:
        return {**row, "difference": None, "interval": None, "interval_records": None, "verdict": verdict_of(None)}
    interval = interval_of_difference(one, other)
    return {
        **row,
        "difference": mean(other.values) - mean(one.values),
        "interval": interval,
        "interval_records": interval_of_difference(_as_one(one), _as_one(other)),
        "verdict": verdict_of(interval),
    }


def _models(scores: Sequence[Scored]) -> Models | None:
    """Return the figures of all seeds; `None` where nothing defines one."""
    values = [own.value for own in scores if own.value is not None]
    if len(values) < len(scores):
        return None
    return Models(values, np.stack([own.sampled() for own in scores]))


def _as_one(models: Models) -> Models:
    """Return models as if their mean were that of one: what is left is chance over records."""
    samples: Floats = models.samples.mean(axis=0, keepdims=True)
    return Models([mean(models.values)], samples)


def verdict_of(interval: Sequence[float] | None) -> Verdict:
    """Say what an interval of how much better sharing is shows."""
    if interval is None or interval[0] <= 0 <= interval[1]:
        return "no difference shown"
    return "helps" if interval[0] > 0 else "hurts"


def _at_own_best(name: str, joint: Sequence[Outcome]) -> dict[str, Any]:
    """Return what the joint model would score, were it chosen by this task alone."""
    own = [outcome.own_best[name] for outcome in joint]
    values = [best.value for best in own if best.value is not None]
    return {
        "mean": mean(values) if len(values) == len(own) else None,
        "values": [best.value for best in own],
        "epochs": [best.epoch for best in own],
    }


def costs_of(twins: Twins) -> dict[str, Any]:
    """Return what both ways cost.

    Args:
        twins: The trainings.

    Returns:
        ``{"size": {way: {"parameters", "bytes"}}, "training": {way: {"seconds", "steps"}, "beside": n}}``; seconds and
        steps are means over seeds, for ``separate`` of the sum over tasks.
    """
    of_singles: list[Sequence[Outcome]] = list(zip(*twins.singles.values(), strict=True))
    first: dict[str, Sequence[Outcome]] = {"joint": [twins.joint[0]], "separate": of_singles[0]}
    all_seeds: dict[str, list[Sequence[Outcome]]] = {"joint": [[own] for own in twins.joint], "separate": of_singles}
    size = {
        way: {"parameters": sum(one.parameters for one in own), "bytes": sum(one.bytes for one in own)}
        for way, own in first.items()
    }
    training = {
        way: {
            "seconds": round(mean(sum(one.seconds for one in seed) for seed in seeds), 2),
            "steps": mean(sum(one.steps for one in seed) for seed in seeds),
        }
        for way, seeds in all_seeds.items()
    }
    beside = max(one.beside for own in (twins.joint, *twins.singles.values()) for one in own)
    return {"size": size, "training": {**training, "beside": beside}}
