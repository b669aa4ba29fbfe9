"""What is tried next is a function of the trials before; what does worse than most is given up."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from polyhead.studies.tuning.importance import importances
from polyhead.studies.tuning.sampling import next_values, should_prune
from polyhead.studies.tuning.space import Space, space_of
from polyhead.studies.tuning.trials import State, Trial

SPACE = space_of(
    {
        "training": {
            "lr": {"range": [1e-5, 1e-2], "scale": "log"},
            "warmup": {"range": [0.0, 0.5]},
            "strategy": {"choices": ["joint", "alternating"]},
        }
    }
)


def complete(
    number: int, scores: list[float], *, epochs: int | None = None, values: dict[str, Any] | None = None
) -> Trial:
    return Trial(
        number,
        State.complete,
        values or {},
        epochs=epochs or len(scores),
        scores=list(scores),
        score=max(scores),
        epoch=1 + scores.index(max(scores)),
    )


def searched(space: Space, count: int, *, seed: int) -> list[Trial]:
    """Search where the score is that of the learning rate alone, of which 1e-3 is the best."""
    trials: list[Trial] = []
    for number in range(count):
        values = next_values(space, trials, seed=seed)
        trials.append(complete(number, [1 - abs(math.log10(values["training.lr"]) + 3) / 2], values=values))
    return trials


def test_trials_are_a_function_of_those_before_and_of_the_seed() -> None:
    trials = searched(SPACE, 12, seed=7)
    for number, trial in enumerate(trials):
        assert next_values(SPACE, trials[:number], seed=7) == trial.values
    assert next_values(SPACE, trials, seed=8) != next_values(SPACE, trials, seed=7)
    assert len({str(trial.values) for trial in trials}) == 12


def test_the_search_comes_nearer_to_what_is_good() -> None:
    scores = np.array([[own.score for own in searched(SPACE, 20, seed=seed)] for seed in range(12)])
    assert scores[:, 10:].mean() > scores[:, :6].mean() + 0.05


def test_a_default_that_no_range_holds_is_no_obstacle() -> None:
    first = complete(0, [0.9], values={"training.lr": None, "training.warmup": 0.1, "training.strategy": "joint"})
    assert SPACE.holds(next_values(SPACE, [first], seed=1))


def test_values_that_failed_or_repeat_are_no_obstacle() -> None:
    trials = searched(SPACE, 8, seed=3)
    failed = replace(trials[2], state=State.failed, score=None, scores=[])
    again = replace(trials[3], number=8, state=State.repeat, like=3)
    assert SPACE.holds(next_values(SPACE, [*trials[:2], failed, *trials[3:], again], seed=3))


def test_few_combinations_are_not_repeated_while_others_are_left() -> None:
    space = space_of({"training": {"strategy": {"choices": ["joint", "alternating"]}, "epochs": {"range": [1, 3]}}})
    trials: list[Trial] = []
    for number in range(6):
        trials.append(complete(number, [0.5], values=next_values(space, trials, seed=5)))
    assert len({str(trial.values) for trial in trials}) == 6


def test_below_the_median_is_given_up_but_not_at_first_and_not_before_there_are_some() -> None:
    before = [complete(at, [0.3, 0.5, 0.6 + at / 100, 0.7]) for at in range(5)]
    assert should_prune(before, [0.1, 0.2, 0.3], epochs=4)
    assert should_prune(before, [0.1, 0.4], epochs=4)
    assert not should_prune(before, [0.1], epochs=4)  # after a quarter of the training
    assert not should_prune(before, [0.1, 0.5], epochs=4)
    assert not should_prune(before, [0.65, 0.2], epochs=4)  # its best counts
    assert not should_prune(before[:3], [0.1, 0.2, 0.3], epochs=4)
    assert not should_prune(before, [0.1, None], epochs=4)


def test_trainings_of_other_lengths_are_compared_at_the_same_share() -> None:
    before = [complete(at, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]) for at in range(4)]
    assert not should_prune(before, [0.45], epochs=2)  # half of a training of two epochs: 0.4 is what others had
    assert should_prune(before, [0.35], epochs=2)
    assert not should_prune(before, [0.35], epochs=3)  # a third: 0.2


def test_a_training_that_patience_ended_has_its_last_figure_from_then_on() -> None:
    before = [complete(at, [0.5, 0.4], epochs=10) for at in range(4)]
    assert should_prune(before, [0.1] * 6, epochs=10)
    assert not should_prune(before, [0.6] * 6, epochs=10)


def test_trials_that_were_given_up_are_not_what_others_are_held_against() -> None:
    before = [replace(complete(at, [0.1, 0.1], epochs=4), state=State.pruned) for at in range(9)]
    assert not should_prune(before, [0.05, 0.05], epochs=4)


def test_what_mattered_is_told_from_what_did_not() -> None:
    trials = searched(SPACE, 40, seed=2)
    lr, *others = importances(SPACE, trials, seed=1)
    assert lr.setting == "training.lr"
    assert lr.share > lr.chance
    assert lr.p < 0.05
    assert all(own.share < lr.share for own in others)
    assert abs(sum(own.share for own in [lr, *others]) - 1) < 0.01
    assert importances(SPACE, trials, seed=1) == [lr, *others]


def test_few_trials_say_nothing_of_what_mattered() -> None:
    assert importances(SPACE, searched(SPACE, 7, seed=2), seed=1) == []
