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

import polyhead
from polyhead.batching import Batch
from polyhead.bundle import write_folder
from polyhead.errors import BundleError
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel, TorchRuntime, load_pretrained
from polyhead.model.single_file import read_single_file, write_single_file
from polyhead.model.weights import load_model, save_weights, weights_of
from polyhead.tasks import HeadSpec
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


def test_a_crf_comes_back_with_its_table(small_data: Path, encoder_folders: dict[str, Path], tmp_path: Path) -> None:
    tasks = {"ner": {"kind": "tagging", "field": "ner_tags", "decoder": "crf"}}
    encoder = str(encoder_folders["distilbert"])
    run = polyhead.train(small_data, encoder=encoder, output=tmp_path / "run", epochs=1, tasks=tasks, precision="fp32")
    bundle = open_model(run.folder)
    model = load_model(bundle)
    table = TorchRuntime.of_bundle(bundle).tables["ner"]
    assert np.array_equal(table, TorchRuntime(model).tables["ner"])
    weights = load_file(run.best / "model.safetensors")
    crf = {name: weights[f"heads.ner_head.objective.crf.{name}"].numpy() for name in ("start", "step")}
    assert np.array_equal(table, np.concatenate([crf["start"][None], crf["step"]]))
    constraints = model.specs["ner"].constraints
    start, step = np.array(constraints.start), np.array(constraints.step)
    assert (crf["start"][start] != 0).any(), "it learnt something"
    assert (crf["step"][step] != 0).any()
    assert not crf["start"][~start].any(), "and nothing of what is forbidden"
    assert not crf["step"][~step].any()


def test_a_model_without_a_crf_has_no_tables(model: MultiTaskModel) -> None:
    assert TorchRuntime(model).tables == {}


def test_a_batch_of_pairs_runs_with_its_types(encoder_folders: dict[str, Path]) -> None:
    torch.manual_seed(0)
    encoder = load_pretrained(str(encoder_folders["roberta"])).encoder
    runtime = TorchRuntime(MultiTaskModel(encoder=encoder, heads={"topic": HeadSpec(reads="sentence", width=3)}))
    types = np.zeros_like(BATCH.ids)
    plain, none, pair = (
        runtime.run(Batch(BATCH.ids, BATCH.mask, given))["topic"] for given in (None, types, 1 - types)
    )
    assert np.allclose(plain, none, atol=1e-6)
    assert not np.allclose(plain, pair, atol=1e-4)


def test_a_loaded_model_is_in_evaluation_mode(trained: TrainedRun) -> None:
    model = load_model(open_model(trained.best))
    assert not any(module.training for module in model.modules())


def test_running_leaves_training_mode_as_it_was(model: MultiTaskModel) -> None:
    model.train()
    first, second = TorchRuntime(model).run(BATCH), TorchRuntime(model).run(BATCH)
    assert np.array_equal(first["ner"], second["ner"]), "no dropout while it runs"
    assert model.training


def test_the_pooler_is_not_saved(any_encoder: Path, small_data: Path, tmp_path: Path) -> None:
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
