"""`polyhead train`: what a user gets from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead import Predictor
from tests.conftest import RECORDS
from tests.end_to_end.conftest import Cli, Outcome

SETTINGS = """
encoder = "./encoder"
output = "out"
[data]
train = ["data/train.jsonl"]
dev = ["data/dev.jsonl"]
[tasks.intent]
kind = "single_label"
field = "topic"
weight = 2.0
[tasks.slots]
kind = "tagging"
field = "tags"
[training]
strategy = "alternating"
epochs = 1
lr = 2e-4
batch_size = 64
"""


@pytest.fixture
def project(tmp_path: Path, encoder: str) -> Path:
    """A folder with a settings file, an encoder and data with other field names, all named relative to the file."""
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "encoder").symlink_to(encoder)
    renamed = [{"text": r["sentence"], "topic": f"t{r['label']}", "tags": r["ner_tags"]} for r in RECORDS]
    for name in ("train", "dev"):
        lines = "".join(json.dumps(record) + "\n" for record in renamed * 8)
        (folder / "data" / f"{name}.jsonl").write_text(lines)
    (folder / "run.toml").write_text(SETTINGS)
    return folder


def settings_of(folder: Path) -> dict[str, object]:
    return json.loads((folder / "run.json").read_text())["settings"]


def test_the_main_job(cli: Cli, small_data: Path, tmp_path: Path, encoder: str) -> None:
    output = tmp_path / "saved_model"
    trained = cli("train", small_data, "--dev", small_data, "--encoder", encoder, "--output", output, "--lr", 3e-3)
    assert trained.status == 0
    assert trained.out == "", "answers go to standard output; an account of a run is none"
    for said in ("learning rate 0.003", "batch ", "warm-up ", "seed 42", "epoch 2/2", "3 labels", "← best"):
        assert said in trained.err
    assert f"saved in {output}" in trained.err
    scores = json.loads(cli("evaluate", output, small_data, "--json").out)
    assert scores["tasks"]["ner"]["f1"] > 0.8
    answer = json.loads(cli("predict", output, "Anna lives in Berlin.", "--json").out)
    assert answer["ner"]["tags"] == ["B-PER", "O", "O", "B-LOC"]
    assert cli("info", output).status == 0


def test_defaults(cli: Cli, small_data: Path, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("train", small_data, "--encoder", encoder).status == 0
    settings = settings_of(tmp_path / "saved_model")
    assert settings["training"]["epochs"] == 2
    assert settings["training"]["strategy"] == "joint"
    assert settings["training"]["seed"] == 42
    assert sorted(path.name for path in Path("saved_model").iterdir()) == [
        "epoch-1",
        "epoch-2",
        "log.jsonl",
        "run.json",
    ]


def test_held_out_data_are_mentioned(cli: Cli, write: Callable[..., Path], tmp_path: Path, encoder: str) -> None:
    path = write([{"sentence": f"text number {at}", "label": at % 2} for at in range(100)])
    done = cli("train", path, "--encoder", encoder, "--output", tmp_path / "run", "--epochs", 1)
    assert "train 90 records, dev 10 (a stratified tenth, held out of the training data)" in done.err


def test_every_option(cli: Cli, small_data: Path, tmp_path: Path, encoder: str) -> None:
    done = cli(
        "train", small_data, small_data, "--dev", small_data, "--output", tmp_path / "run", "--encoder", encoder,
        "--epochs", 1, "--batch-size", 16, "--lr", "1e-4", "--strategy", "alternating", "--freeze", "1", "--seed", 3,
        "--precision", "bf16", "--set", "training.clip=0.5", "--set", "training.head_dropout=0", "--strict",
    )  # fmt: skip
    assert done.status == 0
    settings = settings_of(tmp_path / "run")
    wanted = {
        "epochs": 1, "batch_size": 16, "lr": 1e-4, "strategy": "alternating", "freeze": 1, "seed": 3,
        "precision": "bf16", "clip": 0.5, "head_dropout": 0,
    }  # fmt: skip
    assert {key: settings["training"][key] for key in wanted} == wanted
    assert settings["data"]["train"] == [str(small_data)] * 2
    assert settings["strict"] is True


@pytest.mark.parametrize("field", ["label", "ner_tags"])
def test_one_kind_of_annotation_alone(
    field: str, cli: Cli, write: Callable[..., Path], tmp_path: Path, encoder: str
) -> None:
    path = write([{key: record[key] for key in ("sentence", field)} for record in RECORDS * 8])
    task = {"label": "classification", "ner_tags": "ner"}[field]
    assert cli("train", path, "--encoder", encoder, "--output", tmp_path / "run", "--epochs", 1).status == 0
    answer = json.loads(cli("predict", tmp_path / "run", "John lives in Berlin.", "--json").out)
    assert list(answer) == ["text", task]
    scores = json.loads(cli("evaluate", tmp_path / "run", path, "--json").out)
    assert list(scores["tasks"]) == [task]
    assert scores["tasks"][task]["records"] == 64


@pytest.mark.parametrize(
    "labels", [[0, 1, 7], ["a", "b", "c"], ["0", "1", "2"], [-1, 2**40, 3], [1, "1", "x"], ["ä", "日本", "a/b c"]]
)
def test_labels_come_back_as_what_they_were(
    labels: list[int | str], cli: Cli, write: Callable[..., Path], tmp_path: Path, encoder: str
) -> None:
    path = write(
        [{"sentence": f"{word} number", "label": label} for word, label in zip("abc", labels, strict=True)] * 30
    )
    options = ("--epochs", 8, "--set", "training.head_lr=0.05", "--output", tmp_path / "run")
    assert cli("train", path, "--dev", path, "--encoder", encoder, *options).status == 0
    lines = cli("predict", tmp_path / "run", "--input", path, "--json").out.splitlines()
    found = [json.loads(line)["classification"]["label"] for line in lines]
    kinds = {(type(label), label) for label in labels}
    assert {(type(label), label) for label in found} <= kinds
    assert len({(type(label), label) for label in found}) >= 2, "it learnt to tell them apart"
    (task,) = json.loads(cli("info", tmp_path / "run", "--json").out)["tasks"]
    assert {(type(label), label) for label in task["labels"]} == kinds


def test_a_settings_file_with_names_of_its_own(
    cli: Cli, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("train", "--config", "project/run.toml").status == 0
    settings = settings_of(project / "out")
    assert settings["training"]["strategy"] == "alternating"
    assert settings["training"]["lr"] == 2e-4
    answer = json.loads(cli("predict", project / "out", "John lives in Berlin.", "--json").out)
    assert list(answer) == ["text", "intent", "slots"]
    assert answer["intent"]["label"] in {"t0", "t1", "t2"}
    scores = json.loads(cli("evaluate", project / "out", project / "data" / "dev.jsonl", "--json").out)
    assert list(scores["tasks"]) == ["intent", "slots"]


def test_a_flag_beats_set_which_beats_the_file(cli: Cli, project: Path, tmp_path: Path) -> None:
    config = ("train", "--config", project / "run.toml")
    assert cli(*config, "--set", "training.lr=3e-4", "--set", "training.seed=5").status == 0
    settings = settings_of(project / "out")["training"]
    assert (settings["lr"], settings["seed"], settings["batch_size"]) == (3e-4, 5, 64)
    assert cli(*config, "--set", "training.lr=3e-4", "--lr", "4e-4", "--output", tmp_path / "flag").status == 0
    assert settings_of(tmp_path / "flag")["training"]["lr"] == 4e-4
    assert settings_of(project / "out")["training"]["lr"] == 3e-4, "the flag beat the file's output, too"


def test_trackers_on_the_command_line_beat_the_file(cli: Cli, project: Path) -> None:
    pytest.importorskip("tensorboard")
    with (project / "run.toml").open("a") as file:
        file.write('[tracking]\ntrackers = "trackio"\nproject = "mine"\n')
    done = cli("train", "--config", project / "run.toml", "--tracker", "tensorboard")
    assert done.status == 0
    assert settings_of(project / "out")["tracking"] == {"trackers": ["tensorboard"], "project": "mine"}
    assert f"tracker tensorboard: {project / 'out' / 'tracking' / 'tensorboard'}" in done.err
    assert [path.name for path in (project / "out" / "tracking").iterdir()] == ["tensorboard"]


def test_data_on_the_command_line_beat_the_file(
    cli: Cli, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("other.jsonl").write_text('{"text": "a b", "topic": "z", "tags": ["B-X", "O"]}\n' * 12)
    assert cli("train", "other.jsonl", "--config", project / "run.toml").status == 0
    assert settings_of(project / "out")["data"]["train"] == ["other.jsonl"]
    assert Predictor.load(project / "out").tasks[0].label_names() == ["z"]


FEWER = [{"sentence": "John lives in New York.", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}]


def test_fewer_tags_than_words_is_one_warning(
    cli: Cli, write: Callable[..., Path], tmp_path: Path, encoder: str
) -> None:
    path = write([RECORDS[1], *FEWER * 3])
    done = cli("train", path, "--encoder", encoder, "--output", tmp_path / "run", "--epochs", 1)
    assert done.status == 0
    assert done.err.count("fewer tags than words") == 1
    assert "3 records have fewer tags than words" in done.err
    assert f"{path}:2: 4 tags for 5 words" in done.err


def test_strict_makes_it_an_error(cli: Cli, write: Callable[..., Path], tmp_path: Path, encoder: str) -> None:
    path = write([RECORDS[1], *FEWER * 3])
    done = cli("train", path, "--encoder", encoder, "--output", tmp_path / "run", "--strict")
    assert done.status == 2
    assert f"{path}:2: 4 tags for 5 words (--strict:" in done.err
    assert not (tmp_path / "run").exists()


def test_plain_lines_when_not_a_terminal(
    process: Callable[..., Outcome], small_data: Path, tmp_path: Path, encoder: str
) -> None:
    arguments = ("train", small_data, "--encoder", encoder, "--output", tmp_path / "run", "--epochs", "1")
    done = process("-m", "polyhead", *arguments)
    assert done.status == 0
    assert "\x1b" not in done.err
    assert "\r" not in done.err
    assert 5 < done.err.count("step ") < 60
    assert " rows/s, " in done.err
    assert " tokens/s)" in done.err
    assert done.err.isprintable() or all(line.isprintable() for line in done.err.splitlines())
