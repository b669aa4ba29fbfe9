"""`polyhead info`, and the command line as a whole."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import polyhead
from polyhead.training import TrainedRun
from tests.end_to_end.conftest import Cli, Outcome
from tests.faults.signing import change_json


def test_json(cli: Cli, trained: TrainedRun) -> None:
    account = json.loads(cli("info", trained.folder, "--json").out)
    assert account["path"] == str(trained.best)
    by_name = {task["name"]: task for task in account["tasks"]}
    assert by_name["classification"]["labels"] == [0, 1, 2]
    assert by_name["ner"]["labels"] == ["LOC", "PER"]
    assert account["format_version"] == 2
    assert account["dev"] == trained.epochs[account["epoch"] - 1].dev
    assert account["settings"]["training"]["seed"] == 42
    assert account["encoding"]["max_pieces"] == 64


def test_for_people(cli: Cli, trained: TrainedRun) -> None:
    done = cli("info", trained.folder / "epoch-1")
    assert done.status == 0
    for said in (
        "classification: single_label from 'label', 3 labels",
        "ner: tagging from 'ner_tags', 2 entity types, 5 BIO tags",
        "LOC, PER",
        "epoch 1 of 2, joint, batch ",
        "seed 42",
        "rows of up to 64 pieces",
        "frame accuracy",
        f"polyhead {polyhead.__version__}",
    ):
        assert said in done.out


def test_of_a_single_file(cli: Cli, single_file_run: TrainedRun) -> None:
    path = single_file_run.folder / "mtl_epoch1.pt"
    of_file, of_folder = (
        json.loads(cli("info", place, "--json").out) for place in (path, single_file_run.folder / "epoch-1")
    )
    assert of_file.pop("path") == str(path)
    of_folder.pop("path")
    assert of_file == of_folder


def test_version(cli: Cli) -> None:
    done = cli("--version")
    assert (done.status, done.out) == (0, f"polyhead {polyhead.__version__}\n")


@pytest.mark.parametrize("command", ["train", "evaluate", "predict", "info", "add-head", "remove-head"])
def test_help_has_examples(command: str, cli: Cli) -> None:
    done = cli(command, "--help")
    assert done.status == 0
    assert "Example" in done.out
    assert re.search(rf"^ *polyhead {command} \S+", done.out, re.MULTILINE)
    assert f" {command} " in cli("--help").out


def test_help_and_opening_a_bundle_need_no_torch(process: Callable[..., Outcome], trained: TrainedRun) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'accelerate', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "from polyhead.cli.app import app, run\n"
        "sys.exit(run(app, sys.argv[1:]))\n"
    )
    assert process("-c", code, "--help").status == 0
    assert process("-c", code, "train", "--help").status == 0
    shown = process("-c", code, "info", trained.folder)
    assert shown.status == 0, shown.err
    refused = process("-c", code, "predict", trained.folder, "a text")
    assert refused.status == 2
    assert "needs the extra 'train': pip install 'polyhead[train]'" in refused.err
    untrained = process("-c", code, "train", Path("data/train.json"), "--output", trained.folder / "never")
    assert untrained.status == 2
    assert "training needs the extra 'train'" in untrained.err
    never = trained.folder / "never"
    added = process("-c", code, "add-head", trained.folder, "--task", "x", "--output", never)
    assert added.status == 2
    assert "training needs the extra 'train'" in added.err
    removed = process("-c", code, "remove-head", trained.folder, "--task", "ner", "--output", never)
    assert removed.status == 2
    assert "needs the extra 'train': pip install 'polyhead[train]'" in removed.err


def test_a_strangers_names_are_printed_as_they_are(cli: Cli, bundle: Path) -> None:
    change_json(bundle, "polyhead.json", encoder="[/bold]\x1b[2J[red]x")
    done = cli("info", bundle)
    assert done.status == 0
    assert "[/bold]\ufffd[2J[red]x, rows of up to 64 pieces" in done.out
