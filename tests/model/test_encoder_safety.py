"""Encoders that are trained on come from strangers, too: pinned where a revision is given, and never a pickle."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants as hub
from safetensors.torch import load_file

from polyhead.errors import EncoderError, PolyheadError
from polyhead.model import load_pretrained

HANGS = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
Change = Callable[..., Path]


@pytest.fixture
def change(encoder_folders: dict[str, Path], tmp_path: Path) -> Change:
    """Copy the tiny DistilBERT, with some settings of one of its JSON files replaced."""

    def _change(file: str = "config.json", **settings: Any) -> Path:
        folder = Path(shutil.copytree(encoder_folders["distilbert"], tmp_path / "encoder", dirs_exist_ok=True))
        content = json.loads((folder / file).read_text()) if (folder / file).is_file() else {}
        (folder / file).write_text(json.dumps({**content, **settings}))
        return folder

    return _change


def complaint(folder: Path | str) -> str:
    with pytest.raises(EncoderError) as caught:
        load_pretrained(str(folder))
    assert repr(str(folder)) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("file", "settings", "said"),
    [
        ("config.json", {"auto_map": {"AutoModel": "evil.Model"}}, "code of its own (auto_map)"),
        ("config.json", {"deep": [{"auto_map": {"AutoModel": "evil.Model"}}]}, "code of its own (auto_map)"),
        ("config.json", {"quantization_config": {"quant_method": "gptq"}}, "quantised weights"),
        ("config.json", {"_attn_implementation": "evil/kernels"}, "may be code from the Hub"),
        ("config.json", {"attn_implementation": "flash_attention_2"}, "may be code from the Hub"),
        ("config.json", {"attn_implementation": {"": "evil/kernels@main:forward"}}, "may be code from the Hub"),
        ("config.json", {"experts_implementation": "evil/kernels"}, "may be code from the Hub"),
        ("config.json", {"use_kernels": True}, "compiled code from the Hub"),
        ("config.json", {"transformers_weights": "evil.bin"}, "transformers_weights"),
        ("config.json", {"model_type": "timm_wrapper"}, "an encoder of texts"),
        ("config.json", {"text_config": {"model_type": "bert"}}, "a network within the network"),
        ("config.json", {"n_layers": 10**9}, "n_layers may be"),
        ("config.json", {"vocab_size": 10**12}, "vocab_size may be"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}, "code of its own"),
        ("adapter_config.json", {"base_model_name_or_path": "evil/model"}, "a PEFT adapter"),
        (
            "tokenizer.json",
            {"pre_tokenizer": HANGS},
            "'(a+)+$' may hang",
        ),
    ],
)  # fmt: skip
def test_what_would_run_code_is_refused(change: Change, file: str, settings: dict[str, Any], said: str) -> None:
    assert said in complaint(change(file, **settings))


def test_a_tokenizer_of_another_model(change: Change, encoder_folders: dict[str, Path]) -> None:
    folder = change()
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["surplus"] = 5000
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "ids up to 5,000 (pad_id included), the encoder's table has" in complaint(folder)


def test_a_pickle_of_weights_is_never_read_and_the_way_on_is_one(change: Change) -> None:
    folder = change()
    wanted = load_pretrained(str(folder)).encoder.state_dict()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    said = complaint(folder)
    assert "pytorch_model.bin), which can run code and is never read" in said
    (command,) = re.findall(r'python -c "(.*)"', said)
    subprocess.run([sys.executable, "-c", command], cwd=folder, check=True)
    found = load_pretrained(str(folder)).encoder.state_dict()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_shards_lie_in_the_folder(change: Change) -> None:
    folder = change()
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    names = load_file(folder / "model-00001-of-00001.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "model-00001-of-00001.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert load_pretrained(str(folder)).most_pieces == 64
    index["weight_map"] = dict.fromkeys(names, "../model.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "outside its own folder" in complaint(folder)


def test_a_folder_with_an_at_sign(change: Change, tmp_path: Path) -> None:
    folder = change().rename(tmp_path / "encoder@2")
    assert load_pretrained(str(folder)).name == str(folder)
    assert "no such folder" in complaint(tmp_path / "encoder@3")


@pytest.fixture
def cache(change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the Hub with two commits of one encoder: `main` is the second, of another width of row."""
    repository = tmp_path / "hub" / "models--org--tiny"
    for commit, most in (("a" * 40, 64), ("b" * 40, 64)):
        shutil.copytree(change(note=commit[0], max_position_embeddings=most), repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("b" * 40)
    (repository / "refs" / "v1").write_text("a" * 40)
    monkeypatch.setattr(hub, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "HF_HUB_OFFLINE", True)
    return repository


@pytest.mark.parametrize(
    ("name", "note"), [("org/tiny", "b"), ("org/tiny@v1", "a"), (f"org/tiny@{'a' * 40}", "a"), ("org/tiny@main", "b")]
)
def test_a_revision_is_what_is_loaded(cache: Path, name: str, note: str) -> None:
    pretrained = load_pretrained(name)
    assert json.loads(pretrained.config_json)["note"] == note
    assert pretrained.name == name


def test_a_revision_that_is_not_there(cache: Path) -> None:
    assert "cannot be reached and the encoder is not in the local cache" in complaint("org/tiny@v2")


@pytest.mark.parametrize("name", ["org/tiny@", "org/tiny@a b", "org/tiny@../x", "@main", "org/tiny@a@b"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(PolyheadError, match=r"no such folder|neither a folder nor a Hub name"):
        load_pretrained(name)


def test_the_revision_is_asked_of_the_hub(monkeypatch: pytest.MonkeyPatch, encoder_folders: dict[str, Path]) -> None:
    asked: list[tuple[str, str | None]] = []

    def download(repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((repository, revision))
        assert not [pattern for pattern in allow_patterns if pattern.endswith((".bin", ".py", ".pt", "*"))]
        return str(encoder_folders["distilbert"])

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    load_pretrained("org/name@0123abc")
    load_pretrained("org/name")
    assert asked == [("org/name", "0123abc"), ("org/name", None)]
