"""Models with adapters as graphs and as folders for transformers: the answers are those of the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
import transformers
from onnx import numpy_helper

from polyhead import Predictor
from polyhead.bundle import write_folder
from polyhead.bundle.adapters import ADAPTERS, AdapterState
from polyhead.export import export, export_pipeline
from polyhead.export.texts import TEXTS
from polyhead.inference import open_model
from polyhead.model.adapters import Adapters, inject
from polyhead.model.targets import choose_targets
from polyhead.model.weights import load_model, save_weights
from tests.end_to_end.many_kinds import TASKS
from tests.export.test_parity import RUNTIMES, UNLIKE, assert_alike

NAMES = list(TASKS)
OWN = (tuple(NAMES[:2]), tuple(NAMES[2:]))
Write = Callable[..., Path]


@pytest.fixture
def write_adapted(write_bundle: Write, tmp_path: Path) -> Write:
    """Write a bundle of a family whose tasks read it with kept adapters; those in no group read it as it is."""

    def _write(family: str, *groups: tuple[str, ...], wanted: str = "attention", tasks: Any = TASKS) -> Path:
        bundle = open_model(write_bundle(family, tasks))
        model = load_model(bundle)
        targets = choose_targets(model.encoder, wanted)
        states = [
            AdapterState(key=f"adapter_{at}", tasks=own, rank=2, alpha=4.0, targets=targets)
            for at, own in enumerate(groups)
        ]
        inject(model.encoder, states)
        model.adapters = Adapters(model.encoder, states)
        torch.manual_seed(5)
        for weight in model.adapters.weights():
            torch.nn.init.normal_(weight, std=0.2)
        folder = tmp_path / f"{family}-{len(groups)}"
        write_folder(
            folder,
            about=bundle.about.model_copy(update={"adapters": tuple(states)}),
            config_json=bundle.config_json,
            tokenizer_json=bundle.tokenizer_json,
            write_weights=lambda path: save_weights(model, path),
        )
        return folder

    return _write


@pytest.mark.parametrize("groups", [(tuple(NAMES),), (OWN[1],)], ids=["shared", "some without"])
def test_a_graph_answers_as_torch_does(
    groups: tuple[tuple[str, ...], ...], write_adapted: Write, write_bundle: Write, tmp_path: Path
) -> None:
    _check("bert", groups, write_adapted, write_bundle, tmp_path)


@pytest.mark.slow  # two minutes for what the test above does with one family
def test_a_graph_of_several_passes_answers_as_torch_does_in_every_family(
    family: str, write_adapted: Write, write_bundle: Write, tmp_path: Path
) -> None:
    _check(family, OWN, write_adapted, write_bundle, tmp_path)


def _check(
    family: str, groups: tuple[tuple[str, ...], ...], write_adapted: Write, write_bundle: Write, tmp_path: Path
) -> None:
    bundle = write_adapted(family, *groups)
    done = export(bundle, tmp_path / "exported")
    kept, plain = Predictor.load(bundle), Predictor.load(write_bundle(family))
    run_by = [name for name in RUNTIMES if name not in UNLIKE.get(family, ())]
    assert set(done.checks["fp32"]) >= set(run_by)
    for runtime in run_by:
        assert_alike(kept, Predictor.load(done.folder, runtime=runtime), within=1e-4)
    adapted = {name for group in groups for name in group}
    for mine, theirs in zip(kept.read(TEXTS[:3]), plain.read(TEXTS[:3]), strict=True):
        differ = {name for name, own in mine.logits.items() if not np.array_equal(own, theirs.logits[name])}
        assert differ == adapted
    assert not (done.folder / ADAPTERS).exists()
    assert open_model(done.folder).about.passes() == open_model(bundle).about.passes()


def test_what_passes_have_in_common_is_in_the_graph_once(write_adapted: Write, tmp_path: Path) -> None:
    sizes = {}
    for name, groups in (("shared", (tuple(NAMES),)), ("own", OWN)):
        graph = onnx.load(export(write_adapted("bert", *groups), tmp_path / name).folder / "model.onnx").graph
        matrices = [numpy_helper.to_array(own) for own in graph.initializer]
        sizes[name] = sum(own.size for own in matrices if own.ndim == 2)
        tables = [own for own in matrices if own.ndim == 2 and own.shape[0] > 200]
        assert len(tables) == 1, "the word embeddings"
    more = 2 * 2 * 32 * 32  # in two layers, queries and values, for the second pass
    assert sizes["own"] == sizes["shared"] + more


def test_a_graph_of_several_passes_is_quantised(
    write_adapted: Write, tmp_path: Path, write: Callable[..., Path]
) -> None:
    from tests.end_to_end.many_kinds import WHOLE

    bundle = write_adapted("bert", *OWN)
    done = export(bundle, tmp_path / "int8", precisions=["int8"], dev=[write(WHOLE, "dev.jsonl")], max_drop=100.0)
    assert done.checks["int8"]["onnxruntime"].texts
    assert (done.folder / "model.int8.onnx").is_file()


@pytest.mark.skipif("openvino" not in RUNTIMES, reason="openvino is not installed")
def test_openvinos_own_form(write_adapted: Write, tmp_path: Path) -> None:
    bundle = write_adapted("bert", *OWN)
    done = export(bundle, tmp_path / "exported", to="openvino")
    assert_alike(Predictor.load(bundle), Predictor.load(done.folder), within=1e-4)


def test_a_tasks_folder_for_transformers_has_its_adapter(write_adapted: Write, tmp_path: Path) -> None:
    tasks = {name: {"kind": "token_label", "field": "pos"} for name in ("one", "other")}
    bundle = write_adapted("bert", ("one",), ("other",), tasks=tasks)
    model = load_model(open_model(bundle))
    ids = torch.tensor([[2, 20, 31, 44, 3]])
    with torch.inference_mode():
        wanted = model(ids, torch.ones_like(ids))
        for name in tasks:
            folder = export_pipeline(bundle, tmp_path / name, task=name)
            theirs = transformers.AutoModelForTokenClassification.from_pretrained(folder)(input_ids=ids).logits
            torch.testing.assert_close(theirs, wanted[name], rtol=1e-4, atol=1e-4)
    assert not torch.allclose(wanted["one"], wanted["other"], atol=1e-2)
