"""What to try next, and when to give a trial up: Optuna's work, made a function of the trials before.

A study is set up anew from the trials that are kept, for each question, and each trial's sampler has a seed of its own.
So a search that goes on after a kill asks for the very trials that it would have asked for, which no sampler's state on
disk would need; and the file of trials is the only one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from polyhead.errors import MissingExtraError
from polyhead.studies.tuning.space import Space
from polyhead.studies.tuning.trials import State, Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study
    from optuna.trial import FrozenTrial

_AT_RANDOM = 6
"""Trials before the sampler has enough to go by."""
_ASKED_AGAIN = 20
"""Times that a trial is asked for anew where it would repeat an earlier one."""
_SHARES = 100
"""Shares of a training at which scores are compared."""
_COMPLETE_FIRST = 4
"""Trials that must be complete before another is held against them."""
_UNTOUCHED = 30
"""Per cent of a training in which no trial is given up: rates are still high, and scores say little."""


def check_optuna() -> None:
    """See that Optuna is installed, before anything costs time.

    Raises:
        MissingExtraError: If it is not.
    """
    try:
        import optuna  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("polyhead tune", "tune") from error


def next_values(space: Space, trials: Sequence[Trial], *, seed: int) -> dict[str, Any]:
    """Return what the next trial takes: by TPE (Bergstra et al. 2011), all settings together.

    Args:
        space: What is searched.
        trials: All trials before, the one of the default settings included.
        seed: Of the search; the values are a function of the three.

    Returns:
        Values that no trial before has, unless such are hard to find.
    """
    tried = [trial.values for trial in trials]
    values: dict[str, Any] = {}
    for attempt in range(_ASKED_AGAIN):
        of_trial = int(np.random.SeedSequence([seed, len(trials), attempt]).generate_state(1)[0])
        with quiet():
            asked = study_of(space, trials, seed=of_trial).ask(_distributions(space)).params
        values = {own.name: own.value_of(asked[own.name]) for own in space.dimensions}
        if values not in tried:
            break
    return values


def should_prune(trials: Sequence[Trial], scores: Sequence[float | None], *, epochs: int) -> bool:
    """Whether a trial is worth no further epoch: its best score is below the median of what complete ones had by then.

    Trainings of several lengths are compared at the same share of their own length, since learning rates fall over it.

    Args:
        trials: All trials before.
        scores: The dev score after each epoch so far; `None` where nothing defines one.
        epochs: How many epochs it is to have.
    """
    from optuna.pruners import MedianPruner

    if scores[-1] is None:
        return False
    with quiet():
        study = study_of(None, trials, seed=0)
        pruner = MedianPruner(n_startup_trials=_COMPLETE_FIRST, n_warmup_steps=_UNTOUCHED)
        return pruner.prune(study, _under_way(scores, epochs))


def _under_way(scores: Sequence[float | None], epochs: int) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    reached = {_SHARES * (at + 1) // epochs: score for at, score in enumerate(scores) if score is not None}
    return create_trial(state=TrialState.RUNNING, intermediate_values=reached)


def study_of(space: Space | None, trials: Sequence[Trial], *, seed: int) -> Study:
    """Return a study that knows the trials that are of the space; their values only where one is given."""
    import optuna

    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=_AT_RANDOM, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    told = [own for own in trials if own.state is not State.repeat and (space is None or space.holds(own.values))]
    study.add_trials([_frozen(space, own) for own in told])
    return study


def _frozen(space: Space | None, trial: Trial) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    states = {
        State.complete: TrialState.COMPLETE,
        State.pruned: TrialState.PRUNED,
        State.failed: TrialState.FAIL,
    }
    dimensions = space.dimensions if space else ()
    return create_trial(
        state=TrialState.FAIL if trial.score is None else states[trial.state],
        value=trial.score,
        params={own.name: own.drawn(trial.values[own.name]) for own in dimensions},
        distributions=_distributions(space) if space else {},
        intermediate_values=_by_share(trial),
    )


def _by_share(trial: Trial) -> dict[int, float]:
    """Return, by per cent of a complete training, the best score it had by then."""
    if trial.state is not State.complete:
        return {}
    best = np.fmax.accumulate([math.nan if score is None else score for score in trial.scores])
    # With patience it may have ended before its last epoch.
    done = {share: min(share * trial.epochs // _SHARES, len(best)) for share in range(1, _SHARES + 1)}
    found = {share: float(best[epochs - 1]) for share, epochs in done.items() if epochs}
    return {share: score for share, score in found.items() if not math.isnan(score)}


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    return {own.name: own.distribution() for own in space.dimensions}


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from writing: what it has to say of single trials we say ourselves."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(level)
