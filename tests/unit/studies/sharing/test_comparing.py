"""Verdicts on planted trainings: a task that sharing helps, one that it hurts, one that it leaves as it is."""

from __future__ import annotations

import pytest

from polyhead.records import Record
from polyhead.studies.sharing.comparing import Twins, costs_of, frames_of, rows_of, verdict_of
from polyhead.studies.sharing.outcome import Outcome
from polyhead.studies.sharing.scored import Pool
from tests.unit.studies.sharing.doubles import bits, outcome

NAMES = ("helped", "hurt", "same")
JOINT = {"helped": 0.9, "hurt": 0.7, "same": 0.8}
SINGLE = {"helped": 0.7, "hurt": 0.9, "same": 0.8}
METRICS = dict.fromkeys(NAMES, "accuracy")


def pool_of(records: int, names: tuple[str, ...] = NAMES, name: str = "test") -> Pool:
    return Pool(name, [Record("a", dict.fromkeys(names, 1)) for _ in range(records)], names)


@pytest.fixture
def twins() -> Twins:
    def near(share: float, seed: int) -> str:
        return bits(share + 0.005 * (seed - 1))

    joint = [outcome({name: near(JOINT[name], seed) for name in NAMES}, seed=seed, seconds=5) for seed in range(3)]
    singles = {name: [outcome({name: near(SINGLE[name], 2 - seed)}, seed=seed) for seed in range(3)] for name in NAMES}
    return Twins(joint, singles)


def test_the_verdicts_are_those_that_were_planted(twins: Twins) -> None:
    rows = rows_of(twins, [pool_of(200)], METRICS)
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "helped": "helps",
        "hurt": "hurts",
        "same": "no difference shown",
    }
    assert rows["helped"]["difference"] == pytest.approx(0.2)
    assert rows["helped"]["joint"]["values"] == pytest.approx([0.895, 0.9, 0.905])
    assert rows["hurt"]["single"]["mean"] == pytest.approx(0.9)
    for row in rows.values():
        assert row["interval"][0] <= row["difference"] <= row["interval"][1]
        wide, narrow = (row[name][1] - row[name][0] for name in ("interval", "interval_records"))
        assert wide > narrow
        assert (row["records"], row["scored_on"], row["metric"]) == (200, "test", "accuracy")
        assert row["epochs"] == {"joint": [2, 2, 2], "single": [2, 2, 2]}
        assert row["joint_at_own_best"]["epochs"] == [1, 1, 1]


def test_the_same_gain_is_not_shown_where_seeds_differ_as_much() -> None:
    joint = [outcome({"a": bits(share), "b": bits(0.5)}) for share in (0.70, 0.80, 0.90)]
    singles = {
        "a": [outcome({"a": bits(share)}) for share in (0.78, 0.68, 0.73)],
        "b": [outcome({"b": bits(0.5)}) for _ in range(3)],
    }
    row = rows_of(Twins(joint, singles), [pool_of(200, ("a", "b"))], {"a": "accuracy", "b": "accuracy"})["a"]
    assert row["difference"] == pytest.approx(0.07)
    assert row["interval_records"][0] > 0  # by these records alone it would help
    assert row["verdict"] == "no difference shown"


def test_frames_are_of_one_model_or_of_the_tasks_own_together() -> None:
    """By hand: the joint model errs on the same records for both tasks, the tasks' own models on different ones."""
    joint = [outcome({"a": "1110", "b": "1110"})]
    singles = {"a": [outcome({"a": "1110"})], "b": [outcome({"b": "0111"})]}
    row = frames_of(Twins(joint, singles), [pool_of(4, ("a", "b"))])
    assert row is not None
    assert (row["joint"]["mean"], row["single"]["mean"], row["records"]) == (0.75, 0.5, 4)


def test_frames_count_records_that_carry_all_tasks() -> None:
    records = [
        Record("x", {"a": 1}),
        Record("x", {"a": 1, "b": 1}),
        Record("x", {"b": 1}),
        Record("x", {"a": 1, "b": 1}),
    ]
    pool = Pool("test", records, ("a", "b"))
    joint = [outcome({"a": "011", "b": "101"})]  # a: records 0, 1, 3; b: records 1, 2, 3
    singles = {"a": [outcome({"a": "101"})], "b": [outcome({"b": "111"})]}
    row = frames_of(Twins(joint, singles), [pool])
    assert row is not None
    assert (row["records"], row["joint"]["mean"], row["single"]["mean"]) == (2, 1.0, 0.5)


def test_there_are_no_frames_where_no_record_carries_all_tasks(twins: Twins) -> None:
    pools = [pool_of(200, ("helped",)), pool_of(200, ("hurt", "same"), name="dev")]
    assert frames_of(twins, pools) is None
    assert rows_of(twins, pools, METRICS)["same"]["scored_on"] == "dev"


def test_costs_are_of_one_model_and_of_the_sum(twins: Twins) -> None:
    costs = costs_of(twins)
    assert costs["size"] == {
        "joint": {"parameters": 1_000, "bytes": 5_000},
        "separate": {"parameters": 3_000, "bytes": 15_000},
    }
    assert costs["training"] == {
        "joint": {"seconds": 5.0, "steps": 30},
        "separate": {"seconds": 6.0, "steps": 90},
        "beside": 0,
    }


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ([0.01, 0.02], "helps"),
        ([-0.02, -0.01], "hurts"),
        ([-0.01, 0.01], "no difference shown"),
        ([0.0, 0.0], "no difference shown"),
        (None, "no difference shown"),
    ],
)
def test_a_verdict_needs_an_interval_that_leaves_out_nothing(interval: list[float] | None, verdict: str) -> None:
    assert verdict_of(interval) == verdict


def test_an_outcome_comes_back_from_json(twins: Twins) -> None:
    for own in twins.joint:
        assert Outcome.from_json(own.to_json()) == own
        assert "samples" not in own.facts()["scores"]["helped"]
