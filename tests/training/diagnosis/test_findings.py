"""What measurements mean: figures, their intervals, and the advice."""

from __future__ import annotations

import json

import numpy as np
import pytest

from polyhead.training.diagnosis import diagnose
from polyhead.training.diagnosis.findings import mean_over_training
from polyhead.training.diagnosis.probe import Measurement


def seen(
    step: int, cosine: float, norms: tuple[float, float] = (1.0, 1.0), losses: tuple[float, float] = (1.0, 1.0)
) -> Measurement:
    first, second = norms
    gramian = np.array([[first**2, cosine * first * second], [cosine * first * second, second**2]])
    # Nine parts in ten of it in the embeddings.
    groups = {"embeddings": 0.9 * gramian, "layer 1": 0.1 * gramian}
    return Measurement(step, {"topic": losses[0], "tags": losses[1]}, {"topic": 2.0, "tags": 1.0}, groups)


def noisy(mean: float, *, spread: float, count: int = 40) -> list[float]:
    return (mean + spread * np.random.default_rng(3).standard_normal(count)).clip(-0.99, 0.99).tolist()


def lines(found: list[Measurement], balancing: str = "static") -> tuple[str, ...]:
    return diagnose(found, groups=["embeddings", "layer 1"], balancing=balancing).advice


def test_figures_are_those_of_the_gradients() -> None:
    found = diagnose([seen(at, 0.5, (3.0, 1.0)) for at in range(10)], groups=["embeddings", "layer 1"])
    (pair,) = found.pairs
    assert pair.cosine is not None
    assert (pair.cosine.mean, pair.cosine.low, pair.cosine.high) == pytest.approx((0.5, 0.5, 0.5))
    assert {name: own.mean for name, own in pair.groups.items()} == pytest.approx({"embeddings": 0.5, "layer 1": 0.5})
    topic, tags = found.tasks
    assert (topic.share.mean, tags.share.mean) == pytest.approx((0.75, 0.25))
    assert (topic.first_loss, topic.last_loss, topic.weight) == (1.0, 1.0, 2.0)


def test_the_interval_is_students_over_the_means_of_stretches() -> None:
    """Ten stretches of means 0 to 9: 4.5 ± 2.262157 · 3.027650 / √10."""
    figure = mean_over_training([value for value in range(10) for _ in range(3)])
    assert (figure.mean, figure.high - figure.mean) == pytest.approx((4.5, 2.262157 * 3.027650 / 10**0.5), rel=1e-5)


def test_nothing_is_wrong_where_nothing_is() -> None:
    assert lines([seen(at, own) for at, own in enumerate(noisy(0.2, spread=0.2))])[0].startswith("no task dominates")


def test_a_fight_is_named_with_its_levers() -> None:
    (line,) = lines([seen(at, own) for at, own in enumerate(noisy(-0.4, spread=0.2))])
    assert line.startswith("'topic' and 'tags' fight: the cosine between their gradients is -0.")
    assert "--balancing nashmtl" in line
    assert "polyhead study" in line
    (line,) = lines([seen(at, own) for at, own in enumerate(noisy(-0.4, spread=0.2))], balancing="upgrad")
    assert "--balancing" not in line


@pytest.mark.parametrize(("mean", "spread"), [(-0.02, 0.01), (-0.12, 0.9), (-0.05, 0.3)])
def test_noise_and_trifles_are_no_fight(mean: float, spread: float) -> None:
    assert lines([seen(at, own) for at, own in enumerate(noisy(mean, spread=spread))])[0].startswith(
        "no task dominates"
    )


def test_gradients_of_what_both_have_learnt_are_no_fight() -> None:
    learning = [seen(at, 0.1) for at in range(10)]
    learnt = [seen(at, -0.9, losses=(0.01, 0.02)) for at in range(10, 40)]
    assert lines(learning + learnt)[0].startswith("no task dominates")
    one_left = [seen(at, -0.9, losses=(0.01, 0.8)) for at in range(10, 40)]
    assert "fight" in lines(learning + one_left)[0]


def test_a_dominance_is_named_with_the_weight_that_evens_it() -> None:
    (line,) = lines([seen(at, 0.0, (50.0, 1.0)) for at in range(10)])
    assert line == (
        "'topic' dominates: its gradient is 50 times as long as that of 'tags'; lower its weight (tasks.topic.weight; "
        "about 0.04 would even them), or try --balancing uncertainty, which finds weights by itself"
    )
    (line,) = lines([seen(at, 0.0, (50.0, 1.0)) for at in range(10)], balancing="uncertainty")
    assert "--balancing" not in line
    assert "no task dominates" in lines([seen(at, 0.0, (5.0, 1.0)) for at in range(10)])[0]


def test_a_task_that_is_learnt_is_not_drowned() -> None:
    while_learning = [seen(at, 0.0, (2.0, 1.0)) for at in range(10)]
    learnt = [seen(at, 0.0, (100.0, 1.0), losses=(1.0, 0.01)) for at in range(10, 40)]
    assert "no task dominates" in lines(while_learning + learnt)[0]


def test_too_little_says_nothing() -> None:
    assert lines([seen(0, -0.9, (100.0, 1.0))]) == ("too little was measured to say anything: 1 times, and it takes 5",)
    assert lines([]) == ("too little was measured to say anything: 0 times, and it takes 5",)


def test_a_task_that_comes_late_and_gradients_of_zero() -> None:
    alone = Measurement(0, {"topic": 1.0, "rare": 0.5}, {"topic": 1.0, "rare": 1.0}, {"embeddings": np.zeros((2, 2))})
    found = diagnose([alone, *(seen(at, 0.3) for at in range(1, 9))], groups=["embeddings", "layer 1"])
    assert [own.task for own in found.tasks] == ["topic", "rare", "tags"]
    assert [own.cosine is None for own in found.pairs] == [True, False, True]
    assert json.loads(json.dumps(found.to_json()))["pairs"][0]["cosine"] is None
    assert Measurement.from_json(json.loads(json.dumps(alone.to_json()))).share("topic") is None
