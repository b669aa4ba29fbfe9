"""One model with a task of every kind, from one file in which no record carries all the fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from polyhead.settings import load_settings
from polyhead.tasks import KINDS
from polyhead.training import run_training
from tests.end_to_end.conftest import Cli, Configure, write_records
from tests.end_to_end.many_kinds import FIELDS, PARTS, TASKS, TRAINING, WHOLE

TEXTS = [str(record["sentence"]) for record in WHOLE]
TEXT = TEXTS[0]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return write_records(tmp_path / "whole.jsonl", WHOLE)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return write_records(tmp_path / "parts.jsonl", PARTS)


def test_the_data_are_what_is_said_of_them() -> None:
    assert {task["kind"] for task in TASKS.values()} == set(KINDS)
    assert all(len(record.keys() & set(FIELDS)) == 2 for record in PARTS)


@pytest.mark.parametrize(
    ("task", "figure", "floor"),
    [
        ("topic", "accuracy", 0.8),  # always the most frequent: 0.375
        ("themes", "micro_f1", 0.8),
        ("slots", "f1", 0.8),
        ("pos", "accuracy", 0.8),  # always the most frequent: 0.39
        ("places", "f1", 0.8),
        ("stars", "pearson", 0.8),
    ],
)
def test_every_task_learns(task: str, figure: str, floor: float, cli: Cli, every_kind: Path, parts: Path) -> None:
    scores = json.loads(cli("evaluate", every_kind, parts, "--json").out)
    assert scores["records"] == 288
    assert scores["frame_accuracy"] is None, "no record carries every task"
    assert scores["tasks"][task]["records"] == 96
    assert scores["tasks"][task][figure] > floor


def test_before_training_nothing_is_known(cli: Cli, configure: Configure, parts: Path, tmp_path: Path) -> None:
    """The floors of the test above are out of reach for heads that have not learnt."""
    still = {**TRAINING, "epochs": 1, "lr": 1e-9, "head_lr": 1e-9}
    config = configure(data={"train": parts, "dev": parts}, tasks=TASKS, training=still)
    assert cli("train", "--config", config, "--output", tmp_path / "run").status == 0
    tasks = json.loads(cli("evaluate", tmp_path / "run", parts, "--json").out)["tasks"]
    figures = [tasks[name][KINDS[task["kind"]].metrics[0]] for name, task in TASKS.items()]
    assert len(figures) == 6
    assert max(figures) < 0.8


def test_dev_scores_are_those_of_the_bundle(cli: Cli, every_kind: Path, whole: Path) -> None:
    account = json.loads(cli("info", every_kind, "--json").out)
    scores = json.loads(cli("evaluate", every_kind, whole, "--json").out)
    assert scores["frame_accuracy"] == account["dev"]["frame_accuracy"] is not None
    for name, task in TASKS.items():
        main = KINDS[task["kind"]].metrics[0]
        assert scores["tasks"][name][main] == pytest.approx(account["dev"]["tasks"][name][main], abs=1e-4), name


def answer_of(cli: Cli, model: Path, *arguments: object) -> dict[str, Any]:
    done = cli("predict", model, *arguments, "--json")
    assert done.status == 0, done.err
    answer: dict[str, Any] = json.loads(done.out)
    return answer


def test_json(cli: Cli, every_kind: Path) -> None:
    answer = answer_of(cli, every_kind, TEXT)
    assert list(answer) == ["text", *TASKS]
    assert answer["topic"]["label"] == "topic-1"
    assert {entry["label"] for entry in answer["themes"]["labels"]} == {"people", "places"}
    scores = [entry["score"] for entry in answer["themes"]["labels"]]
    assert scores == sorted(scores, reverse=True)
    assert answer["slots"]["tags"] == ["B-PER", "O", "O", "B-LOC", "I-LOC"]
    assert answer["pos"]["labels"] == WHOLE[0]["pos"]
    assert answer["pos"]["words"] == TEXT.split()
    assert all(0 < score <= 1 for score in answer["pos"]["scores"])
    places = [{key: entity[key] for key in ("start", "end", "label")} for entity in answer["places"]["entities"]]
    assert places == WHOLE[0]["places"], "of which two overlap"
    assert [entity["text"] for entity in answer["places"]["entities"]] == ["John", "New York.", "York"]
    assert answer["stars"]["value"] == pytest.approx(5.0, abs=1.5)
    assert list(answer["stars"]) == ["value"]


def test_a_single_task(cli: Cli, every_kind: Path) -> None:
    whole = answer_of(cli, every_kind, TEXT)
    for name in TASKS:
        assert answer_of(cli, every_kind, TEXT, "--task", name) == {"text": TEXT, name: whole[name]}


def test_for_people(cli: Cli, every_kind: Path) -> None:
    lines = cli("predict", every_kind, TEXT).out.splitlines()
    assert lines[0] == "[John]PER lives in [New York.]LOC"
    said = {line.split()[0]: " ".join(line.split()[1:]) for line in lines[1:]}
    assert list(said) == list(TASKS)
    assert said["topic"].startswith("topic-1 0.")
    assert {part.split()[0] for part in said["themes"].split(", ")} == {"people", "places"}
    assert said["slots"] == "2 found"
    assert said["pos"] == "John/NOUN lives/VERB in/ADP New/NOUN York./NOUN"
    assert [part.rsplit(" ", 1)[0] for part in said["places"].split(", ")] == ["John PER", "New York. LOC", "York ORG"]
    assert float(said["stars"]) == pytest.approx(answer_of(cli, every_kind, TEXT)["stars"]["value"], abs=1e-3)


def test_spans_side_by_side_are_drawn(cli: Cli, every_kind: Path) -> None:
    out = cli("predict", every_kind, TEXTS[1], "--task", "places").out
    assert out.splitlines()[0] == "[Anna]PER lives in [Berlin]LOC."
    assert "2 found" in out


def test_a_text_without_a_word(cli: Cli, every_kind: Path) -> None:
    answer = answer_of(cli, every_kind, "")
    assert answer["slots"] == {"entities": [], "words": [], "tags": []}
    assert answer["pos"] == {"words": [], "labels": [], "scores": []}
    assert answer["places"] == {"entities": []}
    done = cli("predict", every_kind, "")
    assert done.status == 0
    assert "none found" in done.out


def test_a_text_of_several_windows(cli: Cli, every_kind: Path) -> None:
    text = " ".join(TEXTS[:3] * 10)
    answer = answer_of(cli, every_kind, text)
    assert answer["windows"] > 2
    assert answer["pos"]["words"] == answer["slots"]["words"] == text.split()
    assert len(answer["pos"]["labels"]) == len(text.split())
    assert None not in answer["pos"]["labels"]
    assert all(text[entity["start"] : entity["end"]] == entity["text"] for entity in answer["places"]["entities"])
    assert max(entity["start"] for entity in answer["places"]["entities"]) > len(text) * 0.8, "to the very end"


def test_info(cli: Cli, every_kind: Path) -> None:
    shown = cli("info", every_kind).out
    for said in (
        "topic: single_label from 'topic', 3 labels",
        "themes: multi_label from 'themes', 4 labels, any number a text",
        "slots: tagging from 'tags', 2 entity types, 5 BIO tags on whitespace words, CRF",
        "pos: token_label from 'pos', 6 labels of whitespace words",
        "places: spans from 'places', 4 entity types, spans of pretokenizer words up to 6 pieces, may overlap",
        "stars: regression from 'stars', numbers from -2.5 to 5",
        "LOC, ORG, PER, TRIP",
        "themes micro f1",
        "stars pearson",
    ):
        assert said in shown
    tasks = {task["name"]: task for task in json.loads(cli("info", every_kind, "--json").out)["tasks"]}
    assert {name: (task["kind"], task["field"]) for name, task in tasks.items()} == {
        name: (task["kind"], task["field"]) for name, task in TASKS.items()
    }
    assert tasks["slots"]["options"]["decoder"] == "crf"
    assert tasks["themes"]["labels"] == ["people", "places", "travel", "weather"]
    assert len(tasks["themes"]["thresholds"]) == 4
    assert tasks["stars"]["labels"] == []


def test_each_epoch_is_told(cli: Cli, configure: Configure, parts: Path, whole: Path, tmp_path: Path) -> None:
    options = {**TRAINING, "epochs": 1}
    config = configure(data={"train": parts, "dev": whole}, tasks=TASKS, training=options)
    done = cli("train", "--config", config, "--output", tmp_path / "run")
    assert done.status == 0
    for said in (
        "task    stars: regression from 'stars', numbers from -2.5 to 5, 96 records",
        "task    places: spans from 'places'",
        "data    train 288 records, dev 8 (as given)",
        "topic accuracy ",
        "themes micro f1 ",
        "slots f1 ",
        "pos accuracy ",
        "places f1 ",
        "stars pearson ",
        "stars loss ",
    ):
        assert said in done.err


def test_the_single_file_answers_as_the_folder_does(
    cli: Cli, configure: Configure, parts: Path, whole: Path, tmp_path: Path
) -> None:
    options = {**TRAINING, "epochs": 1}
    config = configure(data={"train": parts, "dev": whole}, tasks=TASKS, training=options)
    settings = load_settings(config, (), {"output": tmp_path / "run"})
    run = run_training(settings, single_file="model-{epoch}.pt")
    for arguments in (("predict", *TEXTS, "x " * 200, "--json"), ("evaluate", whole, "--json"), ("evaluate", whole)):
        command, *rest = map(str, arguments)
        of_file, of_folder = (cli(command, model, *rest) for model in (run.folder / "model-1.pt", run.best))
        assert of_file.status == 0
        assert of_file.out == of_folder.out != ""
    accounts = [json.loads(cli("info", model, "--json").out) for model in (run.folder / "model-1.pt", run.best)]
    assert [account.pop("path") for account in accounts] == [str(run.folder / "model-1.pt"), str(run.best)]
    assert accounts[0] == accounts[1]


@pytest.mark.parametrize("kind", ["roberta", "deberta"])
def test_other_encoders(
    kind: str, cli: Cli, configure: Configure, parts: Path, encoder_folders: dict[str, Path], tmp_path: Path
) -> None:
    options = {**TRAINING, "epochs": 2}
    config = configure(
        encoder=encoder_folders[kind], data={"train": parts, "dev": parts}, tasks=TASKS, training=options
    )
    assert cli("train", "--config", config, "--output", tmp_path / "run").status == 0
    answer = answer_of(cli, tmp_path / "run", TEXT)
    assert list(answer) == ["text", *TASKS]
    assert answer["slots"]["tags"] == ["B-PER", "O", "O", "B-LOC", "I-LOC"]
