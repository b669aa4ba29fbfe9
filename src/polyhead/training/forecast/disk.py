"""The room that a run takes on the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polyhead.training.prepare import Prepared

_MOMENTS = 2
"""Numbers that AdamW keeps of a weight."""
_SECONDS_A_MINUTE = 60.0
LEFT_FREE = 64 * 2**20
"""Bytes that should stay free: for the log, and whoever else writes."""


@dataclass(frozen=True)
class Disk:
    """Bytes on the disk.

    Attributes:
        bundle: Of one epoch's bundle.
        bundles: How many bundles there are in the end.
        state: Of one state from which a run goes on.
        states: How many there are at once, one that is being written included.
        free: What is free where the run is saved.
    """

    bundle: int
    bundles: int
    state: int
    states: int
    free: int

    @property
    def needed(self) -> int:
        """The most there is at once."""
        return self.bundle * self.bundles + self.state * self.states

    @property
    def fits(self) -> bool:
        """Whether it is free."""
        return self.needed + LEFT_FREE <= self.free

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        own = {"bundle": self.bundle, "bundles": self.bundles, "state": self.state, "states": self.states}
        return {**own, "needed": self.needed, "free": self.free, "fits": self.fits}


def disk_of(prepared: Prepared, *, seconds: float) -> Disk:
    """Return the room that a run takes on the disk.

    Args:
        prepared: The run.
        seconds: How long it is expected to take, by which states are saved.
    """
    settings, model = prepared.settings, prepared.model
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.state_dict().values())
    texts = len(prepared.pretrained.tokenizer_json.encode()) + len(prepared.pretrained.config_json.encode())
    learning = sum(weight.numel() * weight.element_size() for weight in prepared.engine.trained)
    kept = settings.training.average if settings.training.average > 1 else 0
    saving = settings.saving
    by_steps = saving.every_steps is not None and saving.every_steps < prepared.plan.steps
    by_time = 0 < saving.every_minutes * _SECONDS_A_MINUTE < seconds
    return Disk(
        bundle=weights + texts,
        bundles=settings.training.epochs,
        state=weights * (1 + kept) + learning * _MOMENTS,
        states=saving.keep + 1 if by_steps or by_time else 0,
        free=free_at(settings.output),
    )


def free_at(path: Path) -> int:
    """Return the bytes that are free where a path is, or will be."""
    return shutil.disk_usage(next(own for own in (path, *path.absolute().parents) if own.exists())).free
