"""How long all tasks take for one text: with one joint model, and with a model for each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from polyhead.inference import Predictor
from polyhead.records import Record, Text

_TEXTS = 60
"""Different texts that are timed."""
_ROUNDS = 4
"""Times that each of them is."""
_WARM_UP = 10


def latency_of(joint: Path, singles: Sequence[Path], records: Sequence[Record]) -> dict[str, Any]:
    """Time both ways in turns, text by text, so that what else the machine does falls on both.

    Args:
        joint: The joint model's bundle.
        singles: The bundles of the tasks' own models, which answer a text one after the other.
        records: Of which texts are taken, at even distances.

    Returns:
        ``{"texts": n, "rounds": n, "joint": {"p50", "p90"}, "separate": {...}}``, in milliseconds a text.
    """
    texts = _texts(records)
    ways = {"joint": [_opened(joint)], "separate": [_opened(path) for path in singles]}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for text in texts[:_WARM_UP]:
        for predictors in ways.values():
            _seconds(predictors, text)
    for at in range(_ROUNDS):
        for text in texts:
            for name in sorted(ways, reverse=bool(at % 2)):
                times[name].append(1000 * _seconds(ways[name], text))
    found = {name: _percentiles(own) for name, own in times.items()}
    return {"texts": len(texts), "rounds": _ROUNDS, **found}


def _texts(records: Sequence[Record]) -> list[Text]:
    places = np.unique(np.linspace(0, len(records) - 1, num=min(_TEXTS, len(records))).astype(int))
    return [records[at].texts for at in places.tolist()]


def _opened(bundle: Path) -> Predictor:
    return Predictor.load(bundle, runtime="torch")


def _seconds(predictors: Sequence[Predictor], text: Text) -> float:
    began = time.perf_counter()
    for predictor in predictors:
        predictor([text])
    return time.perf_counter() - began


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    return {name: round(float(np.percentile(times, share)), 3) for name, share in (("p50", 50), ("p90", 90))}
