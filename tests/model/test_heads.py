"""Heads: what they read, how wide they are, what they are called."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

import polyhead
from polyhead import Predictor
from polyhead.model import MultiTaskModel, load_pretrained
from polyhead.tasks import HeadSpec

HIDDEN = 6
HEADS = {"topic": HeadSpec(reads="sentence", width=3), "slots": HeadSpec(reads="token", width=5)}


class PassThrough(nn.Module):
    """An encoder whose states are what the test says."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_size=HIDDEN)
        self.states = torch.zeros(0)
        self.passes = 0

    def forward(self, *, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        self.passes += 1
        return SimpleNamespace(last_hidden_state=self.states)


@pytest.fixture
def model() -> MultiTaskModel:
    torch.manual_seed(0)
    return MultiTaskModel(encoder=PassThrough(), heads=HEADS).eval()


def logits_of(model: MultiTaskModel, states: Tensor, tasks: list[str] | None = None) -> dict[str, Tensor]:
    model.encoder.states = states
    ids = torch.ones(states.shape[:2], dtype=torch.long)
    with torch.inference_mode():
        return model(ids, ids, tasks)


def test_shapes(model: MultiTaskModel) -> None:
    logits = logits_of(model, torch.randn(2, 4, HIDDEN))
    assert logits["topic"].shape == (2, 3)
    assert logits["slots"].shape == (2, 4, 5)


def test_sentence_head_reads_the_first_state_and_no_other(model: MultiTaskModel) -> None:
    states = torch.randn(2, 4, HIDDEN)
    before = logits_of(model, states)["topic"]
    elsewhere = states.clone()
    elsewhere[:, 1:] += 1.0
    assert torch.equal(logits_of(model, elsewhere)["topic"], before)
    first = states.clone()
    first[:, 0] += 1.0
    assert not torch.allclose(logits_of(model, first)["topic"], before)
    head = model.heads["topic_head"].linear
    assert torch.allclose(before, states[:, 0] @ head.weight.T + head.bias, atol=1e-6)


@pytest.mark.parametrize("position", range(4))
def test_token_head_reads_each_state_for_itself(model: MultiTaskModel, position: int) -> None:
    states = torch.randn(2, 4, HIDDEN)
    before = logits_of(model, states)["slots"]
    changed = states.clone()
    changed[:, position] += 1.0
    after = logits_of(model, changed)["slots"]
    same = [at for at in range(4) if torch.equal(before[:, at], after[:, at])]
    assert same == [at for at in range(4) if at != position]


def test_one_encoder_pass_serves_all_heads(model: MultiTaskModel) -> None:
    logits_of(model, torch.randn(1, 2, HIDDEN))
    assert model.encoder.passes == 1


def test_only_the_tasks_asked_for_are_answered(model: MultiTaskModel) -> None:
    assert list(logits_of(model, torch.randn(1, 2, HIDDEN), ["slots"])) == ["slots"]


def test_padding_does_not_change_logits(any_encoder: Path) -> None:
    torch.manual_seed(0)
    encoder = load_pretrained(str(any_encoder))
    model = MultiTaskModel(encoder=encoder.encoder, heads=HEADS).eval()
    ids = torch.randint(5, 60, (2, 11))
    padded = torch.full((2, 19), encoder.pad_id)
    padded[:, :11] = ids
    mask = torch.zeros(2, 19, dtype=torch.long)
    mask[:, :11] = 1
    with torch.inference_mode():
        bare, filled = model(ids, torch.ones_like(ids)), model(padded, mask)
        unmasked = model(padded, torch.ones_like(padded))
    torch.testing.assert_close(filled["topic"], bare["topic"], atol=1e-4, rtol=0)
    torch.testing.assert_close(filled["slots"][:, :11], bare["slots"], atol=1e-4, rtol=0)
    assert not torch.allclose(unmasked["slots"][:, :11], bare["slots"], atol=1e-5), "the mask must matter"


@pytest.mark.parametrize("names", [("type", "train"), ("eval", "forward"), ("encoder", "heads"), ("a-b", "x_head")])
def test_a_task_may_be_called_like_a_part_of_a_module(
    names: tuple[str, str], encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path
) -> None:
    tasks = {
        names[0]: {"kind": "single_label", "field": "label"},
        names[1]: {"kind": "tagging", "field": "ner_tags"},
    }
    encoder = str(encoder_folders["distilbert"])
    run = polyhead.train(small_data, dev=small_data, encoder=encoder, output=tmp_path / "run", epochs=1, tasks=tasks)
    (answer,) = Predictor.load(run.folder)(["John lives in Berlin."])
    assert list(answer.to_json()) == ["text", *names]
