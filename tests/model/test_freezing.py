"""Frozen parts stay bit for bit as they were, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import polyhead
from polyhead.errors import SettingsError
from polyhead.inference import open_model
from polyhead.model import load_pretrained
from polyhead.model.freezing import free_layers, layers_of, parts_by_depth
from polyhead.model.weights import load_model

FROZEN: dict[str | int | None, Callable[[str], bool]] = {
    None: lambda name: False,
    "encoder": lambda name: True,
    "embeddings": lambda name: name.startswith("embeddings."),
    1: lambda name: name.startswith("embeddings.") or "layer.0." in name,
    2: lambda name: name.startswith("embeddings.") or "layer.0." in name or "layer.1." in name,
}


@pytest.mark.parametrize("what", FROZEN, ids=str)
def test_exactly_the_frozen_weights_stay(
    what: str | int | None, any_encoder: Path, small_data: Path, tmp_path: Path
) -> None:
    run = polyhead.train(
        small_data, dev=small_data, encoder=str(any_encoder), output=tmp_path / "run", freeze=what, epochs=1,
        precision="fp32", batch_size=64,
    )  # fmt: skip
    before = load_pretrained(str(any_encoder)).encoder.state_dict()
    model = load_model(open_model(run.folder))
    after = model.encoder.state_dict()
    stayed = {name for name in before if torch.equal(before[name], after[name])}
    assert stayed == {name for name in before if FROZEN[what](name)}
    assert any(name.startswith("embeddings.") for name in before)
    assert sum("layer.0." in name for name in before) > 5


def test_heads_learn_on_a_frozen_encoder(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> None:
    run = polyhead.train(
        small_data, dev=small_data, encoder=str(encoder_folders["distilbert"]), output=tmp_path / "run",
        freeze="encoder", precision="fp32", head_lr=0.01,
    )  # fmt: skip
    first, second = (load_model(open_model(run.folder / f"epoch-{epoch}")).heads.state_dict() for epoch in (1, 2))
    assert all(not torch.equal(first[name], second[name]) for name in first)
    assert run.epochs[1].losses["ner"] < run.epochs[0].losses["ner"]


def test_more_layers_than_there_are(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> None:
    encoder = str(encoder_folders["distilbert"])
    with pytest.raises(SettingsError, match=r"training\.freeze: the encoder has 2 layers, found 3"):
        polyhead.train(small_data, encoder=encoder, output=tmp_path / "run", freeze=3)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("what", ["nonsense", 0, -1, "1.5"])
def test_what_cannot_be_frozen(what: object, small_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"training\.freeze"):
        polyhead.train(small_data, output=tmp_path / "run", freeze=what)


def names_of(encoder: torch.nn.Module, weights: list[torch.nn.Parameter]) -> set[str]:
    wanted = {id(weight) for weight in weights}
    return {name for name, weight in encoder.named_parameters() if id(weight) in wanted}


def test_layers_are_the_lowest_first(any_encoder: Path) -> None:
    encoder = load_pretrained(str(any_encoder)).encoder
    names = [names_of(encoder, list(layer.parameters())) for layer in layers_of(encoder)]
    assert [{name for name in encoder.state_dict() if f"layer.{at}." in name} for at in range(2)] == names


def test_each_weight_is_at_one_depth(any_encoder: Path) -> None:
    encoder = load_pretrained(str(any_encoder)).encoder
    parts = parts_by_depth(encoder)
    top, below, embeddings = (names_of(encoder, part) for part in parts)
    assert sum(map(len, parts)) == len(list(encoder.parameters()))
    assert all("layer.0." in name for name in below)
    assert all(name.startswith("embeddings.") for name in embeddings)
    assert any("layer.1." in name for name in top)
    assert not any("layer.0." in name or name.startswith("embeddings.") for name in top)
    assert embeddings
    assert below


@pytest.mark.parametrize("count", range(4))
def test_the_top_layers_are_freed_first(any_encoder: Path, count: int) -> None:
    encoder = load_pretrained(str(any_encoder)).encoder
    parts = [names_of(encoder, part) for part in parts_by_depth(encoder)]
    free_layers(encoder, 2)
    free_layers(encoder, count)
    learning = {name for name, weight in encoder.named_parameters() if weight.requires_grad}
    free = {0: [], 1: parts[:1], 2: parts, 3: parts}[count]
    assert learning == set().union(*free)
