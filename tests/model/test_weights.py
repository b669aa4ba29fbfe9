"""Weights in a folder: what is saved, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.batching import Batch
from polyhead.bundle import write_folder
from polyhead.errors import BundleError
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel, TorchRuntime
from polyhead.model.single_file import read_single_file, write_single_file
from polyhead.model.weights import load_model, save_weights, weights_of
from polyhead.training import TrainedRun

BATCH = Batch(np.arange(5, 25).reshape(2, 10), np.ones((2, 10), dtype=np.int64))


@pytest.fixture
def doctored(tmp_path: Path, parts: dict[str, Any], model: MultiTaskModel) -> Callable[..., Path]:
    """Write a bundle, its manifest right, with changed weights."""

    def _write(change: Callable[[dict[str, Tensor]], Any]) -> Path:
        weights = weights_of(model)
        change(weights)
        write_folder(tmp_path / "bundle", write_weights=lambda path: save_file(weights, path), **parts)
        return tmp_path / "bundle"

    return _write


def test_a_model_comes_back_bit_for_bit(tmp_path: Path, parts: dict[str, Any], model: MultiTaskModel) -> None:
    torch.manual_seed(5)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    wanted = TorchRuntime(model).run(BATCH)
    write_folder(tmp_path / "bundle", write_weights=lambda path: save_weights(model, path), **parts)
    write_single_file(tmp_path / "model.pt", model=model, **parts)
    for bundle in (open_model(tmp_path / "bundle"), read_single_file(tmp_path / "model.pt")):
        found = TorchRuntime.of_bundle(bundle).run(BATCH)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[name], wanted[name]) for name in wanted)


def test_a_loaded_model_is_in_evaluation_mode(trained: TrainedRun) -> None:
    model = load_model(open_model(trained.best))
    assert not any(module.training for module in model.modules())


def test_running_leaves_training_mode_as_it_was(model: MultiTaskModel) -> None:
    model.train()
    first, second = TorchRuntime(model).run(BATCH), TorchRuntime(model).run(BATCH)
    assert np.array_equal(first["ner"], second["ner"]), "no dropout while it runs"
    assert model.training


def test_the_pooler_is_not_saved(any_encoder: Path, small_data: Path, tmp_path: Path) -> None:
    import polyhead

    run = polyhead.train(small_data, encoder=str(any_encoder), output=tmp_path / "run", epochs=1)
    names = load_file(run.best / "model.safetensors").keys()
    assert not [name for name in names if "pooler" in name]
    assert {name.split(".")[0] for name in names} == {"encoder", "heads"}
    assert {name for name in names if name.startswith("heads.")} == {
        f"heads.{task}_head.linear.{part}" for task in ("classification", "ner") for part in ("weight", "bias")
    }


def test_missing_tensor(doctored: Callable[..., Path]) -> None:
    folder = doctored(lambda weights: weights.pop("heads.ner_head.linear.bias"))
    with pytest.raises(BundleError, match=r"lack 1 tensors .* 'heads\.ner_head\.linear\.bias'"):
        load_model(open_model(folder))


def test_extra_tensor(doctored: Callable[..., Path]) -> None:
    folder = doctored(lambda weights: weights.update(stray=torch.zeros(2)))
    with pytest.raises(BundleError, match=r"1 tensors that the model lacks, first 'stray'"):
        load_model(open_model(folder))


def test_wrong_shape(doctored: Callable[..., Path]) -> None:
    folder = doctored(lambda weights: weights.update({"heads.ner_head.linear.bias": torch.zeros(7)}))
    with pytest.raises(BundleError, match=r"'heads\.ner_head\.linear\.bias' has shape \(7,\), the model's has \(5,\)"):
        load_model(open_model(folder))


def test_weights_that_are_no_safetensors(tmp_path: Path, parts: dict[str, Any]) -> None:
    folder = tmp_path / "bundle"
    write_folder(folder, write_weights=lambda path: path.write_bytes(b"not weights"), **parts)
    with pytest.raises(BundleError, match=r"model\.safetensors: cannot be read as safetensors"):
        load_model(open_model(folder))


def test_nothing_is_left_when_weights_cannot_be_written(tmp_path: Path, parts: dict[str, Any]) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_folder(tmp_path / "bundle", write_weights=fail, **parts)
    assert list(tmp_path.iterdir()) == []
