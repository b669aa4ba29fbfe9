"""A table without the rows that cannot come: the same bits as the whole one, after any steps."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from polyhead.model.fast import CutTable, cut_table

VOCABULARY, WIDTH = 3000, 8
USED = torch.tensor([0, 2, 3, 5, 8, 13, 21, 34, 55, 89, 2999])


def encoder(**config: Any) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"hidden_size": WIDTH, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    settings = transformers.BertConfig(**{"vocab_size": VOCABULARY, **sizes, **config})
    return transformers.BertModel(settings, add_pooling_layer=False).train()


def optimizer_of(module: nn.Module, **settings: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(module.parameters(), **{"lr": 0.01, "weight_decay": 0.1, "fused": True, **settings})


def take_steps(module: nn.Module, optimizer: torch.optim.Optimizer, *, steps: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for step in range(steps):
        ids = USED[torch.randint(len(USED), (4, 6), generator=generator)]
        optimizer.param_groups[0]["lr"] = 0.01 / (step + 1)
        optimizer.zero_grad(set_to_none=True)
        module(ids).square().sum().backward()
        optimizer.step()


def cut_and_whole(padding: int | None = 0) -> tuple[CutTable, nn.Embedding]:
    torch.manual_seed(0)
    whole = nn.Embedding(VOCABULARY, WIDTH, padding_idx=padding)
    nn.init.normal_(whole.weight)  # padding, too: only its gradient must be none
    return CutTable(copy.deepcopy(whole), USED), whole


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("padding", [0, None, 1], ids=["padding used", "no padding", "padding never comes"])
def test_after_many_steps_the_whole_table_is_the_same_to_the_bit(decay: float, padding: int | None) -> None:
    cut, whole = cut_and_whole(padding)
    own, other = optimizer_of(cut, weight_decay=decay), optimizer_of(whole, weight_decay=decay)
    cut.follow(own)
    for seed in range(3):  # the whole table is asked for in between, as after each epoch
        take_steps(cut, own, steps=7, seed=seed)
        take_steps(whole, other, steps=7, seed=seed)
        assert torch.equal(cut.state_dict()["weight"], whole.weight)
    assert cut.weight.shape == (len(USED), WIDTH)


def test_a_step_without_a_gradient_decays_nothing() -> None:
    cut, whole = cut_and_whole()
    own, other = optimizer_of(cut), optimizer_of(whole)
    cut.follow(own)
    own.step()
    other.step()
    assert torch.equal(cut.state_dict()["weight"], whole.weight)


def test_in_evaluation_every_piece_is_there() -> None:
    cut, whole = cut_and_whole()
    own, other = optimizer_of(cut), optimizer_of(whole)
    cut.follow(own)
    take_steps(cut, own, steps=3)
    take_steps(whole, other, steps=3)
    ids = torch.arange(VOCABULARY).view(10, -1)
    assert torch.equal(cut.eval()(ids), whole(ids))
    take_steps(cut.train(), own, steps=2)
    take_steps(whole, other, steps=2)
    assert torch.equal(cut.eval()(ids), whole(ids))


@given(rows=st.sets(st.integers(0, 99), min_size=1, max_size=60), seed=st.integers(0, 99))
def test_any_rows_give_the_same_states_and_gradients(rows: set[int], seed: int) -> None:
    torch.manual_seed(seed)
    whole = nn.Embedding(100, 4)
    cut = CutTable(copy.deepcopy(whole), torch.tensor(sorted(rows)))
    ids = torch.tensor(sorted(rows))[torch.randint(len(rows), (3, 5))]
    found = []
    for table in (cut, whole):
        states = table(ids)
        states.square().sum().backward()
        found.append(states)
    assert torch.equal(found[0], found[1])
    assert torch.equal(cut.weight.grad, whole.weight.grad[sorted(rows)])  # type: ignore[index,arg-type]


def test_loading_weights_takes_all_of_them_and_forgets_what_was_owed() -> None:
    cut, _ = cut_and_whole()
    own = optimizer_of(cut)
    cut.follow(own)
    take_steps(cut, own, steps=2)
    wanted = torch.randn(VOCABULARY, WIDTH)
    cut.load_state_dict({"weight": wanted})
    assert torch.equal(cut.state_dict()["weight"], wanted)
    assert torch.equal(cut.weight, wanted[USED])


def test_an_optimiser_whose_state_was_loaded_is_still_followed() -> None:
    """Loading puts other groups in the place of those that there were."""
    cut, whole = cut_and_whole()
    own, other = optimizer_of(cut), optimizer_of(whole)
    cut.follow(own)
    for optimizer in (own, other):
        optimizer.load_state_dict(optimizer.state_dict())
    take_steps(cut, own, steps=3)
    take_steps(whole, other, steps=3)
    assert torch.equal(cut.state_dict()["weight"], whole.weight)


def test_an_encoder_keeps_its_names_and_shapes() -> None:
    before = {name: tuple(weight.shape) for name, weight in encoder().state_dict().items()}
    cut = encoder()
    table = cut_table(cut, USED)
    assert table is cut.get_input_embeddings()
    assert {name: tuple(weight.shape) for name, weight in cut.state_dict().items()} == before
    assert sum(weight.numel() for weight in cut.parameters()) < sum(weight.numel() for weight in encoder().parameters())


def frozen(encoder: nn.Module) -> None:
    encoder.embeddings.requires_grad_(False)


def tied(encoder: nn.Module) -> None:
    encoder.register_parameter("second", encoder.embeddings.word_embeddings.weight)


@pytest.mark.parametrize("change", [frozen, tied], ids=["frozen", "read by something else, too"])
def test_a_table_that_is_needed_whole_is_left_alone(change: Any) -> None:
    own = encoder()
    change(own)
    assert cut_table(own, USED) is None
    assert type(own.get_input_embeddings()) is nn.Embedding


def test_a_table_of_which_most_is_used_is_left_alone() -> None:
    assert cut_table(encoder(vocab_size=20), torch.arange(17)) is None
