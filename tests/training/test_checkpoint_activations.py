"""Layers that run twice: less memory, and the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.profiler import ProfilerActivity, profile

import polyhead
from polyhead.errors import SettingsError, TrainingStoppedError
from polyhead.model.recomputing import recompute_layers
from polyhead.settings import RunSettings
from tests.conftest import RECORDS
from tests.training.conftest import settings_with
from tests.training.driving import Drive, same_bits
from tests.training.test_resume import Breaker, weights_of

Write = Callable[..., Path]


@pytest.fixture
def settings(any_encoder: Path, write: Write) -> Callable[..., RunSettings]:
    def _settings(checkpoint_activations: bool, **training: Any) -> RunSettings:
        wanted = {"precision": "fp32", "batch_size": 6, "checkpoint_activations": checkpoint_activations, **training}
        flags = {f"training.{name}": value for name, value in wanted.items()}
        data = {"data.train": write(RECORDS * 3), "data.dev": write(RECORDS, "dev.jsonl")}
        return settings_with(encoder=str(any_encoder), **data, **flags)

    return _settings


@pytest.mark.parametrize("training", [{}, {"precision": "bf16"}, {"freeze": 1}, {"unfreeze": 1}, {"token_budget": 40}])
def test_weights_are_the_same_bits(settings: Callable[..., RunSettings], training: dict[str, Any]) -> None:
    """Dropout and all: two layers of each encoder, run by hand where they can be, and deberta's own."""
    found = []
    for twice in (False, True):
        drive = Drive.of(settings(twice, **training))
        losses = [report.losses for report in drive.steps()]
        found.append((losses, drive.weights()))
    assert found[0][0] == found[1][0]
    assert same_bits(found[0][1], found[1][1])


def test_each_layer_runs_twice_in_training_and_once_else(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(True))
    calls: list[str] = []
    layers = [module for name, module in drive.prepared.model.encoder.named_modules() if name.endswith(("layer.0",))]
    (layer,) = layers
    plain = layer.forward._plain
    layer.forward._plain = lambda *given, **named: calls.append("x") or plain(*given, **named)
    step = drive.order()[0][1]
    drive.prepared.model.train()
    drive.passes().backward(step, budget=None)
    assert len(calls) == 2
    calls.clear()
    drive.prepared.model.eval()
    drive.passes().backward(step, budget=None)
    assert len(calls) == 1


def held_by_graph(model: torch.nn.Module, ids: torch.Tensor) -> int:
    """Bytes that a forward pass leaves behind."""
    mask = torch.ones_like(ids)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        kept = model(input_ids=ids, attention_mask=mask).last_hidden_state
    assert kept.requires_grad
    return sum(event.self_cpu_memory_usage for event in watched.key_averages())


@pytest.mark.parametrize("by_hand", [True, False])
def test_long_rows_hold_less(by_hand: bool) -> None:
    from polyhead.model.fast import speed_up

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=64, intermediate_size=256, num_hidden_layers=6, num_attention_heads=4
    )
    encoder = transformers.BertModel(config, add_pooling_layer=False).train()
    if by_hand:
        assert speed_up(encoder, encoder)
    ids = torch.randint(50, (2, 512))
    before = held_by_graph(encoder, ids)
    recompute_layers(encoder)
    after = held_by_graph(encoder, ids)
    states = 2 * 512 * 64 * 4
    assert after < before / 5, (before, after)
    assert after < 20 * states, "the input of each layer, and what the embeddings keep"


def test_an_encoder_without_a_list_of_layers_is_refused() -> None:
    config = transformers.AlbertConfig(
        vocab_size=50, embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=16
    )
    with pytest.raises(SettingsError, match=r"training\.checkpoint_activations: this encoder has no list of layers"):
        recompute_layers(transformers.AlbertModel(config))


def test_a_run_may_go_on_with_it(encoder_folders: dict[str, Path], write: Write, tmp_path: Path) -> None:
    """It changes no bit, so a run that took too much memory needs no --force for it."""
    data = write(RECORDS * 3, "train.jsonl")

    def train(name: str, twice: bool, **options: Any) -> polyhead.TrainedRun:
        wanted: dict[str, Any] = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32"}
        wanted |= {"epochs": 2, "batch_size": 6, "output": tmp_path / name, "checkpoint_activations": twice}
        return polyhead.train(data, **wanted, **options)

    whole = train("whole", False)
    with pytest.raises(TrainingStoppedError):
        train("broken", False, reporter=Breaker(step=3))
    assert weights_of(train("broken", True, resume=True)) == weights_of(whole)
