"""Layers run by hand: the states and gradients are those of transformers' own layers."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from polyhead.model.fast import speed_up
from polyhead.model.fast.layer import FastLayer
from polyhead.model.freezing import layers_of

SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
VOCABULARY = 50


def bert(**config: object) -> nn.Module:
    named = {"vocab_size": VOCABULARY, **SIZES, **config}
    return transformers.BertModel(transformers.BertConfig(**named), add_pooling_layer=False)


def roberta(**config: object) -> nn.Module:
    named = {"vocab_size": VOCABULARY, **SIZES, **config}
    return transformers.RobertaModel(transformers.RobertaConfig(**named), add_pooling_layer=False)


def electra(**config: object) -> nn.Module:
    named = {"vocab_size": VOCABULARY, "embedding_size": 16, **SIZES, **config}
    return transformers.ElectraModel(transformers.ElectraConfig(**named))


def distilbert(**config: object) -> nn.Module:
    rates = {"dropout": "hidden_dropout_prob", "attention_dropout": "attention_probs_dropout_prob"}
    named = {ours: config.pop(theirs) for ours, theirs in rates.items() if theirs in config}
    sizes = {"dim": 32, "hidden_dim": 48, "n_layers": 2, "n_heads": 4}
    settings = transformers.DistilBertConfig(vocab_size=VOCABULARY, **sizes, **named, **config)
    return transformers.DistilBertModel(settings)


Make = Callable[..., nn.Module]
FAMILIES = [bert, roberta, electra, distilbert]
WITHOUT_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def fast_and_plain(make: Make, **config: object) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    plain = make(**config).train()
    fast = copy.deepcopy(plain)
    assert speed_up(fast, fast)
    return fast, plain


def batch(rows: int, length: int, *, padding: bool) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(rows * 100 + length)
    ids = torch.randint(4, VOCABULARY, (rows, length), generator=generator)
    mask = torch.ones(rows, length, dtype=torch.long)
    if padding:
        lengths = torch.randint(1, length + 1, (rows,), generator=generator)
        mask = (torch.arange(length) < lengths[:, None]).long()
        ids = ids.masked_fill(mask == 0, 1)
    return ids, mask


def states_and_gradients(
    encoder: nn.Module, ids: Tensor, mask: Tensor, *, precision: torch.dtype = torch.float32
) -> tuple[Tensor, dict[str, Tensor]]:
    encoder.zero_grad(set_to_none=True)
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        states = encoder(input_ids=ids, attention_mask=mask).last_hidden_state.float()
    kept = states * mask[:, :, None]
    weights = torch.randn(kept.shape, generator=torch.Generator().manual_seed(1))
    (kept * weights).sum().backward()
    grads = {name: weight.grad for name, weight in encoder.named_parameters() if weight.grad is not None}
    return kept.detach(), grads


@pytest.mark.parametrize("make", FAMILIES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("padding", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_states_and_gradients_are_those_of_the_plain_layers(make: Make, padding: bool, attention: str) -> None:
    fast, plain = fast_and_plain(make, **WITHOUT_DROPOUT)
    for encoder in (fast, plain):
        encoder.set_attn_implementation(attention)
    ids, mask = batch(5, 7, padding=padding)
    states, grads = states_and_gradients(fast, ids, mask)
    expected, wanted = states_and_gradients(plain, ids, mask)
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-5)
    assert grads.keys() == wanted.keys()
    for name, grad in wanted.items():
        torch.testing.assert_close(
            grads[name], grad, rtol=1e-4, atol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


@given(rows=st.integers(1, 9), length=st.integers(1, 20), padding=st.booleans())
def test_any_shape_of_a_batch_is_taken(rows: int, length: int, padding: bool) -> None:
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    ids, mask = batch(rows, length, padding=padding)
    states, _ = states_and_gradients(fast, ids, mask)
    expected, _ = states_and_gradients(plain, ids, mask)
    torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("make", FAMILIES, ids=lambda make: make.__name__)
def test_in_bf16_it_is_as_near_to_fp32_as_the_plain_layers_are(make: Make) -> None:
    fast, plain = fast_and_plain(make, **WITHOUT_DROPOUT)
    ids, mask = batch(16, 12, padding=True)
    _, exact = states_and_gradients(plain, ids, mask)
    errors = []
    for encoder in (fast, plain):
        exact_now = {name: grad.clone() for name, grad in exact.items()}
        _, grads = states_and_gradients(encoder, ids, mask, precision=torch.bfloat16)
        far = [float((grads[name] - grad).norm()) for name, grad in exact_now.items()]
        errors.append(sum(far) / sum(float(grad.norm()) for grad in exact_now.values()))
    assert 0.0 < errors[0] < 1.5 * errors[1] < 0.1


def test_gradients_of_several_passes_add_up() -> None:
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    found = []
    for encoder in (fast, plain):
        for rows in (2, 3):
            ids, mask = batch(rows, 6, padding=False)
            encoder(input_ids=ids, attention_mask=mask).last_hidden_state.square().sum().backward()
        found.append({name: weight.grad for name, weight in encoder.named_parameters()})
    for name, grad in found[1].items():
        torch.testing.assert_close(found[0][name], grad, rtol=1e-4, atol=1e-4)


def test_two_passes_before_one_backward_keep_their_own_states() -> None:
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    found = []
    for encoder in (fast, plain):
        passes = [
            encoder(input_ids=ids, attention_mask=mask)
            for ids, mask in (batch(2, 6, padding=False), batch(4, 3, padding=True))
        ]
        sum(own.last_hidden_state.square().sum() for own in passes).backward()
        found.append({name: weight.grad for name, weight in encoder.named_parameters()})
    for name, grad in found[1].items():
        torch.testing.assert_close(found[0][name], grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fused", [True, False])
def test_a_step_of_the_optimiser_is_seen_by_the_next_pass(fused: bool) -> None:
    """Fused optimisers change weights without counting up their versions."""
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    ids, mask = batch(4, 6, padding=False)
    states = []
    for encoder in (fast, plain):
        optimizer = torch.optim.AdamW(encoder.parameters(), lr=0.01, fused=fused)
        for _ in range(3):
            states_and_gradients(encoder, ids, mask)
            optimizer.step()
        states.append(states_and_gradients(encoder, ids, mask)[0])
    torch.testing.assert_close(states[0], states[1], rtol=1e-3, atol=1e-3)


def test_frozen_layers_get_no_gradient_and_those_above_the_same() -> None:
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    ids, mask = batch(3, 5, padding=True)
    found = []
    for encoder in (fast, plain):
        encoder.embeddings.requires_grad_(False)
        layers_of(encoder)[0].requires_grad_(False)
        layers_of(encoder)[1].attention.self.key.weight.requires_grad_(False)
        found.append(states_and_gradients(encoder, ids, mask)[1])
    assert found[0].keys() == found[1].keys()
    for name, grad in found[1].items():
        torch.testing.assert_close(found[0][name], grad, rtol=1e-4, atol=1e-4)


def test_in_evaluation_the_states_are_the_plain_layers_to_the_bit() -> None:
    fast, plain = fast_and_plain(bert)
    ids, mask = batch(4, 9, padding=True)
    with torch.inference_mode():
        found = [encoder.eval()(input_ids=ids, attention_mask=mask).last_hidden_state for encoder in (fast, plain)]
    assert torch.equal(found[0], found[1])


def test_all_layers_states_are_seen_where_a_head_mixes_them() -> None:
    fast, plain = fast_and_plain(bert, **WITHOUT_DROPOUT)
    ids, mask = batch(2, 5, padding=False)
    own, expected = (
        encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states
        for encoder in (fast, plain)
    )
    assert len(own) == len(expected) == 3
    for one, other in zip(own, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_dropout_drops_the_share_that_it_is_told_and_follows_the_seed() -> None:
    fast, _ = fast_and_plain(bert)
    ids, mask = batch(4, 8, padding=False)

    def states() -> Tensor:
        torch.manual_seed(3)
        found: Tensor = fast(input_ids=ids, attention_mask=mask).last_hidden_state
        return found

    one, same = states(), states()
    other = fast(input_ids=ids, attention_mask=mask).last_hidden_state
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_mean_over_dropout_is_the_state_without_it() -> None:
    """Of one layer, whose dropout before the norm is the last: the mean of many draws comes near the plain state."""
    fast, plain = fast_and_plain(bert, num_hidden_layers=1, hidden_dropout_prob=0.05, attention_probs_dropout_prob=0.05)
    ids, mask = batch(2, 6, padding=False)
    torch.manual_seed(0)
    drawn = torch.stack([fast(input_ids=ids, attention_mask=mask).last_hidden_state.detach() for _ in range(400)])
    dropped = torch.stack([plain(input_ids=ids, attention_mask=mask).last_hidden_state.detach() for _ in range(400)])
    spread = float(dropped.std(0).mean()) / 20
    assert float((drawn.mean(0) - dropped.mean(0)).abs().mean()) < 4 * spread
    assert float(drawn.std(0).mean()) == pytest.approx(float(dropped.std(0).mean()), rel=0.1)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda layer: setattr(layer.output, "dense", nn.Sequential(layer.output.dense)), id="adapter"),
        pytest.param(lambda layer: setattr(layer.intermediate, "intermediate_act_fn", nn.ReLU()), id="activation"),
        pytest.param(lambda layer: setattr(layer.output, "LayerNorm", nn.Identity()), id="norm"),
    ],
)
def test_layers_that_are_not_what_they_seem_are_left_alone(change: Callable[[nn.Module], None]) -> None:
    encoder = bert()
    change(layers_of(encoder)[1])
    assert not speed_up(encoder, encoder)
    assert not any(isinstance(layer.forward, FastLayer) for layer in layers_of(encoder))


def test_encoders_of_other_sorts_keep_their_layers() -> None:
    encoder = transformers.DebertaV2Model(transformers.DebertaV2Config(vocab_size=VOCABULARY, **SIZES))
    assert not speed_up(encoder, encoder)


def test_the_names_of_the_weights_stay() -> None:
    fast, plain = fast_and_plain(bert)
    assert list(fast.state_dict()) == list(plain.state_dict())
