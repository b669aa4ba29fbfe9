"""What is searched where a settings file has no range: what most trainings depend on, around the usual values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from polyhead.settings import RunSettings
from polyhead.settings.ranges import CHOICES, RANGE

_FACTOR = 4.0
"""Learning rates are searched from a quarter of the usual one to four times as much."""
_DIGITS = 2
_SMALLEST_BATCH = 4
_FEW_EPOCHS = 4
"""Up to so many epochs, four times as many are worth a try; of more, twice as many."""


def usual_ranges(settings: RunSettings, resolved: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ranges around the values of a run, which its first trial has.

    ``lr`` and ``head_lr`` matter most in fine-tuning, and the best ones hang on encoder and data; ``batch_size`` and
    ``epochs`` say how many steps there are, of which small data have too few; ``warmup`` and ``head_dropout`` are where
    training is kept from going wrong at the start, and from learning by heart.

    Args:
        settings: Of the run.
        resolved: The batch size and the rates that the run comes to.

    Returns:
        By dotted name, as a settings file has them.
    """
    return dict(_ranges(settings, resolved))


def _ranges(settings: RunSettings, resolved: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    training = settings.training
    if training.freeze != "encoder":  # else none of its weights learns, at whatever rate
        yield "training.lr", _rates(resolved["lr"], training.lr)
    yield "training.head_lr", _rates(resolved["head_lr"], training.head_lr)
    size = resolved["batch_size"]
    sizes = sorted({max(_SMALLEST_BATCH, size // 2), size, 2 * size})
    yield "training.batch_size", {CHOICES: sizes, "default": training.batch_size}
    most = training.epochs * (4 if training.epochs <= _FEW_EPOCHS else 2)
    yield "training.epochs", {RANGE: [max(1, training.epochs // 2), most], "default": training.epochs}
    yield "training.warmup", {RANGE: [0.0, max(0.3, training.warmup)], "default": training.warmup}
    yield "training.head_dropout", {RANGE: [0.0, max(0.4, training.head_dropout)], "default": training.head_dropout}


def _rates(usual: float, given: float | None) -> dict[str, Any]:
    low, high = (float(f"{rate:.{_DIGITS}g}") for rate in (usual / _FACTOR, usual * _FACTOR))
    return {RANGE: [low, high], "scale": "log", "default": given}
