"""A task's own model sees the records that carry the task, and nothing else changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.errors import SettingsError
from polyhead.notices import Notices
from polyhead.preparing import StoredRecords
from polyhead.settings import RunSettings, load_settings
from polyhead.studies.sharing.scored import pools_of
from polyhead.studies.sharing.teams import data_of, settings_of
from polyhead.training.data import TrainingData, load_data

Write = Callable[..., Path]
TASKS = {
    "intent": {"kind": "single_label", "field": "label"},
    "slots": {"kind": "tagging", "field": "ner_tags"},
    "topic": {"kind": "single_label", "field": "label"},
}


def records(count: int, **fields: object) -> list[dict[str, object]]:
    return [{"sentence": f"text {at} of {sorted(fields)}", **fields} for at in range(count)]


@pytest.fixture(params=["in memory", "stored"])
def settings(write: Write, tmp_path: Path, request: pytest.FixtureRequest) -> RunSettings:
    both = records(20, label="a", ner_tags=["B-NUMBER", "O", "O", "O"])
    both = [{**own, "sentence": f"one two three {at}"} for at, own in enumerate(both)]
    only = records(10, label="b")
    other = records(30, label="x") + records(20, label="y")
    other = [{**own, "sentence": f"other {at}"} for at, own in enumerate(other)]
    sets = {
        "one": {
            "train": write(both + only, "one.jsonl"),
            "dev": write(both[:5] + only[:2], "one-dev.jsonl"),
            "test": write(both[:3], "one-test.jsonl"),
            "tasks": ["intent", "slots"],
        },
        "two": {"train": write(other, "two.jsonl"), "tasks": ["topic"], "weight": 2.0},
    }
    cache = "off" if request.param == "in memory" else tmp_path / "cache"
    return load_settings(None, (), {"data.sets": sets, "tasks": TASKS, "data.cache": cache})


@pytest.fixture
def data(settings: RunSettings) -> TrainingData:
    return load_data(settings, Notices())


def test_all_tasks_are_trained_on_all_data(data: TrainingData) -> None:
    assert data_of(("intent", "slots", "topic"), data) is data


def test_a_task_sees_the_records_that_carry_it(data: TrainingData, settings: RunSettings) -> None:
    assert isinstance(data.sets[0].train, StoredRecords) == (settings.data.cache != "off")
    slots = data_of(("slots",), data)
    assert [task.name for task in slots.tasks] == ["slots"]
    assert [own.name for own in slots.sets] == ["one"]
    assert (len(slots.train), len(slots.dev)) == (20, 5)
    intent = data_of(("intent",), data)
    assert (len(intent.train), len(intent.dev)) == (30, 7)
    pair = data_of(("slots", "topic"), data)
    assert [own.name for own in pair.sets] == ["one", "two"]
    assert [len(own.train) for own in pair.sets] == [20, len(data.sets[1].train)]


def test_what_is_held_out_stays_held_out(data: TrainingData) -> None:
    topic = data_of(("topic",), data)
    assert topic.sets[0].held_out
    assert topic.sets[0].weight == 2.0
    assert [own.text for own in topic.dev] == [own.text for own in data.sets[1].dev]
    assert {own.text for own in topic.train}.isdisjoint(own.text for own in topic.dev)
    assert topic.tasks[0] == data.tasks[2]  # with the labels of the whole


def test_a_models_settings_say_nothing_of_other_tasks(settings: RunSettings) -> None:
    own = settings_of(("slots",), settings)
    assert list(own.tasks) == ["slots"]
    assert {name: list(part.tasks or ()) for name, part in own.data.sets.items()} == {"one": ["slots"]}
    assert own.training == settings.training
    assert settings_of(("intent", "slots", "topic"), settings) == settings


def test_a_task_is_scored_on_test_data_that_carry_it_else_on_dev(data: TrainingData, settings: RunSettings) -> None:
    pools, files = pools_of(settings, data, Notices())
    assert [(pool.name, pool.tasks) for pool in pools] == [("test", ("intent", "slots")), ("dev", ("topic",))]
    assert [len(pool.records) for pool in pools] == [3, len(data.sets[1].dev)]
    assert [(Path(own["path"]).name, own["records"], len(own["sha256"])) for own in files] == [
        ("one-test.jsonl", 3, 64)
    ]


def test_a_task_that_nothing_could_score_is_refused(write: Write) -> None:
    train = write(records(12, label="a", other="b"), "train.jsonl")
    dev = write(records(3, label="a"), "dev.jsonl")
    tasks = {"intent": {"kind": "single_label", "field": "label"}, "other": {"kind": "single_label", "field": "other"}}
    settings = load_settings(None, (), {"data.train": train, "data.dev": dev, "tasks": tasks})
    with pytest.raises(SettingsError, match="task 'other': neither dev nor test data carry 'other'"):
        pools_of(settings, load_data(settings, Notices()), Notices())
