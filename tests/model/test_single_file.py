"""The single file: what would run code, what is foreign, what is broken."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from polyhead import Predictor
from polyhead.errors import BundleError
from polyhead.model.single_file import read_single_file

WriteSingle = Callable[..., Path]


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self._call, self._arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self._call, self._arguments


def test_our_own_is_read(single_file: WriteSingle) -> None:
    (result,) = Predictor.load(single_file())(["John lives in Berlin."])
    assert len(result.to_json()["ner"]["tags"]) == 4


@pytest.mark.parametrize(
    "where", ["polyhead.json", "tokenizer.json", "config.json", "model_state_dict", "format", "stray"]
)
def test_a_file_that_would_run_code_is_refused(single_file: WriteSingle, where: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = single_file(**{where: Runs(os.system, f"touch {trace}")})
    with pytest.raises(BundleError, match=r"model\.pt: refused: .*code.*weights_only=True"):
        Predictor.load(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)
    assert trace.exists(), "the file does run code when it is let"


@pytest.mark.parametrize("call", [eval, exec, __import__, os.remove, torch.load], ids=lambda call: call.__name__)
def test_other_ways_to_run_code(call: Callable[..., Any], tmp_path: Path) -> None:
    keep = tmp_path / "keep"
    keep.touch()
    argument = {eval: f"__import__('os').remove({str(keep)!r})", __import__: "antigravity"}.get(call, str(keep))
    path = tmp_path / "evil.pt"
    torch.save({"format": "polyhead", "x": Runs(call, argument)}, path)
    with pytest.raises(BundleError, match=r"evil\.pt: refused"):
        read_single_file(path)
    assert keep.exists()


def test_a_bare_pickle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bare.pt"
    trace = tmp_path / "trace"
    path.write_bytes(pickle.dumps(Runs(os.system, f"touch {trace}")))
    with pytest.raises(BundleError, match=r"bare\.pt: refused"):
        read_single_file(path)
    assert not trace.exists()


def test_a_pickled_module_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    torch.save(torch.nn.Linear(2, 2), path)
    with pytest.raises(BundleError, match="refused"):
        read_single_file(path)


@pytest.mark.parametrize(
    "content", [{"weight": torch.zeros(2)}, [1, 2], {"format": "other"}, torch.zeros(2), "text"], ids=repr
)
def test_foreign(content: object, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pt"
    torch.save(content, path)
    with pytest.raises(BundleError, match=r"foreign\.pt: a \.pt file, but not one that polyhead wrote"):
        read_single_file(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated(single_file: WriteSingle, share: float) -> None:
    path = single_file()
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BundleError, match=r"model\.pt: (cannot be read|refused)"):
        read_single_file(path)


@pytest.mark.parametrize("content", [b"hello", b"\x00" * 100, b"\x80\x02", b"PK\x03\x04", b"{}"])
def test_no_pt_file_at_all(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"model\.pt: (cannot be read|refused)"):
        read_single_file(path)


def test_a_zip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(BundleError, match=r"model\.pt: cannot be read"):
        read_single_file(path)


@pytest.mark.parametrize("key", ["polyhead.json", "tokenizer.json", "config.json", "model_state_dict"])
def test_a_part_is_missing(single_file: WriteSingle, key: str) -> None:
    with pytest.raises(BundleError, match=r"model\.pt: not whole"):
        read_single_file(single_file(**{key: None}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"polyhead.json": "{}"}, "format_version None"),
        ({"polyhead.json": "not json"}, r"polyhead\.json cannot be read"),
        ({"config.json": "not json"}, r"config\.json cannot be read"),
        ({"config.json": '{"auto_map": {}}'}, r"auto_map.*never runs"),
        ({"tokenizer.json": "{}"}, r"tokenizer\.json cannot be read"),
        ({"model_state_dict": {}}, r"lack \d+ tensors"),
        ({"model_state_dict": {"stray": torch.zeros(1)}}, r"lack \d+ tensors"),
        ({"model_state_dict": {"stray": 1}}, "the weight 'stray' is no tensor, found int"),
    ],
)
def test_a_part_is_wrong(single_file: WriteSingle, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Predictor.load(single_file(**change))


def test_a_weight_that_is_no_tensor(single_file: WriteSingle, model: torch.nn.Module) -> None:
    weights = {
        name: 1 if name.endswith("ner_head.linear.bias") else value for name, value in model.state_dict().items()
    }
    with pytest.raises(BundleError, match=r"ner_head\.linear\.bias' is no tensor, found int"):
        Predictor.load(single_file(model_state_dict=weights))
