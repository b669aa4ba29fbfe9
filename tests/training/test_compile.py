"""Compiled layers give what the plain ones give, for rows of any number and length, with few compilations."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch._dynamo.utils import counters

import polyhead
from polyhead.errors import SettingsError, TrainingStoppedError
from polyhead.model.compiling import check_compiler, compile_layers
from polyhead.model.fast import speed_up
from polyhead.model.recomputing import recompute_layers
from tests.conftest import RECORDS
from tests.training.conftest import Fitted, Listener
from tests.training.test_resume import Breaker, weights_of

Write = Callable[..., Path]

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")

LENGTHS = ((4, 9), (7, 12), (3, 30), (9, 9), (1, 9), (2, 2))
NARROW = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 2}
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def tiny(kind: str) -> torch.nn.Module:
    """Three layers without dropout, whose random numbers compiled layers draw otherwise."""
    torch.manual_seed(0)
    if kind == "distilbert":
        sizes = {"dim": 32, "hidden_dim": 64, "n_layers": 3, "n_heads": 2, "dropout": 0.0, "attention_dropout": 0.0}
        return transformers.DistilBertModel(transformers.DistilBertConfig(vocab_size=100, **sizes)).train()
    config, model = {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
    }[kind]
    return model(config(vocab_size=100, **NARROW, **STILL), add_pooling_layer=False).train()


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches with and without padding."""
    found = []
    for rows, length in LENGTHS:
        whole = torch.ones(rows, length, dtype=torch.long)
        padded = whole.clone()
        padded[0, length // 2 :] = 0
        found += [(torch.randint(5, 100, (rows, length)), mask) for mask in (whole, padded)]
    return found


def run(model: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model.zero_grad()
    states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    (states * torch.linspace(-1, 1, states.shape[-1])).mean().backward()
    return states.detach(), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    ("kind", "twice"), [("bert", False), ("bert", True), ("distilbert", False), ("roberta", False)]
)
def test_states_and_gradients_are_the_same_with_few_compilations(kind: str, twice: bool) -> None:
    torch._dynamo.reset()
    counters.clear()
    compiled = tiny(kind)
    plain = copy.deepcopy(compiled)
    compile_layers(compiled)
    if twice:
        recompute_layers(compiled)
    for ids, mask in batches():
        (states, grads), (own_states, own_grads) = run(plain, ids, mask), run(compiled, ids, mask)
        torch.testing.assert_close(own_states, states, rtol=1e-5, atol=1e-5)
        assert len(grads) == len(own_grads)
        for grad, own in zip(grads, own_grads, strict=True):
            torch.testing.assert_close(own, grad, rtol=1e-4, atol=1e-6)
    assert 1 <= counters["stats"]["unique_graphs"] <= 4, "all layers share those of a batch and of a single row"
    assert compiled.state_dict().keys() == plain.state_dict().keys()


@pytest.mark.slow
@needs_compiler
def test_evaluation_goes_by_the_plain_layers() -> None:
    torch._dynamo.reset()
    counters.clear()
    compiled = tiny("bert").eval()
    plain = copy.deepcopy(compiled)
    compile_layers(compiled)
    ids, mask = batches()[1]
    wanted = plain(input_ids=ids, attention_mask=mask).last_hidden_state
    assert torch.equal(compiled(input_ids=ids, attention_mask=mask).last_hidden_state, wanted)
    assert counters["stats"]["unique_graphs"] == 0


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("training", [{}, {"precision": "bf16", "freeze": 1, "checkpoint_activations": True}])
def test_a_run_trains_saves_and_goes_on(
    encoder_folders: dict[str, Path], write: Write, tmp_path: Path, training: dict[str, Any]
) -> None:
    torch._dynamo.reset()
    data = write(RECORDS * 3, "train.jsonl")

    def train(name: str, **options: Any) -> polyhead.TrainedRun:
        wanted: dict[str, Any] = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp32"}
        wanted |= {"epochs": 3, "batch_size": 6, "output": tmp_path / name, "compile": True, **training}
        return polyhead.train(data, **{**wanted, **options})

    listener = Listener()
    whole = train("whole", reporter=listener)
    assert any(topic == "compile" for topic, _ in listener.lines)
    plain = train("plain", compile=False)
    for step, other in zip(Fitted(whole).steps, Fitted(plain).steps, strict=True):  # but for dropout
        assert step["losses"] == pytest.approx(other["losses"], rel=0.2)
    with pytest.raises(TrainingStoppedError):
        train("broken", reporter=Breaker(step=5))
    assert weights_of(train("broken", resume=True)) == weights_of(whole)
    assert polyhead.Predictor.load(whole.folder)(["John lives in Berlin."])


@pytest.mark.slow
@needs_compiler
def test_it_may_be_tried() -> None:
    check_compiler(torch.device("cpu"))


def test_without_a_compiler_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    torch._dynamo.reset()
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/g++",))
    monkeypatch.setattr("torch._inductor.config.force_disable_caches", True)
    with pytest.raises(SettingsError, match=r"training\.compile: nothing can be compiled for cpu, which takes a C\+\+"):
        check_compiler(torch.device("cpu"))
    torch._dynamo.reset()


def test_layers_that_are_run_by_hand_are_not_compiled() -> None:
    """`speed_up` is for those that are not; their masks come from numpy, which cannot be traced."""
    encoder = tiny("bert")
    compile_layers(encoder)
    assert {type(layer.forward).__name__ for layer in encoder.encoder.layer} == {"_Compiled"}
    other = tiny("bert")
    assert speed_up(other, other)
    assert {type(layer.forward).__name__ for layer in other.encoder.layer} == {"FastLayer"}


def test_an_encoder_without_a_list_of_layers_is_refused() -> None:
    config = transformers.AlbertConfig(
        vocab_size=50, embedding_size=8, hidden_size=16, num_attention_heads=2, intermediate_size=16
    )
    with pytest.raises(SettingsError, match=r"training\.compile: this encoder has no list of layers to compile"):
        compile_layers(transformers.AlbertModel(config))
