"""Groupings: each is there once, estimates are those of the source, the planted best comes first."""

from __future__ import annotations

from itertools import combinations

import pytest

from polyhead.errors import SettingsError
from polyhead.evaluation import Criterion
from polyhead.studies.sharing.grouping import Trained, check_tasks, grouped, groupings_of
from polyhead.studies.sharing.teams import Team, slug_of, teams_of
from tests.unit.studies.sharing.doubles import outcome

NAMES = ("a", "b", "c", "d")
CRITERIA = dict.fromkeys(NAMES, Criterion("accuracy", 1.0))
FRIENDS = ({"a", "b"}, {"c", "d"})


@pytest.mark.parametrize(("tasks", "bell"), [(0, 1), (1, 1), (2, 2), (3, 5), (4, 15), (5, 52), (6, 203)])
def test_there_are_as_many_groupings_as_bells_number(tasks: int, bell: int) -> None:
    names = "abcdef"[:tasks]
    found = {frozenset(map(frozenset, grouping)) for grouping in groupings_of(names)}
    assert len(found) == len(list(groupings_of(names))) == bell
    for grouping in found:
        assert sorted(name for group in grouping for name in group) == list(names)


def planted(*, joint: float = 0.5, seeds: int = 2) -> Trained:
    """Tasks that gain beside their friend, and lose beside the others."""

    def figure(name: str, team: Team) -> float:
        others = set(team) - {name}
        if not others:
            return 0.7
        return joint if len(team) > 2 else 0.9 if {name} | others in FRIENDS else 0.6

    teams = [NAMES, *((name,) for name in NAMES), *combinations(NAMES, 2)]
    figures = {
        team: [{name: figure(name, team) + 0.001 * seed for name in team} for seed in range(seeds)] for team in teams
    }
    return Trained(NAMES, CRITERIA, figures)


def test_the_planted_best_comes_first() -> None:
    found = grouped(planted())
    best = found["groupings"][0]
    assert found["considered"] == 15
    assert best["groups"] == [["a", "b"], ["c", "d"]]
    assert (best["models"], best["measured"], best["best_of_models"]) == (2, True, True)
    assert best["score"] == pytest.approx(0.9005)
    assert best["against_joint"] == pytest.approx(0.4)
    assert best["interval"] == pytest.approx([0.4, 0.4])
    assert found["affinity"]["a"] == pytest.approx({"b": 0.2, "c": -0.1, "d": -0.1})


def test_groups_of_three_are_estimated_by_the_mean_over_their_pairs() -> None:
    trained = planted()
    # By hand: a is 0.9 beside b and 0.6 beside c, so is b; c is 0.6 beside both.
    figures = [trained.figure(name, ("a", "b", "c"), 0) for name in ("a", "b", "c")]
    assert figures == pytest.approx([0.75, 0.75, 0.6])
    grouping = (("a", "b", "c"), ("d",))
    assert trained.score(grouping, 0) == pytest.approx((0.75 + 0.75 + 0.6 + 0.7) / 4)
    assert not trained.is_measured(grouping)
    assert trained.is_measured((NAMES,))
    assert trained.score((NAMES,), 0) == pytest.approx(0.5)  # as it was trained, whatever its pairs say


def test_weights_of_tasks_count() -> None:
    own = planted()
    heavy = Trained(NAMES, {**CRITERIA, "d": Criterion("accuracy", 3.0)}, own.figures)
    assert heavy.score((("a", "b"), ("c",), ("d",)), 0) == pytest.approx((0.9 + 0.9 + 0.7 + 3 * 0.7) / 6)


def test_each_number_of_models_has_its_best() -> None:
    found = grouped(planted())["groupings"]
    best = [row["models"] for row in found if row["best_of_models"]]
    assert sorted(best) == [1, 2, 3, 4]
    assert [row["score"] for row in found] == sorted((row["score"] for row in found), reverse=True)


def test_of_equal_scores_the_one_with_fewer_models_comes_first() -> None:
    figures = {team: [dict.fromkeys(team, 0.5)] for team in teams_of(NAMES, pairs=True)}
    found = grouped(Trained(NAMES, CRITERIA, figures))
    assert [row["models"] for row in found["groupings"]][:2] == [1, 2]
    assert found["groupings"][0]["interval"] is None  # one seed


def test_too_many_tasks_are_refused() -> None:
    check_tasks("abcdef")
    with pytest.raises(SettingsError, match=r"--grouping: takes up to 6 tasks, found 7, .* 21 trainings of pairs"):
        check_tasks("abcdefg")


def test_a_task_without_a_dev_figure_is_refused() -> None:
    outcomes = {
        team: [outcome(dict.fromkeys(team, "10"), dev=dict.fromkeys(team))] for team in teams_of("ab", pairs=True)
    }
    with pytest.raises(SettingsError, match="task 'a' has no dev figure"):
        Trained.of(outcomes, {"a": Criterion("accuracy", 1.0), "b": Criterion("accuracy", 1.0)})


def test_teams_are_all_each_and_each_two() -> None:
    assert teams_of(("a", "b", "c"), pairs=False) == [("a", "b", "c"), ("a",), ("b",), ("c",)]
    assert teams_of(("a", "b", "c"), pairs=True)[4:] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert teams_of(("a", "b"), pairs=True) == [("a", "b"), ("a",), ("b",)]  # of two tasks the pair is the joint model
    names = ("joint", "b", "c")
    slugs = [slug_of(team, names) for team in teams_of(names, pairs=True)]
    assert slugs[:5] == ["joint", "single-joint", "single-b", "single-c", "pair-joint+b"]
    assert len(set(slugs)) == len(slugs)
