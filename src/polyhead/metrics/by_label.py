"""What figures by label share, be it of classes, sets of labels, or entities.

A record's counts have, for each label, ``(WANTED, label)``: how often gold has it; ``(FOUND, label)``: how often the
answers have it; ``(HIT, label)``: how often both, in the right place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from polyhead.metrics.counts import Sums
from polyhead.metrics.scorer import Figures, Floats, share

WANTED, FOUND, HIT = "wanted", "found", "hit"


def label_counts(wanted: Iterable[Hashable], found: Iterable[Hashable], hit: Iterable[Hashable]) -> Counter[Hashable]:
    """Return a record's counts."""
    counts: Counter[Hashable] = Counter()
    for what, labels in ((WANTED, wanted), (FOUND, found), (HIT, hit)):
        counts.update((what, label) for label in labels)
    return counts


def labels_of(sums: Sums) -> list[Any]:
    """Return the labels that gold or answers have, sorted."""
    labels = {key[1] for key in sums if isinstance(key, tuple)}
    return sorted(labels, key=lambda label: (isinstance(label, str), label))


def figures_by_label(sums: Sums) -> dict[Any, dict[str, float]]:
    """Return precision, recall, F1 and support of each label."""
    rows = {}
    for label in labels_of(sums):
        wanted = sums[WANTED, label]
        figures = f_measure(sums[HIT, label], sums[FOUND, label], wanted)
        rows[label] = {name: float(values[0]) for name, values in figures.items()} | {"support": int(wanted[0])}
    return rows


def class_rows(sums: Sums) -> list[dict[str, Any]]:
    """Return the same as rows: a label may be a number, which no key of a JSON object is."""
    return [{"label": label, **figures} for label, figures in figures_by_label(sums).items()]


def mean_f1(sums: Sums) -> Figures:
    """Return ``macro_f1``, over the labels that gold or answers have, and ``weighted_f1``, by their number in gold."""
    labels = labels_of(sums)
    if not labels:
        return {"macro_f1": np.zeros(sums.samples), "weighted_f1": np.zeros(sums.samples)}
    wanted, found, hit = (np.stack([sums[what, label] for label in labels]) for what in (WANTED, FOUND, HIT))
    f1 = share(2 * hit, wanted + found)
    there = (wanted + found > 0).sum(axis=0, dtype=np.float64)
    return {
        "macro_f1": share(f1.sum(axis=0), there),
        "weighted_f1": share((f1 * wanted).sum(axis=0), wanted.sum(axis=0)),
    }


def total(sums: Sums, what: str) -> Floats:
    """Return `WANTED`, `FOUND` or `HIT` of all labels together."""
    zeros: Floats = np.zeros(sums.samples)
    return sum((own for key, own in sums.items() if isinstance(key, tuple) and key[0] == what), zeros)


def micro(sums: Sums) -> Figures:
    """Return precision, recall and F1 over all labels together."""
    return f_measure(total(sums, HIT), total(sums, FOUND), total(sums, WANTED))


def f_measure(hit: Floats, found: Floats, wanted: Floats) -> Figures:
    """Return precision, recall and F1; 0 where nothing was found or nothing is there to find."""
    return {"precision": share(hit, found), "recall": share(hit, wanted), "f1": share(2 * hit, found + wanted)}
