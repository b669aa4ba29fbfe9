"""Several data sets in one settings file: what each feeds, and which of two tasks a file is for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RECORDS

TASKS = {
    "topic": {"kind": "single_label", "field": "label"},
    "places": {"kind": "tagging", "field": "ner_tags"},
    "slots": {"kind": "tagging", "field": "ner_tags", "decoder": "crf"},
}


def parts(*fields: str) -> list[dict[str, Any]]:
    return [{key: record[key] for key in ("sentence", *fields)} for record in RECORDS * 4]


@pytest.fixture
def three_sets(write: Callable[..., Path], configure: Callable[..., Path], tmp_path: Path) -> Callable[..., Path]:
    labels, tags = write(parts("label"), "labels.jsonl"), write(parts("ner_tags"), "tags.jsonl")
    other = write([{"sentence": "to Rome", "ner_tags": ["O", "B-CITY"]}, *parts("ner_tags")], "other.jsonl")
    sets = {
        "labels": {"train": [labels], "tasks": ["topic"]},
        "tags": {"train": [tags], "dev": [tags], "tasks": ["places"]},
        "other": {"train": [other], "dev": [other], "tasks": ["slots"], "weight": 0.5},
    }

    def _three_sets(**training: Any) -> Path:
        return configure(
            data={"sets": sets},
            tasks=TASKS,
            output=tmp_path / "run",
            training={"epochs": 2, "lr": 3e-3, "precision": "fp32", **training},
        )

    return _three_sets


@pytest.mark.parametrize("strategy", ["joint", "alternating", "proportional", "uniform", "temperature", "round_robin"])
def test_every_strategy_trains_and_every_task_has_its_figures(
    strategy: str, three_sets: Callable[..., Path], cli: Callable[..., Any], tmp_path: Path
) -> None:
    done = cli("train", "--config", three_sets(), "--strategy", strategy)
    assert done.status == 0, done.err
    assert "labels: train" in done.err
    assert "other: train 33 records, weight 0.5, dev 33 (as given)" in done.err
    last = json.loads((tmp_path / "run" / "run.json").read_text())["epochs"][-1]
    assert set(last["losses"]) == set(TASKS)
    figures = last["dev"]["tasks"]
    assert [figures[name]["records"] for name in TASKS] == [0, 32, 33], "eight texts are too few to hold any out"
    assert "annotations of the task 'topic' (it has no part in choosing the best epoch)" in done.err
    scored = [figures[name]["f1"] for name in ("places", "slots")]
    assert last["score"] == pytest.approx(sum(scored) / 2)
    assert figures["places"]["per_type"].keys() <= {"LOC", "PER"}
    assert last["dev"]["frame_accuracy"] is None, "no record carries all three"


def test_which_task_a_file_is_for(
    three_sets: Callable[..., Path], cli: Callable[..., Any], write: Callable[..., Path], tmp_path: Path
) -> None:
    assert cli("train", "--config", three_sets()).status == 0
    tags = tmp_path / "tags.jsonl"
    refused = cli("evaluate", tmp_path / "run", tags)
    assert refused.status == 2
    assert "'places' and 'slots' both read the field 'ner_tags'" in refused.err
    assert "--task NAME" in refused.err
    scores = json.loads(cli("evaluate", tmp_path / "run", tags, "--task", "slots", "--json").out)
    assert list(scores["tasks"]) == ["slots"]
    assert scores["tasks"]["slots"]["records"] == len(RECORDS) * 4
    renamed = write([{"sentence": one["sentence"], "found": one["ner_tags"]} for one in RECORDS], "renamed.jsonl")
    again = json.loads(cli("evaluate", tmp_path / "run", renamed, "--task", "slots=found", "--json").out)
    assert again["tasks"]["slots"]["f1"] == scores["tasks"]["slots"]["f1"]
    unknown = cli("evaluate", tmp_path / "run", tags, "--task", "slot")
    assert unknown.status == 2
    assert "known: topic, places, slots (did you mean 'slots'?)" in unknown.err


def test_a_file_of_labels_needs_no_task(
    three_sets: Callable[..., Path], cli: Callable[..., Any], tmp_path: Path
) -> None:
    """Only one task reads them. Of the others there are no figures; asked for, they are refused."""
    assert cli("train", "--config", three_sets()).status == 0
    for options in ((), ("--task", "topic")):
        done = cli("evaluate", tmp_path / "run", tmp_path / "labels.jsonl", "--json", *options)
        tasks = json.loads(done.out)["tasks"]
        assert tasks["topic"]["records"] == len(RECORDS) * 4
        assert all(own["records"] == 0 and own["f1"] is None for name, own in tasks.items() if name != "topic")
    missing = cli("evaluate", tmp_path / "run", tmp_path / "labels.jsonl", "--task", "slots")
    assert missing.status == 2
    assert "has a field that the tasks read; known: ner_tags" in missing.err


@pytest.mark.parametrize(
    ("sets", "fragments"),
    [
        ({"x": {"tasks": ["topik"]}}, ("data.sets.x.tasks: no task 'topik'", "did you mean 'topic'?")),
        ({"x": {"taks": ["topic"]}}, ("data.sets.x.taks: no such setting", "did you mean 'tasks'?")),
        ({"x": {"tasks": 3}}, ("data.sets.x.tasks", "found 3")),
        ({"x": {"weight": -1}}, ("data.sets.x.weight", "found -1")),
        ({"x y": {}}, ("'x y' cannot be a data set's name",)),
        ({"x": {"tasks": ["topic"]}}, ("tasks.places: no data set feeds it",)),
        ({"x": {"tasks": {"topic": "labell"}}}, ("has the field 'labell'", "did you mean 'label'?")),
    ],
    ids=str,
)
def test_sets_that_cannot_be_are_refused_before_an_encoder_is_loaded(
    sets: dict[str, Any],
    fragments: tuple[str, ...],
    fails: Callable[..., str],
    configure: Callable[..., Path],
    write: Callable[..., Path],
    tmp_path: Path,
) -> None:
    path = write(parts("label", "ner_tags"))
    sets = {name: {"train": [path], **own} for name, own in sets.items()}
    config = configure(data={"sets": sets}, tasks=TASKS, encoder="no-such/encoder", output=tmp_path / "run")
    message = fails("train", "--config", config)
    for fragment in fragments:
        assert fragment in message
    assert "no-such" not in message


def test_sets_and_data_do_not_mix(fails: Callable[..., str], three_sets: Callable[..., Path], data: Path) -> None:
    assert "'train' and 'sets' cannot both be given" in fails("train", data, "--config", three_sets())
