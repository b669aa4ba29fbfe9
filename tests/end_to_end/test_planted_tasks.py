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


@pytest.mark.parametrize("seed", [1, 2])
def test_a_conflict_is_found_and_aggregation_cures_it(narrow: Planted, seed: int) -> None:
    single = narrow.single(epochs=20, seed=seed)
    assert min(single.values()) > 0.95, "each alone has room enough"
    joint = narrow.train(weight=5.0, epochs=20, seed=seed, diagnose=True)
    (line,) = advice(joint)
    assert line.startswith("'first' and 'second' fight: the cosine between their gradients is -0.")
    assert "--balancing nashmtl" in line
    bargained = accuracies(narrow.train(weight=5.0, epochs=20, seed=seed, balancing="nashmtl"))
    damage, left = (max(single[name] - own[name] for name in single) for own in (accuracies(joint), bargained))
    assert damage > 0.1, "sharing hurts"
    assert left < 0.5 * damage


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
