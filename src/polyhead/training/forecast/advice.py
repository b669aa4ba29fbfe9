"""What to change where a run will not fit, with what it then takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from polyhead.model.freezing import is_frozen, layers_of
from polyhead.training.examples import lengths_of
from polyhead.training.forecast.disk import LEFT_FREE, Disk
from polyhead.training.forecast.memory import Line, fits, for_learning, per_slot
from polyhead.training.prepare import Prepared

_FEWEST_STATES = 2
"""With saving.keep=1: the one that is kept, and the one that is written."""
_SMALLEST_BUDGET = 8
"""The least that training.token_budget may be."""


def memory_advice(prepared: Prepared, line: Line, *, largest: float, room: int | None) -> list[dict[str, Any]]:
    """Return settings with which a run is expected to fit into memory, those that change least first.

    Args:
        prepared: The run.
        line: How memory grows with what goes through at once.
        largest: Slots at once of the largest step.
        room: The bytes there are.

    Returns:
        ``{"setting": "key=value", "why": ..., "memory": bytes}`` each.
    """
    options = _of_memory(prepared, line, largest, room)
    return [own for own in options if fits(own["memory"], room)]


def _of_memory(prepared: Prepared, line: Line, largest: float, room: int | None) -> Iterator[dict[str, Any]]:
    training = prepared.settings.training
    longest = int(np.max(np.asarray(lengths_of(prepared.examples))))
    size = line.size_for(room)
    if size is not None and size >= max(longest, _SMALLEST_BUDGET):
        budget = _round(size)
        yield _option(f"training.token_budget={budget}", "the same steps, in parts, a little slower", line.at(budget))
    formula = per_slot(prepared.model, longest=longest, recomputed=False)
    if not training.checkpoint_activations and not is_frozen(prepared.model.encoder):
        share = per_slot(prepared.model, longest=longest, recomputed=True) / formula
        memory = line.base + share * line.slope * largest
        yield _option("training.checkpoint_activations=true", "the same weights, in about a third more time", memory)
    if size is not None:
        rows, a_row = prepared.plan.batch_size, longest * max(map(len, prepared.steps.of_epoch(1)))
        while rows > 1 and rows * a_row > size:
            rows //= 2
        if rows < prepared.plan.batch_size and rows * a_row <= size:
            yield _option(f"training.batch_size={rows}", "other steps, and more of them", line.at(rows * a_row))
    if not is_frozen(prepared.model.encoder) and prepared.model.adapters is None:
        learning = for_learning(prepared.model)
        heads = sum(weight.numel() for weight in prepared.model.heads.parameters()) * 12
        layer = line.slope / max(1, len(layers_of(prepared.model.encoder)))
        memory = line.base - learning + heads + layer * largest
        yield _option("training.freeze=encoder", "only the heads learn: most often a worse model", memory)


def _option(setting: str, why: str, memory: float) -> dict[str, Any]:
    return {"setting": setting, "why": why, "memory": round(memory)}


def _round(size: int) -> int:
    """Return a number of two digits and zeros that is no larger."""
    power = max(1, 10 ** (len(str(size)) - 2))
    return size // power * power


def disk_advice(disk: Disk) -> list[dict[str, Any]]:
    """Return what leaves room on the disk.

    Args:
        disk: What it takes.

    Returns:
        ``{"setting": "key=value", "why": ..., "disk": bytes}`` each.
    """
    found = []
    without = disk.bundle * disk.bundles
    if disk.states > _FEWEST_STATES:
        found.append(("saving.keep=1", "fewer states", without + disk.state * _FEWEST_STATES))
    if disk.states:
        found.append(("saving.every_minutes=0", "no states: a run that breaks off begins anew", without))
    epochs = max(0, (disk.free - disk.state * disk.states - LEFT_FREE) // disk.bundle)
    if 0 < epochs < disk.bundles:
        needed = disk.bundle * epochs + disk.state * disk.states
        found.append((f"training.epochs={epochs}", "each epoch leaves a bundle", needed))
    missing = max(0, disk.needed + LEFT_FREE - disk.free)
    fitting = [own for own in found if own[2] + LEFT_FREE <= disk.free]
    fitting.append(("output=FOLDER", f"on a disk with {missing / 1e9:.2f} GB more", disk.needed))
    return [{"setting": setting, "why": why, "disk": needed} for setting, why, needed in fitting]
