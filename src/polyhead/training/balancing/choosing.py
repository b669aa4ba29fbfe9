"""From the setting to the method, and where a method cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from polyhead.batching import Step
from polyhead.errors import SettingsError
from polyhead.model import MultiTaskModel
from polyhead.model.freezing import is_frozen
from polyhead.settings import TrainingSettings
from polyhead.training.balancing.aggregation import Aggregation, Factors
from polyhead.training.balancing.base import Balancing, Static
from polyhead.training.balancing.by_torchjd import cagrad_factors, pcgrad_factors, upgrad_factors
from polyhead.training.balancing.dwa import DynamicWeightAverage
from polyhead.training.balancing.nash import nash_factors
from polyhead.training.balancing.uncertainty import Uncertainty

_WINDOWS = 10
"""Windows of `dwa` in a run, at least."""


@dataclass(frozen=True)
class Learning:
    """What is to be learnt.

    Attributes:
        model: The model.
        weights: Of all of its tasks, the weight of the loss.
        tasks: The tasks that learn.
        epoch: The steps of an epoch.
        steps: Optimiser steps in all.
    """

    model: MultiTaskModel
    weights: Mapping[str, float]
    tasks: Sequence[str]
    epoch: Sequence[Step]
    steps: int


def balancing_of(learning: Learning, settings: TrainingSettings) -> Balancing:
    """Return what turns the losses of a run's steps into gradients.

    With a single task there is nothing to balance, and its weight stands whatever is set.

    Raises:
        SettingsError: If the method cannot do anything in this run.
        MissingExtraError: If it needs the extra `balancing`.
    """
    if len([name for name in learning.tasks if learning.weights[name] > 0]) < 2:
        return Static(learning.weights)
    return _METHODS[settings.balancing](learning, settings)


def _static(learning: Learning, settings: TrainingSettings) -> Balancing:  # noqa: ARG001
    return Static(learning.weights)


def _uncertainty(learning: Learning, settings: TrainingSettings) -> Balancing:
    shares = {name: learning.model.head(name).objective.share_of_precision for name in learning.tasks}
    return Uncertainty(learning.weights, shares=shares, lr=settings.uncertainty_lr)


def _dwa(learning: Learning, settings: TrainingSettings) -> Balancing:
    window = settings.dwa_window or min(len(learning.epoch), -(-learning.steps // _WINDOWS))
    if 2 * window >= learning.steps:
        raise SettingsError(
            f"training.balancing: 'dwa' goes by the losses of the two windows before, of {window:,} steps each, and "
            f"this run has {learning.steps:,} steps in all; set a smaller training.dwa_window, or take another method"
        )
    return DynamicWeightAverage(learning.weights, window=window, temperature=settings.dwa_temperature)


def _aggregated(
    factors: Callable[[TrainingSettings], Factors],
) -> Callable[[Learning, TrainingSettings], Balancing]:
    def _made(learning: Learning, settings: TrainingSettings) -> Balancing:
        name = settings.balancing
        if is_frozen(learning.model.encoder):
            raise SettingsError(
                f"training.balancing: {name!r} puts the tasks' gradients in the encoder together, and this run's "
                f"encoder is frozen; leave it out, or take 'uncertainty' or 'dwa'"
            )
        if not any(len(_tasks_of(step).intersection(learning.tasks)) > 1 for step in learning.epoch):
            raise SettingsError(
                f"training.balancing: {name!r} puts the gradients of a step's tasks together, and with "
                f"training.strategy={settings.strategy!r} each step here is of one task; take 'joint' or "
                f"'alternating', or balance by 'uncertainty' or 'dwa'"
            )
        return Aggregation(learning.weights, factors=factors(settings))

    return _made


def _tasks_of(step: Step) -> set[str]:
    return {task for sub_batch in step for task in sub_batch.tasks}


_WEIGHINGS: dict[str, Callable[[Learning, TrainingSettings], Balancing]] = {
    "static": _static,
    "uncertainty": _uncertainty,
    "dwa": _dwa,
}
AGGREGATIONS: dict[str, Callable[[TrainingSettings], Factors]] = {
    "upgrad": lambda _: upgrad_factors(),
    "pcgrad": lambda _: pcgrad_factors(),
    "cagrad": lambda settings: cagrad_factors(settings.cagrad_radius),
    "nashmtl": lambda _: nash_factors,
}
"""By name, the methods that put gradients together."""
_METHODS = _WEIGHINGS | {name: _aggregated(factors) for name, factors in AGGREGATIONS.items()}
