"""What came of a split: records and labels by part, beside what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.splitting.sharing import Labels


def counts_of(labels: Labels, part_of: NDArray[np.int64], shares: Sequence[float]) -> dict[str, Any]:
    """Count records by part, by task and by label.

    Args:
        labels: What records show.
        part_of: By record, its part.
        shares: Of the parts.

    Returns:
        ``{"records": count, "tasks": {name: {"records": count, "labels": [{"label": ..., **count}]}}}``, where a count
        is ``{"wanted": [...], "got": [...]}``, by part.
    """
    parts = len(shares)
    got = np.zeros((len(labels.names), parts), dtype=np.int64)
    for own, part in zip(labels.of_record, part_of.tolist(), strict=True):
        got[list(own), part] += 1
    tasks: dict[str, Any] = {}
    for (task, label), counts in zip(labels.names, got, strict=True):
        count = _count(counts, shares)
        if label is None:
            tasks[task] = {"records": count, "labels": []}
        else:
            tasks[task]["labels"].append({"label": label, **count})
    return {"records": _count(np.bincount(part_of, minlength=parts), shares), "tasks": tasks}


def _count(got: NDArray[np.int64], shares: Sequence[float]) -> dict[str, Any]:
    total = int(got.sum())
    return {"wanted": [round(total * share / sum(shares), 2) for share in shares], "got": got.tolist()}


def worst_labels(counts: dict[str, Any], *, most: int = 5, least: float = 1.0) -> list[dict[str, Any]]:
    """Return the labels that are furthest from what was wanted.

    Args:
        counts: Of `counts_of`.
        most: How many.
        least: Records by which a label must be off in some part.

    Returns:
        ``{"task": name, "label": ..., "off": records, "wanted": [...], "got": [...]}``, the worst first.
    """
    found = [
        {"task": task, "off": max(abs(got - want) for got, want in zip(own["got"], own["wanted"], strict=True)), **own}
        for task, counted in counts["tasks"].items()
        for own in counted["labels"]
    ]
    return sorted((own for own in found if own["off"] >= least), key=lambda own: -own["off"])[:most]
