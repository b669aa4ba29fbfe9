"""An exported model answers as torch does: every kind of task, every family of encoders, every runtime."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from polyhead import Predictor
from polyhead.bundle.exported import EXPORT
from polyhead.bundle.manifest import MANIFEST, manifest_of
from polyhead.errors import ExportError, MissingExtraError, SettingsError
from polyhead.export import building, export
from polyhead.export.checking import difference
from polyhead.export.texts import TEXTS
from polyhead.inference import open_model
from polyhead.inference.candidates import candidates
from tests.end_to_end.many_kinds import TASKS

RUNTIMES = [name for name in ("onnxruntime", "openvino") if importlib.util.find_spec(name)]
UNLIKE = {"deberta-v2": ["openvino"], "deberta-v3": ["openvino"]}
"""OpenVINO's logarithm puts some distances of DeBERTa's relative positions into the bucket beside."""
PAIRS = list(itertools.pairwise(TEXTS[:8]))


def assert_alike(one: Predictor, other: Predictor, *, within: float) -> None:
    texts = [*TEXTS, *PAIRS]
    for mine, theirs in zip(one.read(texts), other.read(texts), strict=True):
        assert mine.encoded.text == theirs.encoded.text
        for task in one.tasks:
            assert mine.logits[task.name].shape == theirs.logits[task.name].shape
            assert difference(task, mine.encoded, mine.logits[task.name], theirs.logits[task.name]) <= within


def test_every_kind_of_task_on_every_family_of_encoders(
    family: str, write_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    bundle = write_bundle(family)
    done = export(bundle, tmp_path / "exported")
    torch = Predictor.load(bundle)
    assert {task.name for task in torch.tasks} == set(TASKS)
    run_by = [name for name in RUNTIMES if name not in UNLIKE.get(family, ())]
    assert list(done.checks["fp32"]) == run_by
    assert list(done.left_out) == [f"{name} fp32" for name in RUNTIMES if name not in run_by]
    for runtime in run_by:
        predictor = Predictor.load(done.folder, runtime=runtime)
        assert_alike(torch, predictor, within=1e-4)
        for text, (mine,), (theirs,) in ((text, torch([text]), predictor([text])) for text in TEXTS):
            answers = zip(mine.predictions.items(), theirs.predictions.values(), strict=True)
            for (name, own), found in answers:
                if name != "stars":  # a number is as near as its logit
                    assert own.plain() == found.plain(), (runtime, name, text)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("task", ["topic", "themes"])
def test_best_classes_are_those_of_torch(exported: Path, bundle: Path, runtime: str, task: str) -> None:
    """In a model whose file says nothing of them: they are made of logits."""
    torch, other = Predictor.load(bundle), Predictor.load(exported, runtime=runtime, precision="fp32")
    for mine, theirs in zip(torch(TEXTS, top_k=99), other(TEXTS, top_k=99), strict=True):
        wanted, found = (dict(result.predictions[task].classes) for result in (mine, theirs))  # type: ignore[attr-defined]
        assert found == {label: pytest.approx(score, abs=1e-4) for label, score in wanted.items()}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        assert len(found) > 2


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_answer_in_fp32_does_not_depend_on_its_batch(exported: Path, runtime: str) -> None:
    predictor = Predictor.load(exported, runtime=runtime, precision="fp32")
    together = list(predictor.read([*TEXTS] * 3))
    for at, text in enumerate(TEXTS):
        (alone,) = predictor.read([text])
        for task in predictor.tasks:
            one, other = (reading.logits[task.name] for reading in (alone, together[at]))
            assert difference(task, alone.encoded, one, other) <= 1e-4


def test_the_tables_of_a_crf_come_along(exported: Path, bundle: Path) -> None:
    found, wanted = (Predictor.load(path) for path in (exported, bundle))
    for one, other in zip(found.tasks, wanted.tasks, strict=True):
        table = getattr(one, "table", None)
        assert (table is None) == (getattr(other, "table", None) is None)
        if table is not None:
            np.testing.assert_array_equal(table, other.table)
    assert getattr(found.tasks[2], "table", None) is not None


def test_temperatures_come_along(write_bundle: Callable[..., Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(write_bundle("distilbert"), tmp_path / "bundle"))
    path = bundle / "polyhead.json"
    described = json.loads(path.read_text()) | {"temperatures": {"topic": 2.5}}
    path.write_text(json.dumps(described))
    (bundle / MANIFEST).write_text(manifest_of(bundle))
    exported = export(bundle, tmp_path / "exported").folder
    assert_alike(Predictor.load(bundle), Predictor.load(exported), within=1e-4)
    warm, cold = (next(Predictor.load(path).read(["Anna"])).logits["topic"] for path in (bundle, exported))
    np.testing.assert_allclose(warm, cold, atol=1e-4)


@pytest.mark.skipif("openvino" not in RUNTIMES, reason="openvino is not installed")
def test_openvinos_own_form(bundle: Path, tmp_path: Path) -> None:
    done = export(bundle, tmp_path / "exported", to="openvino")
    assert {path.name for path in done.folder.iterdir()} >= {"model.xml", "model.bin"}
    assert not list(done.folder.glob("*.onnx"))
    assert_alike(Predictor.load(bundle), Predictor.load(done.folder), within=1e-4)
    assert [str(way) for way in candidates(open_model(done.folder))] == ["openvino fp32"]


def test_an_answer_that_differs_is_refused_and_nothing_is_written(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = building.write_onnx

    def another(model, path, **options):
        for weight in model.heads.parameters():
            weight.data += 0.01
        write(model, path, **options)
        for weight in model.heads.parameters():
            weight.data -= 0.01

    monkeypatch.setattr(building, "write_onnx", another)
    with pytest.raises(
        ExportError, match=r"^refused, and nothing was written: onnxruntime fp32: logits differ"
    ) as said:
        export(bundle, tmp_path / "exported")
    assert "more than 1e-04" in str(said.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_written_over(bundle: Path, exported: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in exported.iterdir()}
    with pytest.raises(SettingsError, match="is there already; name a new folder"):
        export(bundle, exported)
    assert {path.name: path.stat().st_mtime_ns for path in exported.iterdir()} == before


def test_the_files_of_an_exported_bundle(exported: Path) -> None:
    assert sorted(path.name for path in exported.iterdir()) == [
        "config.json",
        EXPORT,
        "manifest.json",
        "model.onnx",
        "polyhead.json",
        "tables.safetensors",
        "tokenizer.json",
    ]
    told = json.loads((exported / EXPORT).read_text())
    assert told["graphs"] == [{"file": "model.onnx", "format": "onnx", "runs": {name: ["fp32"] for name in RUNTIMES}}]
    checks = told["checks"]["precisions"]["fp32"]["runtimes"]
    assert all(own["logits"] <= 1e-4 and own["same"] == 1.0 for own in checks.values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "onxx"}, r"--to: 'onxx' is none; known: onnx, openvino \(did you mean 'onnx'\?\)"),
        ({"precisions": ["int4"]}, r"--precision: 'int4' is none; known: fp32, bf16, int8"),
        ({"precisions": []}, "--precision: name at least one of fp32, bf16, int8"),
        ({"precisions": ["int8"]}, r"--precision int8: answers change a little; --dev FILE says what"),
        ({"precisions": ["int8"], "to": "openvino", "dev": "x"}, "it goes with --to onnx, not with --to openvino"),
        ({"max_drop": -1.0}, "--max-drop: points of a hundred, 0 or more, found -1.0"),
    ],
)
def test_options_that_do_not_go(options: dict[str, object], said: str, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=said):
        export(bundle, tmp_path / "exported", **options)
    assert list(tmp_path.iterdir()) == []


def test_openvino_is_asked_for_where_it_is_not_installed(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polyhead.export import api

    monkeypatch.setattr(api, "is_installed", lambda package: package != "openvino")
    with pytest.raises(MissingExtraError, match=r"^export to OpenVINO needs the extra 'openvino'"):
        export(bundle, tmp_path / "exported", to="openvino")
    assert list(tmp_path.iterdir()) == []


def test_an_exported_model_is_not_exported_again(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="was exported already; give the bundle that it was made from"):
        export(exported, tmp_path / "again")
