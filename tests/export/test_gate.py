"""Lower precisions: what they cost on dev data decides whether they are given away."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.torch import load_file, save_file

from polyhead import Predictor, evaluate
from polyhead.bundle.manifest import MANIFEST, manifest_of
from polyhead.errors import ExportError, SettingsError
from polyhead.export import export, quantising
from polyhead.export.quantising import last_products, quantisable, search
from polyhead.inference import open_model
from polyhead.inference.candidates import candidates
from polyhead.inference.openvino_runtime import has_bf16
from polyhead.training import TrainedRun
from tests.conftest import RECORDS

needs_bf16 = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None or not has_bf16(), reason="no openvino, or no bf16 in this processor"
)


@pytest.fixture
def dev(small_data: Path) -> Path:
    return small_data


def test_int8_that_costs_nothing_passes(trained: TrainedRun, dev: Path, tmp_path: Path) -> None:
    done = export(trained.folder, tmp_path / "exported", precisions=["int8"], dev=dev, max_drop=1.0)
    assert {path.name for path in done.folder.glob("*.onnx")} == {"model.int8.onnx"}
    (way,) = candidates(open_model(done.folder))
    assert (way.runtime, way.precision) == ("onnxruntime", "int8")
    by_task = {drop.task: drop for drop in done.drops["int8"]}
    wanted, found = (evaluate(path, dev, resamples=0)["tasks"] for path in (trained.folder, done.folder))
    for task, figure in (("classification", "accuracy"), ("ner", "f1")):
        assert by_task[task].figure == figure
        assert by_task[task].records == wanted[task]["records"]
        assert by_task[task].before == pytest.approx(wanted[task][figure])
        assert by_task[task].after == pytest.approx(found[task][figure])
        assert by_task[task].points <= 1.0
    told = json.loads((done.folder / "export.json").read_text())["checks"]["precisions"]["int8"]
    assert [drop["task"] for drop in told["dev"]] == ["classification", "ner"]


def test_products_are_of_integers_but_for_the_last_ones(trained: TrainedRun, dev: Path, tmp_path: Path) -> None:
    whole = export(trained.folder, tmp_path / "whole").folder / "model.onnx"
    small = export(trained.folder, tmp_path / "small", precisions=["int8"], dev=dev, max_drop=50).folder
    graph = onnx.load(small / "model.int8.onnx").graph
    kinds = [node.op_type for node in graph.node]
    last = last_products(whole)
    assert len(last) == 2, "one a head"
    wanted = [name for name in quantisable(whole) if name not in last and "embedding" not in name]
    assert kinds.count("MatMulInteger") == len(wanted) == 12, "six a layer"
    kept = {node.name.removesuffix("_MatMul") for node in graph.node if node.op_type in ("MatMul", "Gemm")}
    assert kept >= set(last), "they stay as they are"
    assert (small / "model.int8.onnx").stat().st_size < 0.8 * whole.stat().st_size


@pytest.fixture
def breaks_under_int8(trained: TrainedRun, tmp_path: Path) -> Path:
    """A model that answers about as before in fp32; but one value before each layer's last products is so large, for
    nothing, that 8 bits keep nothing of the others."""
    folder = Path(shutil.copytree(trained.best or trained.folder, tmp_path / "outliers"))
    weights = load_file(folder / "model.safetensors")
    for layer in range(2):
        around = f"encoder.transformer.layer.{layer}"
        for inner, outer in (("attention.v_lin", "attention.out_lin"), ("ffn.lin1", "ffn.lin2")):
            weights[f"{around}.{inner}.bias"][0] = 1e5
            weights[f"{around}.{outer}.weight"][:, 0] = 0.0
    save_file(weights, folder / "model.safetensors")
    (folder / MANIFEST).write_text(manifest_of(folder))
    return folder


def test_int8_that_breaks_a_model_is_refused(
    breaks_under_int8: Path, dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantising, "_SHARE", 0.0)  # as if nothing could be left out
    with pytest.raises(ExportError) as said:
        export(breaks_under_int8, tmp_path / "exported", precisions=["int8"], dev=dev, max_drop=0.5)
    assert str(said.value).startswith("int8: refused, and nothing was written: ")
    assert "On dev a task may lose 0.5 points (--max-drop): classification: accuracy " in str(said.value)
    assert not (tmp_path / "exported").exists()
    assert not list(tmp_path.glob(".exported*"))


def test_what_suffers_most_stays_in_fp32(breaks_under_int8: Path, dev: Path, tmp_path: Path) -> None:
    done = export(breaks_under_int8, tmp_path / "exported", precisions=["int8"], dev=dev, max_drop=0.5)
    assert 1 <= len(done.kept) <= 4
    assert all(drop.points <= 0.5 for drop in done.drops["int8"])
    assert evaluate(done.folder, dev, resamples=0)["tasks"]["ner"]["f1"] > 0.8


def test_the_search_ends(trained: TrainedRun, tmp_path: Path) -> None:
    whole = export(trained.folder, tmp_path / "whole").folder / "model.onnx"
    asked: list[int] = []

    def never(path: Path) -> bool:
        asked.append(len(onnx.load(path).graph.node))
        return False

    with pytest.raises(ExportError, match=r"^int8: not good enough even with \d+ of \d+ layers in fp32$"):
        search(whole, tmp_path / "int8.onnx", fixed=[], passes=never, distance=lambda path: 1.0)
    assert 2 <= len(asked) <= 6


@needs_bf16
def test_bf16_is_scored_on_dev(trained: TrainedRun, dev: Path, tmp_path: Path) -> None:
    done = export(trained.folder, tmp_path / "exported", precisions=["fp32", "bf16"], dev=dev)
    assert [str(way) for way in candidates(open_model(done.folder))] == [
        "onnxruntime fp32",
        "openvino fp32",
        "openvino bf16",
    ]
    assert {path.name for path in done.folder.glob("*.onnx")} == {"model.onnx"}, "one graph serves both"
    assert done.checks["bf16"]["openvino"].logits > done.checks["fp32"]["openvino"].logits


@needs_bf16
def test_bf16_that_costs_too_much_is_refused(
    trained: TrainedRun, dev: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyhead.export.gate import Gate

    monkeypatch.setattr(Gate, "passes", lambda self, drops: False)
    with pytest.raises(ExportError, match=r"^bf16: refused, and nothing was written: On dev a task may lose 0\.5"):
        export(trained.folder, tmp_path / "exported", precisions=["bf16"], dev=dev)
    assert not (tmp_path / "exported").exists()


def test_a_figure_that_nothing_defines_any_more_is_wholly_lost(
    trained: TrainedRun, dev: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A correlation, where a lower precision makes all answers one number."""
    from polyhead.export import gate

    found = gate.Gate(Predictor.load(trained.folder), [dev], max_drop=0.5)
    scores = {"tasks": {"classification": {"records": 320, "accuracy": None}, "ner": {"records": 320, "f1": 1.0}}}
    monkeypatch.setattr(gate, "evaluate", lambda *_, **__: scores)
    drops = {drop.task: drop for drop in found.drops(Predictor.load(trained.folder))}
    assert drops["classification"].after == 0.0
    assert not found.passes(list(drops.values()))


def test_every_task_must_be_in_the_dev_data(trained: TrainedRun, write: Callable[..., Path], tmp_path: Path) -> None:
    labels = write([{key: record[key] for key in ("sentence", "label")} for record in RECORDS], "labels.jsonl")
    tags = write([{key: record[key] for key in ("sentence", "ner_tags")} for record in RECORDS], "tags.jsonl")
    with pytest.raises(SettingsError, match=r"--dev: no record annotates 'ner'"):
        export(trained.folder, tmp_path / "exported", precisions=["int8"], dev=labels)
    done = export(trained.folder, tmp_path / "exported", precisions=["int8"], dev=[labels, tags], max_drop=50)
    assert [(drop.task, drop.records) for drop in done.drops["int8"]] == [("classification", 8), ("ner", 8)]


def test_an_int8_answer_may_depend_on_its_batch_and_fp32_does_not(
    trained: TrainedRun, dev: Path, tmp_path: Path
) -> None:
    """What docs/export.md says of dynamic quantisation."""
    done = export(trained.folder, tmp_path / "exported", precisions=["fp32", "int8"], dev=dev, max_drop=50)
    texts = [str(record["sentence"]) for record in RECORDS]

    def moved(precision: str) -> float:
        predictor = Predictor.load(done.folder, runtime="onnxruntime", precision=precision)
        alone = [next(predictor.read([text])).logits["ner"] for text in texts]
        together = [reading.logits["ner"] for reading in predictor.read(texts)]
        return max(float(np.abs(one - other).max()) for one, other in zip(alone, together, strict=True))

    assert moved("fp32") < 1e-5
    assert moved("int8") > 1e-4
