"""Layers run by hand with adapters beside their linear layers: states and gradients are those of PEFT's own layers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from polyhead.bundle.adapters import AdapterState
from polyhead.model.adapters import Adapters, inject, key_of
from polyhead.model.fast import speed_up
from polyhead.model.targets import choose_targets
from tests.model.fast.test_layers import FAMILIES, WITHOUT_DROPOUT, Make, batch, states_and_gradients

KEYS = ("adapter_0", "adapter_1")


def adapted(make: Make, wanted: str, *, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    encoder = make(**WITHOUT_DROPOUT).train()
    targets = choose_targets(encoder, wanted)
    states = [AdapterState(key=key, tasks=(key,), rank=3, alpha=5.0, targets=targets) for key in KEYS]
    inject(encoder, states, dropout=dropout)
    for name, weight in encoder.named_parameters():
        if key_of(name):
            nn.init.normal_(weight, std=0.3)
    return encoder


@pytest.mark.parametrize("make", FAMILIES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("wanted", ["attention", "all"])
@pytest.mark.parametrize("key", [*KEYS, None])
def test_states_and_gradients_are_those_of_the_plain_layers(make: Make, wanted: str, key: str | None) -> None:
    plain = adapted(make, wanted)
    fast = copy.deepcopy(plain)
    assert speed_up(fast, fast)
    ids, mask = batch(5, 7, padding=True)
    if key is None:
        plain.get_input_embeddings().requires_grad_(True)  # something must learn
        fast.get_input_embeddings().requires_grad_(True)
    found = []
    for encoder in (fast, plain):
        Adapters(encoder, ()).use(key)
        found.append(states_and_gradients(encoder, ids, mask))
    (states, grads), (expected, wanted_grads) = found
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=2e-5)
    assert grads.keys() == wanted_grads.keys()
    assert {key_of(name) for name in grads if "lora" in name} == ({key} if key else set())
    for name, grad in wanted_grads.items():
        torch.testing.assert_close(grads[name], grad, rtol=1e-3, atol=1e-3 * float(grad.abs().max()))


def test_passes_with_several_adapters_go_backward_together() -> None:
    plain = adapted(FAMILIES[0], "attention")
    fast = copy.deepcopy(plain)
    assert speed_up(fast, fast)
    ids, mask = batch(4, 6, padding=False)
    found = []
    for encoder in (fast, plain):
        switch, total = Adapters(encoder, ()), torch.zeros(())
        for at, key in enumerate((*KEYS, KEYS[0])):
            switch.use(key)
            total = total + (at + 1) * encoder(input_ids=ids, attention_mask=mask).last_hidden_state.pow(3).mean()
        total.backward()
        found.append({name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None})
    assert {key_of(name) for name in found[1]} == set(KEYS)
    for name, grad in found[1].items():
        torch.testing.assert_close(found[0][name], grad, rtol=1e-4, atol=1e-5)


def test_in_bf16_it_is_as_near_to_fp32_as_the_plain_layers_are() -> None:
    plain = adapted(FAMILIES[0], "attention")
    fast = copy.deepcopy(plain)
    assert speed_up(fast, fast)
    ids, mask = batch(16, 12, padding=True)
    errors = []
    for encoder in (fast, plain):
        Adapters(encoder, ()).use(KEYS[0])
        _, exact = states_and_gradients(encoder, ids, mask)
        exact = {name: grad.clone() for name, grad in exact.items()}
        _, grads = states_and_gradients(encoder, ids, mask, precision=torch.bfloat16)
        far = sum(float((grads[name] - grad).norm()) for name, grad in exact.items())
        errors.append(far / sum(float(grad.norm()) for grad in exact.values()))
    assert 0.0 < errors[0] < 1.5 * errors[1] < 0.1


def test_with_dropout_before_adapters_layers_are_left_to_themselves() -> None:
    encoder = adapted(FAMILIES[0], "attention", dropout=0.1)
    assert not speed_up(encoder, encoder)
