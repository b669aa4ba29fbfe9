"""`polyhead inspect`: what a file is and whether it is safe, without loading it."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from polyhead.training import TrainedRun
from tests.end_to_end.conftest import Cli


def test_a_bundle(cli: Cli, bundle: Path) -> None:
    done = cli("inspect", bundle)
    assert (done.status, done.err) == (0, "")
    assert "what     a bundle: a trained model as a folder" in done.out
    assert "task     ner: tagging, 2 entity types, 5 BIO tags on whitespace words" in done.out
    assert "ok  manifest           4 files, each with the size and SHA-256 that it lists" in done.out
    assert done.out.endswith("safe to open\n")


def test_a_bundle_as_json(cli: Cli, bundle: Path) -> None:
    done = cli("inspect", bundle, "--json")
    found = json.loads(done.out)
    assert done.status == 0
    assert found["safe"] is True
    assert found["path"] == str(bundle)
    assert {check["check"] for check in found["checks"] if check["passed"]} == {
        *("manifest", "links", "polyhead.json", "config.json", "tokenizer.json", "model.safetensors"),
    }
    assert [task["name"] for task in found["tasks"]] == ["classification", "ner"]
    assert found["tensors"] > 10
    assert found["parameters"] * 4 < found["bytes"]


def test_everything_that_a_run_leaves(cli: Cli, single_file_run: TrainedRun, any_encoder: Path) -> None:
    for path, what in (
        (single_file_run.folder, "the output folder of a run, which stands for its"),
        (single_file_run.folder / "mtl_epoch1.pt", "a model in one .pt file"),
        (single_file_run.best / "model.safetensors", "a safetensors file"),
        (single_file_run.best / "tokenizer.json", "a tokenizer, or JSON"),
        (single_file_run.best / "config.json", "an encoder's settings"),
        (single_file_run.best / "polyhead.json", "tasks and settings of a bundle"),
        (single_file_run.best / "manifest.json", "the manifest of a folder"),
        (any_encoder, "an encoder's folder, to train on"),
    ):
        done = cli("inspect", path)
        assert done.status == 0, done
        assert what in done.out


def test_what_is_not_safe(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    (bundle / "config.json").write_text('{"model_type": "bert", "auto_map": {"AutoModel": "evil.Model"}}')
    done = cli("inspect", bundle)
    assert done.status == 1
    assert "altered: it has 63 bytes" in done.out
    assert "config.json asks for code of its own (auto_map), which polyhead never runs" in done.out
    assert done.out.endswith("not safe to open: 2 of 6 checks failed\n")
    (tmp_path / "optimizer.pt").write_bytes(pickle.dumps(print))
    done = cli("inspect", tmp_path / "optimizer.pt")
    assert done.status == 1
    assert "this one imports builtins.print" in done.out


def test_tensors_of_others(cli: Cli, tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(3)}, tmp_path / "a.pt")
    done = cli("inspect", tmp_path / "a.pt")
    assert done.status == 0
    assert "a .pt file of tensors that polyhead did not write" in done.out
    torch.save(torch.nn.Linear(2, 2), tmp_path / "b.pt")
    done = cli("inspect", tmp_path / "b.pt")
    assert done.status == 1
    assert "torch.nn.modules.linear.Linear" in done.out


def test_nothing_to_inspect(cli: Cli, tmp_path: Path) -> None:
    done = cli("inspect", tmp_path / "absent")
    assert (done.status, done.out) == (2, "")
    assert "no such file or folder" in done.err
    done = cli("inspect", tmp_path)
    assert done.status == 2
    assert "neither a bundle (no polyhead.json), nor a run" in done.err


def test_a_terminal_is_not_written_to_by_strangers(cli: Cli, bundle: Path) -> None:
    about = json.loads((bundle / "polyhead.json").read_text())
    (bundle / "polyhead.json").write_text(json.dumps({**about, "encoder": "\x1b[2J[bold]evil\u202e"}))
    done = cli("inspect", bundle)
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out
    assert "\ufffd[2J[bold]evil" in done.out


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_torch_is_not_imported(name: str, bundle: Path) -> None:
    code = (
        "import sys; from polyhead.cli.inspect import inspect_path; found = inspect_path(sys.argv[1]); "
        "print(found.safe, sorted({'torch', 'transformers', 'safetensors'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bundle / name)], capture_output=True, text=True, check=True)
    assert done.stdout == "True []\n"
