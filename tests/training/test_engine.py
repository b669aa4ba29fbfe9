"""Which weights learn, and at which rates."""

from __future__ import annotations

import copy
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from polyhead.labels import LabelSet
from polyhead.model import MultiTaskModel, load_pretrained
from polyhead.model.freezing import free_layers, freeze
from polyhead.settings import TrainingSettings
from polyhead.tasks import SingleLabel, Tagging
from polyhead.training.engine import Engine, make_accelerator, make_engine
from polyhead.training.loop import set_training
from polyhead.training.plan import Plan

HEADS = {
    "topic": SingleLabel(
        "topic", "label", 1.0, SingleLabel.Options(hidden=8, layers="mix"), LabelSet(("a", "b"))
    ).head(),
    "ner": Tagging("ner", "tags", 1.0, Tagging.Options(decoder="crf"), LabelSet(("LOC",))).head(),
}
PLAN = Plan(batch_size=4, lr=1e-3, head_lr=1e-2, steps_per_epoch=5, steps=10, warmup_steps=0)


@pytest.fixture
def model(any_encoder: Path) -> MultiTaskModel:
    return MultiTaskModel(encoder=load_pretrained(str(any_encoder)).encoder, heads=HEADS)


def engine_of(model: MultiTaskModel, **settings: object) -> Engine:
    training = TrainingSettings(**{"weight_decay": 0.1, **settings})
    return make_engine(model, make_accelerator("fp32"), settings=training, plan=PLAN)


def depth_of(name: str) -> str:
    """Where in the model a weight stands, by its name."""
    if name.startswith("heads."):
        return "heads"
    layer = re.search(r"\.layer\.(\d)\.", name)
    if layer:
        return f"layer {layer[1]}"
    return "embeddings" if name.startswith("encoder.embeddings.") else "rest"


def rates_of(model: MultiTaskModel, engine: Engine) -> dict[str, set[float]]:
    """The rates at each depth."""
    by_weight = {id(weight): group["lr"] for group in engine.optimizer.param_groups for weight in group["params"]}
    rates: dict[str, set[float]] = {}
    for name, weight in model.named_parameters():
        if id(weight) in by_weight:
            rates.setdefault(depth_of(name), set()).add(by_weight[id(weight)])
    rates.pop("rest", None)  # of DeBERTa: the table of relative positions, and its norm
    return rates


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_every_weight_learns_once(model: MultiTaskModel, layer_decay: float) -> None:
    engine = engine_of(model, layer_decay=layer_decay)
    learnt = Counter(id(weight) for group in engine.optimizer.param_groups for weight in group["params"])
    assert learnt == Counter(id(weight) for weight in model.parameters())
    assert Counter(map(id, engine.trained)) == learnt


def test_encoder_and_heads_have_a_rate_each(model: MultiTaskModel) -> None:
    rates = rates_of(model, engine_of(model))
    assert rates == {"embeddings": {1e-3}, "layer 0": {1e-3}, "layer 1": {1e-3}, "heads": {1e-2}}


def test_rates_fall_from_layer_to_layer_down_to_the_embeddings(model: MultiTaskModel) -> None:
    rates = rates_of(model, engine_of(model, layer_decay=0.5))
    assert rates == {"heads": {1e-2}, "layer 1": {1e-3}, "layer 0": {5e-4}, "embeddings": {2.5e-4}}


def test_what_stands_in_no_layer_learns_at_the_rate_of_the_top(encoder_folders: dict[str, Path]) -> None:
    model = MultiTaskModel(encoder=load_pretrained(str(encoder_folders["deberta"])).encoder, heads=HEADS)
    groups = engine_of(model, layer_decay=0.5).optimizer.param_groups
    positions = model.encoder.get_parameter("encoder.rel_embeddings.weight")
    (rate,) = {group["lr"] for group in groups for weight in group["params"] if weight is positions}
    assert rate == 1e-3


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
def test_biases_and_norms_do_not_decay(model: MultiTaskModel, layer_decay: float) -> None:
    engine = engine_of(model, layer_decay=layer_decay)
    decay = {id(weight): group["weight_decay"] for group in engine.optimizer.param_groups for weight in group["params"]}
    for name, weight in model.named_parameters():
        assert decay[id(weight)] == (0.1 if weight.ndim > 1 else 0.0), name


def test_the_rate_that_is_told_is_the_encoders_highest(model: MultiTaskModel) -> None:
    assert engine_of(model, layer_decay=0.5).schedule.get_last_lr()[0] == 1e-3


@pytest.mark.parametrize("layer_decay", [1.0, 0.5])
@pytest.mark.parametrize("what", ["encoder", "embeddings", 1])
def test_what_is_frozen_is_not_in_the_optimiser(model: MultiTaskModel, what: str | int, layer_decay: float) -> None:
    freeze(model.encoder, what)
    rates = rates_of(model, engine_of(model, layer_decay=layer_decay))
    frozen = {
        "encoder": {"embeddings", "layer 0", "layer 1"},
        "embeddings": {"embeddings"},
        1: {"embeddings", "layer 0"},
    }
    assert rates.keys() == {"heads", "layer 0", "layer 1", "embeddings"} - frozen[what]
    if what != "encoder":
        assert rates["layer 1"] == {1e-3}, "the rates of what learns do not depend on what does not"


@pytest.mark.parametrize(
    ("count", "learning"),
    [
        (0, set()),
        (1, {"layer 1"}),
        (2, {"layer 1", "layer 0", "embeddings"}),
        (7, {"layer 1", "layer 0", "embeddings"}),
    ],
)
def test_layers_are_freed_from_the_top_and_the_embeddings_with_the_last(
    model: MultiTaskModel, count: int, learning: set[str]
) -> None:
    free_layers(model.encoder, count)
    found = {depth_of(name): weight.requires_grad for name, weight in model.named_parameters()}
    found.pop("rest", None)
    assert {depth for depth, learns in found.items() if learns} == learning | {"heads"}
    for name, weight in model.named_parameters():
        if depth_of(name) != "rest":
            assert weight.requires_grad is found[depth_of(name)], name


def test_an_encoder_that_does_not_learn_does_not_drop_states(model: MultiTaskModel) -> None:
    free_layers(model.encoder, 0)
    set_training(model)
    assert not any(module.training for module in model.encoder.modules())
    assert all(module.training for module in model.heads.modules())
    free_layers(model.encoder, 1)
    set_training(model)
    assert all(module.training for module in model.modules())


def test_weights_without_a_gradient_stay_as_they_are(model: MultiTaskModel) -> None:
    """Also at the hands of weight decay: so a layer that is not freed yet, or a head that has stopped, is kept."""
    engine = engine_of(model, layer_decay=0.5)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    free_layers(model.encoder, 1)
    model.head("ner").requires_grad_(False)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight) if weight.requires_grad else None
    engine.optimizer.step()
    changed = {depth_of(name) for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed - {"rest"} == {"layer 1", "heads"}
    assert all(
        torch.equal(weight, before[f"heads.ner_head.{name}"]) for name, weight in model.head("ner").named_parameters()
    )


@pytest.mark.parametrize("size", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("fused", [True, False])
def test_clipping_on_the_way_is_clipping(model: MultiTaskModel, size: float, fused: bool) -> None:
    """The optimiser divides gradients as it reads them; the weights become those that clipping first gives."""
    torch.manual_seed(0)
    engine = engine_of(model)
    if not fused:
        own = engine.optimizer.optimizer  # type: ignore[attr-defined]
        own.defaults["fused"] = False
        for group in own.param_groups:
            group["fused"] = False
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    grads = {name: size * torch.randn_like(weight) for name, weight in weights.items()}
    other = copy.deepcopy(model)
    reference = engine_of(other)
    for own_model in (model, other):
        for name, weight in own_model.named_parameters():
            weight.grad = grads[name].clone()
    for _ in range(3):
        expected = float(torch.nn.utils.clip_grad_norm_(reference.trained, 1.0))
        assert engine.clip(1.0) == pytest.approx(expected, rel=1e-5)
        engine.optimizer.step()
        reference.optimizer.step()
        for name, weight in other.named_parameters():
            torch.testing.assert_close(weights[name], weight, rtol=1e-5, atol=1e-7)
            weights[name].grad = grads[name].clone()
            weight.grad = grads[name].clone()
