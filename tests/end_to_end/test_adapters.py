"""Adapters from the command line: trained, looked at, asked, exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Cli, Outcome

OWN = ("--lora", "4", "--lora-share", "own")


@pytest.fixture
def train(cli: Cli, encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> Callable[..., Outcome]:
    def _train(*options: str) -> Outcome:
        usual = ("--encoder", encoder_folders["distilbert"], "--output", tmp_path / "run", "--epochs", "1")
        return cli("train", small_data, "--dev", small_data, *usual, *options)

    return _train


def words(text: str) -> str:
    """Undo the folding of lines."""
    return " ".join(text.split())


def test_one_for_all_tasks_is_merged(train: Callable[..., Outcome], cli: Cli, tmp_path: Path) -> None:
    done = train("--lora", "4")
    assert done.status == 0
    assert "rank 4 (alpha 8) on k_lin, lin1, lin2, out_lin, q_lin, v_lin, merged into the encoder" in words(done.err)
    assert "parameters learn (" in words(done.err)
    assert not (tmp_path / "run" / "epoch-1" / "adapters.safetensors").exists()
    account = words(cli("info", tmp_path / "run").out)
    assert "adapter rank 4 on k_lin, lin1, lin2, out_lin, q_lin, v_lin, merged into the encoder" in account
    assert "passes" not in account


def test_one_a_task_is_kept_and_it_is_said_that_the_encoder_runs_twice(
    train: Callable[..., Outcome], cli: Cli, tmp_path: Path
) -> None:
    assert "2 passes of the encoder, one a group of tasks: classification; ner" in words(train(*OWN).err)
    said = "the encoder runs 2 times a text, once for each group of tasks that share an adapter: classification; ner"
    account = words(cli("info", tmp_path / "run").out)
    assert "adapter classification: rank 4 on" in account
    assert f"passes {said}" in account
    assert len(json.loads(cli("info", tmp_path / "run", "--json").out)["adapters"]) == 2
    asked = cli("predict", tmp_path / "run", "Anna lives in Berlin", "Book a room", "--json")
    assert words(asked.err).count(said) == 1
    assert len(asked.out.splitlines()) == 2
    assert cli("export", tmp_path / "run", "--output", tmp_path / "graph").status == 0
    again = cli(
        "predict", tmp_path / "graph", "Anna lives in Berlin", "Book a room", "--json", "--runtime", "onnxruntime"
    )
    assert said in words(again.err)
    for mine, theirs in zip(asked.out.splitlines(), again.out.splitlines(), strict=True):
        one, other = json.loads(mine), json.loads(theirs)
        assert one["classification"]["label"] == other["classification"]["label"]
        assert one["ner"]["tags"] == other["ner"]["tags"]


def test_adapters_are_inspected(train: Callable[..., Outcome], cli: Cli, tmp_path: Path) -> None:
    train(*OWN)
    found = cli("inspect", tmp_path / "run" / "epoch-1", "--json")
    assert found.status == 0
    checks = {own["check"]: own["said"] for own in json.loads(found.out)["checks"]}
    assert "16 tensors" not in checks["adapters.safetensors"]  # of two tasks, in two layers of six, two matrices
    assert checks["adapters.safetensors"].startswith("48 tensors with ")
    assert checks["manifest"].startswith("5 files")
    lacking = Path(shutil.copytree(tmp_path / "run" / "epoch-1", tmp_path / "lacking"))
    (lacking / "adapters.safetensors").unlink()
    found = cli("inspect", lacking, "--json")
    assert found.status == 1
    assert [own["check"] for own in json.loads(found.out)["checks"] if not own["passed"]] == ["adapters.safetensors"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--lora-share", "own"), "adapters.share: does nothing without adapters.rank (--lora)"),
        (("--lora", "8", "--freeze", "1"), "training.freeze: with adapters"),
        (("--lora", "0"), "adapters.rank: input should be greater than or equal to 1, found 0"),
        (("--lora", "4", "--set", "adapters.target=all"), "adapters.target: no such setting"),
        (("--lora", "4", "--set", 'adapters.targets="q_lim"'), "the encoder's layers have no linear layer 'q_lim'"),
        ((*OWN, "--set", "adapters.merge=true"), "'merge' goes with one adapter for all tasks"),
        ((*OWN, "--set", 'adapters.groups=[["ner"]]'), "'share' and 'groups' cannot both be given"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_in_a_sentence(
    train: Callable[..., Outcome], options: tuple[str, ...], said: str
) -> None:
    done = train(*options)
    assert done.status == 2
    assert said in words(done.err)
    assert "Traceback" not in done.err
