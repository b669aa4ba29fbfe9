"""Same seed, same machine: the same weights, bit for bit. And what the precision changes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from polyhead.model import MultiTaskModel
from tests.training.conftest import Fit


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*.safetensors"))
    }


def test_two_processes_give_the_same_bits(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> None:
    found = []
    for name in ("first", "second"):
        command = [sys.executable, "-m", "polyhead", "train", str(small_data), "--encoder"]
        command += [str(encoder_folders["distilbert"]), "--output", str(tmp_path / name)]
        environment = {**os.environ, "PYTHONHASHSEED": str(len(found) + 1)}  # sets come in another order
        subprocess.run(command, check=True, capture_output=True, env=environment, timeout=300)
        found.append(digests(tmp_path / name))
    assert list(found[0]) == ["epoch-1/model.safetensors", "epoch-2/model.safetensors"]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("strategy", "precision"),
    [
        ("joint", "fp32"),
        ("joint", "bf16"),
        ("alternating", "fp32"),
        ("alternating", "bf16"),
        ("temperature", "fp32"),
        ("round_robin", "fp32"),
    ],
)
def test_two_runs_give_the_same_bits_and_another_seed_others(fit: Fit, strategy: str, precision: str) -> None:
    options = {"strategy": strategy, "precision": precision, "epochs": 1, "dev": None}
    first, second = (digests(fit(seed=7, **options).run.folder) for _ in range(2))
    assert first == second
    assert digests(fit(seed=8, **options).run.folder) != first


def test_dev_scores_do_not_change_the_weights(fit: Fit, small_data: Path) -> None:
    """What is looked at on the way must not touch the random state."""
    without = fit(dev=small_data).run
    again = fit(dev=[small_data, small_data]).run
    assert digests(without.folder) == digests(again.folder)


def test_bf16_computes_in_bf16_and_saves_fp32(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    types = set()
    forward = MultiTaskModel.forward

    def spy(self: MultiTaskModel, *arguments: object, **options: object) -> dict[str, torch.Tensor]:
        logits = forward(self, *arguments, **options)
        types.update((self.training, value.dtype) for value in logits.values())
        return logits

    monkeypatch.setattr(MultiTaskModel, "forward", spy)
    half = fit(precision="bf16", epochs=1)
    assert types == {(True, torch.bfloat16), (False, torch.float32)}, "dev scores are fp32 in any case"
    types.clear()
    full = fit(precision="fp32", epochs=1)
    assert types == {(True, torch.float32), (False, torch.float32)}
    for fitted, name in ((half, "bf16"), (full, "fp32")):
        assert fitted.account["settings"]["training"]["precision"] == name
        weights = load_file(fitted.run.best / "model.safetensors")
        assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    assert digests(half.run.folder) != digests(full.run.folder)


def test_auto_is_settled_and_written_down(fit: Fit) -> None:
    assert fit(precision="auto", epochs=1).account["settings"]["training"]["precision"] in {"bf16", "fp32"}
