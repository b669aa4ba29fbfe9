"""Damaged, foreign and hostile artefacts: each is refused with a reason, by every way in."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from polyhead import Predictor
from polyhead.bundle.exported import EXPORT, TABLES
from polyhead.bundle.inspection import inspect_path
from polyhead.bundle.manifest import MANIFEST, manifest_of
from polyhead.bundle.onnx_file import check_onnx
from polyhead.bundle.openvino_file import check_openvino
from polyhead.errors import BundleError
from polyhead.export import export
from polyhead.inference.candidates import is_installed

MODEL = "model.onnx"


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """A copy of the exported bundle, to be damaged."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


def sign(folder: Path) -> None:
    """Make the manifest right, as a stranger would: checksums protect from damage, not from people."""
    (folder / MANIFEST).write_text(manifest_of(folder))


def change_json(folder: Path, **changes: Any) -> None:
    path = folder / EXPORT
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    sign(folder)


def change_graph(folder: Path, change: Callable[[onnx.ModelProto], Any]) -> None:
    model = onnx.load(folder / MODEL)
    change(model)
    (folder / MODEL).write_bytes(model.SerializeToString())
    sign(folder)


def refused(folder: Path, said: str) -> None:
    """It is refused before any text is answered, and `polyhead inspect` does not call it safe."""
    with pytest.raises(BundleError, match=said):
        Predictor.load(folder)
    assert not inspect_path(folder).safe


def refused_when_run(folder: Path, said: str) -> None:
    with pytest.raises(BundleError, match=said):
        Predictor.load(folder, runtime="onnxruntime")(["John lives in New York."])


def test_the_copy_is_sound(copy: Path) -> None:
    assert len(Predictor.load(copy, runtime="onnxruntime")(["John"])) == 1
    assert inspect_path(copy).safe


@pytest.mark.parametrize("at", [0, 1, 100, 0.5, -1])
def test_a_file_that_was_cut_short(copy: Path, at: float) -> None:
    whole = (copy / MODEL).read_bytes()
    (copy / MODEL).write_bytes(whole[: int(at * len(whole)) if isinstance(at, float) else at])
    refused(copy, r"model\.onnx: altered: it has [\d,]+ bytes, the manifest says")
    sign(copy)
    with pytest.raises(BundleError, match=r"model\.onnx: (cannot be read as ONNX|empty|ONNX Runtime cannot open)"):
        Predictor.load(copy, runtime="onnxruntime")(["John"])


def test_a_bit_that_fell_over(copy: Path) -> None:
    content = bytearray((copy / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / MODEL).write_bytes(content)
    refused(copy, r"model\.onnx: altered: its SHA-256 is not the one in the manifest")


@pytest.mark.parametrize("name", [MODEL, EXPORT, TABLES, "tokenizer.json", "polyhead.json"])
def test_a_file_that_is_missing(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError):
        Predictor.load(copy)


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04 a zip", b"<?xml version='1.0'?><net/>", b"\x80\x04.", b"\xff" * 500]
)
def test_a_foreign_file(copy: Path, content: bytes) -> None:
    (copy / MODEL).write_bytes(content)
    sign(copy)
    refused(copy, r"model\.onnx: (cannot be read as ONNX|empty)")


@pytest.mark.parametrize("name", [MODEL, TABLES, EXPORT])
def test_a_link_out_of_the_folder(copy: Path, name: str, tmp_path: Path) -> None:
    shutil.move(copy / name, tmp_path / "elsewhere")
    (copy / name).symlink_to(tmp_path / "elsewhere")
    sign(copy)
    refused(copy, "a link, which a model's folder never holds")


@pytest.mark.parametrize("where", ["../secret.bin", "/etc/passwd", "weights.bin"])
def test_weights_in_another_file(copy: Path, where: str) -> None:
    (copy.parent / "secret.bin").write_bytes(b"\0" * 10**6)
    (copy / "weights.bin").write_bytes(b"\0" * 10**6)

    def outside(model: onnx.ModelProto) -> None:
        tensor = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", where), ("offset", "0"), ("length", "64")):
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    change_graph(copy, outside)
    refused(copy, r"model\.onnx: refused: the values of a tensor lie in another file")


def test_weights_in_another_file_inside_an_operator(copy: Path) -> None:
    def outside(model: onnx.ModelProto) -> None:
        tensor = TensorProto(dims=[1], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
        tensor.external_data.add(key="location", value="/etc/passwd")
        model.graph.node.append(helper.make_node("Constant", [], ["unused"], value=tensor))

    change_graph(copy, outside)
    refused(copy, "the values of a tensor lie in another file")


def test_an_operator_of_another_package(copy: Path) -> None:
    def foreign(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node("Run", ["ids"], ["unused"], domain="ai.onnx.contrib"))

    change_graph(copy, foreign)
    refused(copy, r"refused: it uses operators of 'ai\.onnx\.contrib', which come with other packages")


def test_a_graph_inside_the_graph(copy: Path) -> None:
    def endless(model: onnx.ModelProto) -> None:
        body = helper.make_graph([], "body", [], [])
        model.graph.node.append(helper.make_node("Loop", ["", ""], ["unused"], body=body))

    change_graph(copy, endless)
    refused(copy, "a graph inside its graph")


def test_functions_and_training_steps(copy: Path) -> None:
    def with_functions(model: onnx.ModelProto) -> None:
        node = helper.make_node("Identity", ["a"], ["b"])
        model.functions.append(helper.make_function("own", "f", ["a"], ["b"], [node], [helper.make_opsetid("", 18)]))

    change_graph(copy, with_functions)
    refused(copy, "training steps or functions")


def test_a_graph_that_lacks_a_task(copy: Path) -> None:
    change_graph(copy, lambda model: model.graph.output.pop())
    refused_when_run(copy, r"answers 5 tasks .*, polyhead\.json has 6 .*: graph and tasks are of different models")


def test_a_graph_of_other_widths(copy: Path) -> None:
    def other(model: onnx.ModelProto) -> None:
        first, second = model.graph.output[0], model.graph.output[3]
        first.name, second.name = second.name, first.name
        for node in model.graph.node:
            for at, name in enumerate(node.output):
                node.output[at] = {first.name: second.name, second.name: first.name}.get(name, name)

    change_graph(copy, other)
    refused_when_run(copy, "graph and tasks are of different models")


def test_a_graph_that_takes_something_else(copy: Path) -> None:
    def other(model: onnx.ModelProto) -> None:
        model.graph.input.append(helper.make_tensor_value_info("prompt", TensorProto.INT64, ["rows", "length"]))

    change_graph(copy, other)
    refused_when_run(copy, "takes 'ids', 'mask', 'types', 'prompt', a graph of this model takes 'ids', 'mask', 'types'")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format_version": 2}, r"export\.json cannot be read"),
        ({"graphs": []}, r"export\.json cannot be read"),
        ({"command": "rm"}, r"export\.json cannot be read"),
        ({"graphs": [{"file": "../model.onnx", "format": "onnx", "runs": {"onnxruntime": ["fp32"]}}]}, "is no name of"),
        ({"graphs": [{"file": "model.xml", "format": "onnx", "runs": {"onnxruntime": ["fp32"]}}]}, "is no name of"),
        ({"graphs": [{"file": "model.onnx", "format": "onnx", "runs": {"onnxruntime": ["int4"]}}]}, "cannot be read"),
        ({"graphs": [{"file": "model.onnx", "format": "onnx", "runs": {"x": ["fp32"]}}] * 2}, "names a graph twice"),
    ],
)
def test_an_account_that_is_none(copy: Path, changes: dict[str, Any], said: str) -> None:
    change_json(copy, **changes)
    refused(copy, said)


def test_tables_of_another_task(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tables = load_file(copy / TABLES)
    save_file({"topic": next(iter(tables.values()))}, copy / TABLES)
    sign(copy)
    with pytest.raises(BundleError, match="no table of a task"):
        Predictor.load(copy, runtime="onnxruntime")


def test_tables_that_are_no_numbers(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    save_file({name: table * float("nan") for name, table in load_file(copy / TABLES).items()}, copy / TABLES)
    sign(copy)
    with pytest.raises(BundleError, match=r"the table of 'slots' holds values that are no numbers"):
        Predictor.load(copy, runtime="onnxruntime")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_no_bytes_make_the_check_of_onnx_fail_otherwise(data: st.DataObject, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed.onnx"
    path.write_bytes(bytes(data.draw(st.lists(st.integers(0, 255), max_size=60))))
    with pytest.raises(BundleError):
        check_onnx(path)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_graph_with_bytes_changed_is_read_or_refused(
    data: st.DataObject, exported: Path, tmp_path_factory: Any
) -> None:
    content = bytearray((exported / MODEL).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.onnx"
    path.write_bytes(content)
    with suppress(BundleError):
        assert check_onnx(path).endswith("all of them in this file")


needs_openvino = pytest.mark.skipif(not is_installed("openvino"), reason="openvino is not installed")


@pytest.fixture(scope="module")
def openvino_model(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(bundle, tmp_path_factory.mktemp("openvino") / "model", to="openvino").folder


@needs_openvino
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("<?xml", "<!DOCTYPE net [<!ENTITY a 'b'>]><?xml", "refused: it declares a document type"),
        ('version="opset1"', 'version="extension"', "which comes with other packages"),
        ('type="MatMul"', 'type="Loop"', "holds a graph inside its graph"),
        ("</net>", "", "cannot be read as an OpenVINO model"),
        ("<layers>", "<layers><", "cannot be read as an OpenVINO model"),
        ('offset="0"', 'offset="999999999"', "a constant takes bytes"),
        ('offset="0"', 'offset="-5"', "a constant takes bytes"),
    ],
)
def test_openvinos_own_form_is_looked_through(
    openvino_model: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    folder = Path(shutil.copytree(openvino_model, tmp_path / "model"))
    text = (folder / "model.xml").read_text()
    assert old in text
    (folder / "model.xml").write_text(text.replace(old, new, 1))
    sign(folder)
    refused(folder, said)


@needs_openvino
def test_openvinos_weights_cut_short(openvino_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(openvino_model, tmp_path / "model"))
    weights = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(weights[: len(weights) // 2])
    sign(folder)
    refused(folder, "a constant takes bytes")
    assert "constants, all of them in model.bin" in check_openvino(openvino_model / "model.xml")
