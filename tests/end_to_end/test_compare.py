"""`polyhead compare`: what it prints, the verdicts it gives, and its exit status."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.errors import SettingsError
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path], small_data: Path) -> Path:
    """A model that has hardly learnt."""
    output = tmp_path_factory.mktemp("crippled") / "model"
    settings = {"epochs": 1, "lr": 1e-5, "precision": "fp32", "output": output}
    encoder = str(encoder_folders["distilbert"])
    return polyhead.train(small_data, dev=small_data, encoder=encoder, **settings).folder


@pytest.fixture
def good(trained: TrainedRun) -> Path:
    return trained.folder / "epoch-2"


def test_json_has_the_promised_shape(cli: Cli, first: Path, good: Path, small_data: Path) -> None:
    done = cli("compare", first, good, small_data, "--json")
    assert done.status == 0
    assert done.out.count("\n") == 1
    compared = json.loads(done.out)
    assert list(compared) == ["records", "frame_accuracy", "tasks", "changed", "worse"]
    assert list(compared["tasks"]) == ["classification", "ner"]
    ner = compared["tasks"]["ner"]
    assert list(ner) == ["records", "main", "figures", "better", "worse"]
    assert ner["main"] == "f1"
    assert list(ner["figures"]["f1"]) == ["first", "second", "difference", "interval", "in_units", "verdict"]
    assert {key: value for key, value in compared.items() if key != "worse"} == polyhead.compare(
        first, good, small_data
    )


def test_the_figures_are_those_of_evaluate(first: Path, good: Path, small_data: Path) -> None:
    compared = polyhead.compare(first, good, small_data)
    for model, which in ((first, "first"), (good, "second")):
        scores = polyhead.evaluate(model, small_data, resamples=0)
        assert compared["frame_accuracy"][which] == scores["frame_accuracy"]
        for name, task in compared["tasks"].items():
            for figure, row in task["figures"].items():
                assert row[which] == scores["tasks"][name][figure]
                assert row["difference"] == pytest.approx(row["second"] - row["first"])


def test_what_changed_is_what_only_one_model_has_right(first: Path, good: Path, write: Write) -> None:
    compared = polyhead.compare(first, good, write(RECORDS))
    one, other = (polyhead.Predictor.load(model)([record["sentence"] for record in RECORDS]) for model in (first, good))
    wanted = []
    for line, (record, was, now) in enumerate(zip(RECORDS, one, other, strict=True), start=1):
        right = [answer.predictions["classification"].label == record["label"] for answer in (was, now)]
        if right[0] != right[1]:
            wanted.append((line, "better" if right[1] else "worse"))
    found = [row for row in compared["changed"] if row["task"] == "classification"]
    assert [(int(row["source"].rpartition(":")[2]), row["change"]) for row in found] == wanted
    assert compared["tasks"]["classification"]["better"] == sum(change == "better" for _, change in wanted)


def test_a_model_is_as_good_as_itself(cli: Cli, good: Path, small_data: Path) -> None:
    done = cli("compare", good, good, small_data, "--json", "--fail-if-worse")
    compared = json.loads(done.out)
    assert (done.status, compared["changed"], compared["worse"]) == (0, [], [])
    rows = [row for task in compared["tasks"].values() for row in task["figures"].values()]
    assert {row["verdict"] for row in rows} == {"no difference shown"}
    assert {row["difference"] for row in rows} == {0.0}


def test_a_crippled_model_is_worse_and_fails(cli: Cli, first: Path, good: Path, small_data: Path) -> None:
    worse = cli("compare", good, first, small_data, "--fail-if-worse", "--show", "2")
    assert worse.status == 1
    assert "worse:" in worse.err
    assert "frame accuracy" in worse.err
    assert "became wrong" in worse.out
    assert cli("compare", good, first, small_data).status == 0, "without the flag it only tells"
    better = cli("compare", first, good, small_data, "--fail-if-worse")
    assert (better.status, better.err) == (0, "")
    assert any(line.split()[-1:] == ["better"] for line in better.out.splitlines())


def test_what_changed_is_shown_with_gold_and_both_answers(cli: Cli, first: Path, good: Path, write: Write) -> None:
    path = write(RECORDS)
    compared = polyhead.compare(first, good, path)
    assert compared["changed"]
    out = cli("compare", first, good, path, "--show", "100").out
    for row in compared["changed"]:
        assert row["text"] in out
        assert f"({row['source']})" in out
        assert f"gold   {row['gold']}" in out
    assert "gold" not in cli("compare", first, good, path, "--show", "0").out


def test_one_task_on_another_field(first: Path, good: Path, write: Write) -> None:
    path = write([{"sentence": record["sentence"], "topic": record["label"]} for record in RECORDS])
    compared = polyhead.compare(first, good, path, tasks={"classification": "topic"})
    assert list(compared["tasks"]) == ["classification"]
    assert compared["tasks"]["classification"]["records"] == len(RECORDS)


def test_an_unknown_task_is_named(cli: Cli, first: Path, good: Path, small_data: Path) -> None:
    done = cli("compare", first, good, small_data, "--task", "nre")
    assert done.status == 2
    assert "--task: the first model has no task 'nre'; known: classification, ner (did you mean 'ner'?)" in done.err


def other_tasks(model: Path, **names: str) -> polyhead.Predictor:
    """A model's double, its tasks renamed; those that are not named are left out."""
    predictor = polyhead.Predictor.load(model)
    kept = [task for task in predictor.tasks if task.name in names.values()]
    double = predictor.with_tasks(kept)
    renamed: list[Any] = []
    for name, task in zip(names, kept, strict=True):
        object.__setattr__(task, "name", name)
        renamed.append(task)
    double.tasks = tuple(renamed)
    return double


def test_models_without_a_common_task_cannot_be_compared(good: Path, small_data: Path) -> None:
    with pytest.raises(SettingsError, match=r"no task in common: 'classification', 'ner' against 'topic'"):
        polyhead.compare(good, other_tasks(good, topic="classification"), small_data)


def test_tasks_of_two_kinds_cannot_be_compared(good: Path, small_data: Path) -> None:
    with pytest.raises(SettingsError, match="'ner' is tagging in the first model and single_label in the second"):
        polyhead.compare(good, other_tasks(good, ner="classification"), small_data)
