"""Which settings mattered, and what of that chance alone would show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyhead.studies.tuning.sampling import quiet, study_of
from polyhead.studies.tuning.space import Space
from polyhead.studies.tuning.trials import State, Trial

FEWEST = 8
"""With fewer complete trials than this, nothing is said."""
_IN_THE_TOP = 5
"""The best so many trials, or more of many, are held against all."""
_SHUFFLES = 200
_LEVEL = 0.95


@dataclass(frozen=True)
class Importance:
    """How much one setting mattered.

    Attributes:
        setting: Its name.
        share: Its share of what all settings together show.
        chance: The share that it reaches in one of twenty shuffles of the scores, in which nothing matters.
        p: How often it is as large as found, or larger, in such shuffles.
    """

    setting: str
    share: float
    chance: float
    p: float


def importances(space: Space, trials: Sequence[Trial], *, seed: int) -> list[Importance]:
    """Return how much each setting mattered, the one that mattered most first; nothing for few trials.

    By PED-ANOVA (Watanabe et al. 2023): how far the values of the best trials are distributed otherwise than those of
    all. Shares add up to 1 whatever the trials are, so they are held against those of trials whose scores are shuffled.

    Args:
        space: What was searched.
        trials: All trials; those that are complete count.
        seed: Of the shuffles.
    """
    known = [own for own in trials if own.state is State.complete and space.holds(own.values)]
    if len(known) < FEWEST or len(space.dimensions) < 2:
        return []
    found = _shares(space, known)
    random = np.random.default_rng(seed)
    by_chance = np.array([_shares(space, _shuffled(known, random)) for _ in range(_SHUFFLES)])
    rows = [
        Importance(
            own.name,
            share=round(float(found[at]), 4),
            chance=round(float(np.quantile(by_chance[:, at], _LEVEL)), 4),
            p=float((1 + (by_chance[:, at] >= found[at]).sum()) / (1 + _SHUFFLES)),
        )
        for at, own in enumerate(space.dimensions)
    ]
    return sorted(rows, key=lambda row: -row.share)


def _shuffled(trials: Sequence[Trial], random: np.random.Generator) -> list[Trial]:
    order = random.permutation(len(trials))
    return [replace(own, score=trials[at].score) for own, at in zip(trials, order, strict=True)]


def _shares(space: Space, trials: Sequence[Trial]) -> list[float]:
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    top = min(0.5, max(0.1, _IN_THE_TOP / len(trials)))
    with quiet():
        study = study_of(space, trials, seed=0)
        found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(target_quantile=top))
    return [found.get(own.name, 0.0) for own in space.dimensions]
