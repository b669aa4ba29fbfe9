"""A planted conflict and a planted dominance: each is found, and what is advised cures it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from polyhead.training import TrainedRun
from tests.training.planting import Planted, accuracies


def advice(run: TrainedRun) -> list[str]:
    return json.loads((run.folder / "diagnosis.json").read_text(encoding="utf-8"))["advice"]


@pytest.fixture
def narrow(tmp_path: Path) -> Planted:
    return Planted(tmp_path, width=6)


@pytest.fixture
def wide(tmp_path: Path) -> Planted:
    return Planted(tmp_path, width=16)


def test_a_conflict_is_found_and_aggregation_cures_it(narrow: Planted) -> None:
    """The damage is what the task that is hurt most loses against a model of its own; the mean of two seeds."""
    damage: dict[str, list[float]] = {"static": [], "upgrad": [], "nashmtl": []}
    for seed in (1, 2):
        single = narrow.single(epochs=20, seed=seed)
        assert min(single.values()) > 0.95, "each alone has room enough"
        for method, own in damage.items():
            run = narrow.train(weight=10.0, epochs=20, seed=seed, balancing=method, diagnose=method == "static")
            found = accuracies(run)
            own.append(max(single[name] - found[name] for name in single))
            if method == "static":
                assert any(line.startswith("'first' and 'second' fight") for line in advice(run)), advice(run)
    hurt, projected, bargained = (sum(own) / len(own) for own in damage.values())
    assert hurt > 0.5, "sharing hurts"
    assert projected < 0.8 * hurt
    assert bargained < 0.5 * hurt


@pytest.mark.parametrize("seed", [1, 2])
def test_a_dominance_is_found_and_uncertainty_cures_it(wide: Planted, seed: int) -> None:
    single = wide.single(epochs=6, seed=seed)
    joint = wide.train(weight=1000.0, epochs=6, seed=seed, diagnose=True)
    (line,) = advice(joint)
    assert line.startswith("'first' dominates: its gradient is ")
    assert "lower its weight (tasks.first.weight; about " in line
    assert "--balancing uncertainty" in line
    found = accuracies(joint)
    assert found["first"] > 0.95
    assert found["second"] < single["second"] - 0.5
    cured = accuracies(wide.train(weight=1000.0, epochs=6, seed=seed, balancing="uncertainty"))
    assert min(cured[name] - single[name] for name in single) > -0.05


def test_where_nothing_is_planted_nothing_is_found(wide: Planted) -> None:
    run = wide.train(epochs=20, diagnose=True)
    assert min(accuracies(run).values()) > 0.95
    assert advice(run) == ["no task dominates, and no two fight: what the tasks share can be left as it is"]
