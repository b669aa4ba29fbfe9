"""Ranges are checked against the settings themselves, and whatever is drawn from them is valid."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.errors import SettingsError
from polyhead.studies.tuning.dimensions import Choices, Numbers
from polyhead.studies.tuning.sampling import next_values
from polyhead.studies.tuning.space import Space, space_of
from polyhead.studies.tuning.trials import State, Trial

TASK = {"kind": "single_label", "field": "label"}


def space(**sections: Any) -> Space:
    return space_of(sections)


def complaint(**sections: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        space_of(sections)
    return str(caught.value)


def of_training(**ranges: Any) -> Any:
    return space(training=ranges).dimensions


def test_a_setting_that_counts_gets_integers_and_another_any_numbers() -> None:
    epochs, lr, weight = (
        *of_training(epochs={"range": [2, 10]}, lr={"range": [1, 2]}),
        *space(tasks={"a": {**TASK, "weight": {"range": [1, 4], "step": 0.5}}}).dimensions,
    )
    assert isinstance(epochs, Numbers)
    assert (epochs.whole, lr.whole, weight.whole) == (True, False, False)
    assert (epochs.size, lr.size, weight.size) == (9, None, 7)


def test_a_part_of_the_encoder_is_an_integer_or_a_name() -> None:
    by_number, by_name = (
        of_training(freeze=table)[0] for table in ({"range": [1, 3]}, {"choices": ["embeddings", 2], "unset": True})
    )
    assert by_number.whole
    assert by_name.values == ("embeddings", 2, None)
    found = space(training={"freeze": {"choices": ["embeddings", 2], "unset": True}})
    assert [found.settings({"training.freeze": value}).training.freeze for value in by_name.values] == [
        "embeddings",
        2,
        None,
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"range": [0.0, 1e-3]},
            "lr: input should be greater than 0, found 0.0 (the lower end of its range)",
        ),
        (
            {"range": [1e-5, 1e-3], "scale": "log", "default": -1},
            "lr: input should be greater than 0, found -1",
        ),
        ({"range": [1e-3]}, "training.lr: a range is two numbers, the lower first, found [0.001]"),
        ({"range": ["a", "b"]}, "training.lr: a range is two numbers"),
        ({"range": [True, 2]}, "training.lr: a range is two numbers"),
        ({"range": [float("nan"), 2]}, "training.lr: a range is two numbers"),
        ({"range": [1e-3, 1e-5]}, "training.lr: the lower end of a range must be below the upper"),
        ({"range": [1e-3, 1e-3]}, "training.lr: the lower end of a range must be below the upper"),
        ({"range": [1e-5, 1e-3], "scale": "logs"}, "no scale 'logs'; known: linear, log (did you mean 'log'?)"),
        (
            {"range": [1e-5, 1e-3], "skale": "log"},
            "'range' has no 'skale'; known: range, scale, step, default (did",
        ),
        ({"range": [1e-5, 1e-3], "choices": [1]}, "'range' has no 'choices'"),
        ({"range": [1e-5, 1e-3], "scale": "log", "step": 1e-5}, "scale 'log' has no steps"),
        ({"range": [1e-5, 1e-3], "step": 1}, "a step must be above 0, and no more than the range is wide, found 1"),
        ({"range": [1e-5, 1e-3], "step": 0}, "a step must be above 0"),
        ({"choices": [1e-3]}, "training.lr: choices must be two or more"),
        ({"choices": [1e-3, 1e-3]}, "training.lr: each choice must be another, found 0.001 twice"),
        ({"choices": [1e-3, "fast"]}, "found 'fast' (one of its choices)"),
        ({"choices": [1e-3], "unset": 1}, "training.lr: 'unset' must be true or false"),
    ],
)
def test_what_is_wrong_with_a_range_is_said(table: dict[str, Any], said: str) -> None:
    assert said in complaint(training={"lr": table})


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"training": {"epochs": {"range": [1.5, 3]}}}, "training.epochs: input should be a valid integer"),
        (
            {"training": {"epochs": {"range": [1, 5], "step": 0.5}}},
            "takes integers, so its step must be one, found 0",
        ),
        ({"training": {"epoch": {"range": [1, 5]}}}, "training.epoch: no such setting; known: "),
        ({"training": {"strategy": {"choices": ["joint", "alternate"]}}}, "did you mean 'alternating'"),
        ({"training": {"seed": {"range": [1, 5]}}}, "that would find luck, not settings"),
        ({"output": {"choices": ["a", "b"]}}, "output: cannot be a range: it changes nothing of the model"),
        ({"saving": {"keep": {"range": [1, 5]}}}, "saving.keep: cannot be a range"),
        (
            {"data": {"train": {"choices": ["a", "b"]}}},
            "data.train: cannot be a range: trials are compared on the",
        ),
        ({"tasks": {"a": {**TASK, "score_weight": {"range": [0, 1]}}}}, "score_weight: cannot be a range: trials are"),
        ({"tasks": {"a": {"field": "label", "kind": {"choices": ["x", "y"]}}}}, "tasks.a.kind: cannot be a range"),
        ({"tasks": {"a": {**TASK, "hiden": {"range": [0, 9]}}}}, "tasks.a.hiden: no such setting"),
        ({"tasks": {"a": {**TASK, "hidden": {"range": [-1, 9]}}}}, "tasks.a.hidden: input should be greater than or"),
        (
            {"tasks": {"a": {**TASK, "kind": "multi_label", "separator": {"choices": ["#", ","]}}}},
            "tasks.a.separator: cannot be a range: it is what the model is to learn",
        ),
        ({"training": {"lr": {"range": [1e-5, 1e-4]}, "freeze": "encoder", "unfreeze": 1}}, "cannot both be given"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(sections: dict[str, Any], said: str) -> None:
    assert said in complaint(**sections)


def test_the_weight_of_a_data_set_may_be_searched() -> None:
    (own,) = space(data={"sets": {"a": {"train": "x", "weight": {"range": [0.1, 1]}}}}).dimensions
    assert own.name == "data.sets.a.weight"


def test_the_first_choice_of_encoders_is_the_default() -> None:
    (own,) = space(encoder={"choices": ["minilm", "bert-base-uncased"]}).dimensions
    assert own.default == "minilm"


def test_a_weight_of_a_class_may_be_searched() -> None:
    found = space(tasks={"a": {**TASK, "class_weights": {"rare": {"range": [1, 9]}, "range": 2.0}}})
    settings_ = found.settings({"tasks.a.class_weights.rare": 3.0})
    assert settings_.tasks["a"].model_extra == {"class_weights": {"range": 2.0, "rare": 3.0}}


numbers = st.floats(1e-6, 1e-2)


@st.composite
def training_ranges(draw: st.DrawFn) -> dict[str, Any]:
    """Ranges of some settings, all of which are valid."""
    low = draw(numbers)
    ranges = {
        "lr": {"range": [low, low * draw(st.floats(1.01, 1e3))], "scale": draw(st.sampled_from(["log", "linear"]))},
        "epochs": {"range": [(first := draw(st.integers(1, 9))), first + draw(st.integers(1, 40))]},
        "batch_size": {"range": [4, 4 + 4 * draw(st.integers(1, 9))], "step": 4},
        "head_dropout": {"range": [0.0, draw(st.floats(0.11, 0.99))], "step": draw(st.sampled_from([0.1, 0.05, 0.03]))},
        "warmup": {"range": [0, draw(st.floats(0.01, 0.9))]},
        "strategy": {"choices": ["joint", "alternating", "uniform"]},
        "freeze": {"choices": ["embeddings", 1], "unset": draw(st.booleans())},
    }
    chosen = draw(st.sets(st.sampled_from(sorted(ranges)), min_size=1))
    return {name: ranges[name] for name in sorted(chosen)}


@settings(deadline=None, max_examples=40)
@given(training_ranges(), st.integers(0, 2**32 - 1), st.lists(st.floats(0, 1), max_size=12))
def test_whatever_is_drawn_is_valid_and_of_the_range(ranges: dict[str, Any], seed: int, scores: list[float]) -> None:
    found, trials = space(training=ranges), list[Trial]()
    for score in [*scores, 0.5]:
        values = next_values(found, trials, seed=seed)
        own = found.settings(values).training
        assert found.holds(values)
        for dimension in found.dimensions:
            value = values[dimension.name]
            assert getattr(own, dimension.path[-1]) == value
            if isinstance(dimension, Numbers):
                assert dimension.low <= value <= dimension.high
                assert isinstance(value, int) or not dimension.whole
            if isinstance(dimension, Choices):
                assert value in dimension.values
        trials.append(Trial(len(trials), State.complete, values, epochs=1, scores=[score], score=score, epoch=1))
