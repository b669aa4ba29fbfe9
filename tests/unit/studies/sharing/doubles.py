"""Made-up trainings, whose answers are right where the test says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from polyhead.metrics import ShareScorer
from polyhead.studies.sharing.outcome import Outcome, OwnBest, Scored
from polyhead.studies.sharing.resampling import samples_of


def scored(right: str) -> Scored:
    """Return what a task's answers are worth, of which some are right."""
    scorer = ShareScorer("accuracy")
    for own in right:
        scorer.add(True, own == "1")
    samples = np.concatenate([scorer.figures(weights)["accuracy"] for weights in samples_of(len(right))])
    figures = scorer.headline()
    return Scored(figures["accuracy"], figures, samples.tolist(), right)


def outcome(
    right: Mapping[str, str], *, seed: int = 0, dev: Mapping[str, float | None] | None = None, seconds: float = 2.0
) -> Outcome:
    """Return a training by which records are right, for each of its tasks."""
    scores = {name: scored(own) for name, own in right.items()}
    values = {name: own.value for name, own in scores.items()}
    return Outcome(
        tasks=tuple(right),
        seed=seed,
        records=100,
        epoch=2,
        epochs=3,
        steps=30,
        batch_size=8,
        lr=1e-3,
        seconds=seconds,
        beside=0,
        device="cpu",
        parameters=1_000,
        bytes=5_000,
        dev=values if dev is None else dev,
        scores=scores,
        own_best={name: OwnBest(1, value) for name, value in values.items()} if len(right) > 1 else {},
    )


def bits(share: float, records: int = 200, *, hard: Sequence[int] = ()) -> str:
    """Return a string in which a share of the records is right, those at the front."""
    right = round(share * records)
    return "".join("1" if at < right and at not in hard else "0" for at in range(records))
