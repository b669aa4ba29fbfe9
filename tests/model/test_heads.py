"""Heads: what they read, how wide they are, what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import polyhead
from polyhead import Predictor
from polyhead.model import MultiTaskModel, load_pretrained
from polyhead.model.heads import Head
from polyhead.model.objectives import TargetTensors
from polyhead.tasks import Constraints, HeadSpec
from tests.model.encoders import HIDDEN, LAYERS, PassThrough, states_of

HEADS = {"topic": HeadSpec(reads="sentence", width=3), "slots": HeadSpec(reads="token", width=5)}
FREE = Constraints((True,) * 4, ((True,) * 4,) * 4)
ALL_HEADS = {
    "first": HeadSpec(reads="sentence", width=3),
    "mean": HeadSpec(reads="sentence", width=3, pooling="mean", class_weights=(1.0, 2.0, 3.0), smoothing=0.1),
    "attention": HeadSpec(reads="sentence", width=3, pooling="attention", layers="mix"),
    "labels": HeadSpec(reads="sentence", width=2, objective="binary_cross_entropy", target=(2,), hidden=7, bias=-1.0),
    "number": HeadSpec(reads="sentence", width=1, objective="squared_error", is_number=True, layers="mix"),
    "slots": HeadSpec(reads="token", width=5, hidden=4, layers="mix"),
    "chain": HeadSpec(reads="token", width=4, objective="crf", constraints=FREE),
    "stretches": HeadSpec(
        reads="span", width=6, objective="binary_cross_entropy", target=(3, 2), span_pieces=3, hidden=5
    ),
}
VALUES: dict[str, Any] = {
    "first": [0, 2],
    "mean": [1, 0],
    "attention": [2, 1],
    "labels": [[1, 0], [0, 1]],
    "number": [0.5, -1.0],
    "slots": [[-100, 1, 4, 2, -100], [-100, 0, 3, -100, -100]],
    "chain": [[-100, 1, 3, 2, -100], [-100, 0, 3, -100, -100]],
    "stretches": [[[[piece % 2, 0], [0, 1], [-100, -100]] for piece in range(5)]] * 2,
}


@pytest.fixture
def model() -> MultiTaskModel:
    torch.manual_seed(0)
    return MultiTaskModel(encoder=PassThrough(), heads=HEADS).eval()


def logits_of(
    model: MultiTaskModel, states: Tensor | list[Tensor], tasks: list[str] | None = None, mask: Tensor | None = None
) -> dict[str, Tensor]:
    model.encoder.states = [states] * LAYERS if isinstance(states, Tensor) else states
    ids = torch.ones(model.encoder.states[0].shape[:2], dtype=torch.long)
    with torch.no_grad():
        return model(ids, ids if mask is None else mask, tasks=tasks)


def head_of(**changes: Any) -> Head:
    torch.manual_seed(0)
    spec = HeadSpec(**{"reads": "sentence", "width": 3, **changes})
    return Head(spec, width=HIDDEN, layers=LAYERS, dropout=0.1).eval()


def mask_of(*lengths: int) -> Tensor:
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


def targets_of(values: dict[str, Any]) -> dict[str, TargetTensors]:
    begins = torch.zeros(2, dtype=torch.bool)
    return {name: TargetTensors(torch.tensor(value), None, torch.ones(2), begins) for name, value in values.items()}


def moved(states: Tensor, position: int) -> Tensor:
    """The states, other at one position."""
    other = states.clone()
    other[:, position] += torch.randn(HIDDEN, generator=torch.Generator().manual_seed(9))
    return other


def test_shapes() -> None:
    model = MultiTaskModel(encoder=PassThrough(), heads=ALL_HEADS).eval()
    shapes = {name: tuple(logits.shape) for name, logits in logits_of(model, states_of(2, 5)).items()}
    assert shapes == {
        name: (2, 5, spec.width) if spec.reads != "sentence" else (2, spec.width) for name, spec in ALL_HEADS.items()
    }


def test_sentence_head_reads_the_first_state_and_no_other(model: MultiTaskModel) -> None:
    states = torch.randn(2, 4, HIDDEN)
    before = logits_of(model, states)["topic"]
    elsewhere = states.clone()
    elsewhere[:, 1:] += 1.0
    assert torch.equal(logits_of(model, elsewhere)["topic"], before)
    first = states.clone()
    first[:, 0] += 1.0
    assert not torch.allclose(logits_of(model, first)["topic"], before)
    head = model.head("topic").linear
    assert torch.allclose(before, states[:, 0] @ head.weight.T + head.bias, atol=1e-6)


@pytest.mark.parametrize("position", range(4))
def test_token_head_reads_each_state_for_itself(model: MultiTaskModel, position: int) -> None:
    states = torch.randn(2, 4, HIDDEN)
    before = logits_of(model, states)["slots"]
    after = logits_of(model, moved(states, position))["slots"]
    same = [at for at in range(4) if torch.equal(before[:, at], after[:, at])]
    assert same == [at for at in range(4) if at != position]


def test_one_encoder_pass_serves_all_heads() -> None:
    model = MultiTaskModel(encoder=PassThrough(), heads=ALL_HEADS)
    logits_of(model, states_of(1, 4))
    assert model.encoder.passes == 1


def test_only_the_tasks_asked_for_are_answered(model: MultiTaskModel) -> None:
    assert list(logits_of(model, torch.randn(1, 2, HIDDEN), ["slots"])) == ["slots"]
    assert list(logits_of(model, torch.randn(1, 2, HIDDEN))) == ["topic", "slots"]
    assert logits_of(model, torch.randn(1, 2, HIDDEN), []) == {}


def test_heads_read_the_last_layer(model: MultiTaskModel) -> None:
    states = states_of(2, 4)
    wanted = logits_of(model, states[-1])
    assert not model.encoder.given["output_hidden_states"], "that would cost memory"
    found = logits_of(model, states)
    assert torch.equal(found["topic"], wanted["topic"])
    assert torch.equal(found["slots"], wanted["slots"])


@pytest.mark.parametrize(("pooling", "names"), [("cls", []), ("mean", []), ("attention", ["weight", "bias"])])
def test_weights_of_poolings(pooling: str, names: list[str]) -> None:
    assert list(head_of(pooling=pooling).pool.state_dict()) == [f"query.{name}" for name in names]


def test_mean_by_hand() -> None:
    states, head = states_of(2, 5)[-1], head_of(pooling="mean")
    found = head([states], mask_of(5, 2))
    wanted = torch.stack([states[0].mean(0), states[1, :2].mean(0)])
    torch.testing.assert_close(found, head.linear(wanted))


def test_attention_by_hand() -> None:
    states, head = states_of(2, 5)[-1], head_of(pooling="attention")
    nn.init.normal_(head.pool.query.weight, std=2.0)
    found = head([states], mask_of(5, 2))
    shares = [(states[row, :length] @ head.pool.query.weight[0]).softmax(0) for row, length in ((0, 5), (1, 2))]
    assert shares[0].std() > 0.05
    wanted = torch.stack([shares[0] @ states[0], shares[1] @ states[1, :2]])
    torch.testing.assert_close(found, head.linear(wanted))


@pytest.mark.parametrize("pooling", ["cls", "mean", "attention"])
@pytest.mark.parametrize("layers", ["last", "mix"])
@pytest.mark.parametrize("junk", [0.0, 1e4, -1e4])
def test_a_sentence_has_the_same_answer_whatever_stands_around_it(pooling: str, layers: str, junk: float) -> None:
    head, alone, neighbour = head_of(pooling=pooling, layers=layers), states_of(1, 3), states_of(1, 7, seed=1)
    wanted = head(alone, mask_of(3))
    padded = [functional.pad(state, (0, 0, 0, 4), value=junk) for state in alone]
    together = [torch.cat([state, other]) for state, other in zip(padded, neighbour, strict=True)]
    torch.testing.assert_close(head(padded, mask_of(3, 7)[:1]), wanted)
    torch.testing.assert_close(head(together, mask_of(3, 7))[:1], wanted)
    torch.testing.assert_close(head(together, mask_of(3, 7))[1:], head(neighbour, mask_of(7)))


@pytest.mark.parametrize("pooling", ["mean", "attention"])
def test_pooling_reads_every_state(pooling: str) -> None:
    states, head = states_of(1, 4)[-1], head_of(pooling=pooling)
    before = head([states], mask_of(4))
    for position in range(4):
        assert not torch.allclose(head([moved(states, position)], mask_of(4)), before, atol=1e-4)


def test_a_mix_begins_as_the_mean_of_all_layers() -> None:
    states, head, plain = states_of(2, 4), head_of(reads="token", layers="mix"), head_of(reads="token")
    plain.linear.load_state_dict(head.linear.state_dict())
    mean = torch.stack(states).mean(0)
    torch.testing.assert_close(head(states, mask_of(4, 4)), plain([mean], mask_of(4, 4)))


def test_a_mix_weighs_and_scales() -> None:
    states, head = states_of(2, 4), head_of(reads="token", layers="mix")
    with torch.no_grad():
        head.mix.shares.copy_(torch.tensor([0.2, 0.3, 0.5]).log())
        head.mix.scale.fill_(2.0)
    wanted = 2.0 * (0.2 * states[0] + 0.3 * states[1] + 0.5 * states[2])
    torch.testing.assert_close(head.mix(states), wanted)
    torch.testing.assert_close(head(states, mask_of(4, 4)), head.linear(wanted))


def test_a_mix_learns() -> None:
    states, head = states_of(8, 4), head_of(reads="token", layers="mix", width=HIDDEN)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        loss = functional.mse_loss(head(states, mask_of(*[4] * 8)), 1.5 * states[1])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        assert (head.mix.shares.grad != 0).all()
        optimizer.step()
    assert losses[-1] < losses[0] / 4
    shares = head.mix.shares.softmax(0)
    assert shares[1] > 2 * shares[[0, 2]].max()


def test_a_mix_needs_the_states_of_every_layer() -> None:
    with pytest.raises(ValueError, match="zip"):
        head_of(layers="mix")(states_of(1, 2)[1:], mask_of(2))


@pytest.mark.parametrize("layers", ["last", "mix"])
def test_one_heads_mix_changes_nothing_for_another(any_encoder: Path, layers: str) -> None:
    encoder = load_pretrained(str(any_encoder)).encoder
    heads = {**HEADS, "other": HeadSpec(reads="sentence", width=2, layers=layers)}
    torch.manual_seed(0)
    model = MultiTaskModel(encoder=encoder, heads=heads).eval()
    plain = MultiTaskModel(encoder=encoder, heads=HEADS).eval()
    plain.heads.load_state_dict({k: v for k, v in model.heads.state_dict().items() if not k.startswith("other")})
    ids = torch.randint(5, 60, (2, 9))
    with torch.inference_mode():
        found, wanted = model(ids, torch.ones_like(ids)), plain(ids, torch.ones_like(ids))
    torch.testing.assert_close(found["topic"], wanted["topic"])
    torch.testing.assert_close(found["slots"], wanted["slots"])


@pytest.mark.parametrize("reads", ["sentence", "token"])
def test_a_hidden_layer(reads: str) -> None:
    states, head = states_of(2, 4)[-1], head_of(reads=reads, hidden=7)
    assert head.linear.weight.shape == (3, 7)
    read = states[:, 0] if reads == "sentence" else states
    wanted = head.linear(functional.gelu(head.hidden[0](read)))
    torch.testing.assert_close(head([states], mask_of(4, 4)), wanted)
    assert wanted.std() > 1e-3, "something comes through"


def test_the_bias_begins_as_asked() -> None:
    assert head_of(bias=-2.5).linear.bias.tolist() == [-2.5] * 3
    spans = head_of(reads="span", width=6, span_pieces=2, bias=-2.5)
    assert spans.linear.out.bias.tolist() == [-2.5] * 3
    assert spans.linear.first.bias.tolist() == [0.0] * 64


def test_dropout_is_for_training_alone() -> None:
    states, head = states_of(2, 4)[-1], head_of(hidden=7)
    torch.testing.assert_close(head([states], mask_of(4, 4)), head([states], mask_of(4, 4)), rtol=0, atol=0)
    head.train()
    assert not torch.equal(head([states], mask_of(4, 4)), head([states], mask_of(4, 4)))


SPAN = {"reads": "span", "width": 6, "span_pieces": 3}


def span_logits(head: Head, states: Tensor) -> Tensor:
    """Shape (rows, length, pieces further on, types)."""
    rows, length, _ = states.shape
    return head([states], torch.ones(rows, length, dtype=torch.long)).detach().view(rows, length, 3, 2)


@pytest.mark.parametrize("position", range(5))
def test_a_stretch_is_read_at_its_first_and_its_last_piece_alone(position: int) -> None:
    states, head = states_of(2, 5)[-1], head_of(**SPAN)
    before, after = span_logits(head, states), span_logits(head, moved(states, position))
    changed = {
        (at, more) for at in range(5) for more in range(3) if not torch.equal(before[:, at, more], after[:, at, more])
    }
    assert changed == {(at, more) for at in range(5) for more in range(3) if position in {at, at + more}}


def test_stretches_by_hand() -> None:
    states, head = states_of(2, 5)[-1], head_of(**SPAN)
    nn.init.normal_(head.linear.width)
    found, own = span_logits(head, states), head.linear
    for at in range(5):
        for more in range(3):
            last = own.last(states[:, at + more]) if at + more < 5 else torch.zeros(2, 64)
            inner = own.first(states[:, at]) + last + own.width[more]
            torch.testing.assert_close(found[:, at, more], own.out(functional.gelu(inner)))


def test_a_stretch_that_leaves_the_row_reads_nothing_there() -> None:
    states, head = states_of(1, 4)[-1], head_of(**SPAN)
    with torch.no_grad():
        head.linear.last.bias.fill_(5.0)
    found = span_logits(head, torch.cat([states, states]))
    assert torch.equal(found[0], found[1])
    unlike = span_logits(head, torch.cat([states, states_of(1, 4, seed=1)[-1]]))
    torch.testing.assert_close(unlike[0], found[0])  # no other row is read either
    longer = span_logits(head, functional.pad(states, (0, 0, 0, 2)))[:, :4]
    inside = torch.tensor([[at + more < 4 for more in range(3)] for at in range(4)])
    torch.testing.assert_close(longer[:, inside], found[:1, inside])
    assert not torch.isclose(longer[:, ~inside], found[:1, ~inside]).any(), "a state of zeros is not nothing"


def test_a_row_shorter_than_the_widest_stretch() -> None:
    states, head = states_of(2, 1)[-1], head_of(**SPAN)
    found = span_logits(head, states)
    inner = head.linear.first(states[:, 0]) + head.linear.width[2]
    torch.testing.assert_close(found[:, 0, 2], head.linear.out(functional.gelu(inner)))


def test_stretches_of_one_piece() -> None:
    states, head = states_of(2, 4)[-1], head_of(reads="span", width=2, span_pieces=1)
    own = head.linear
    wanted = own.out(functional.gelu(own.first(states) + own.last(states) + own.width[0]))
    torch.testing.assert_close(head([states], mask_of(4, 4)), wanted)


def test_all_heads_learn_in_one_step(any_encoder: Path) -> None:
    torch.manual_seed(0)
    encoder = load_pretrained(str(any_encoder)).encoder
    model = MultiTaskModel(encoder=encoder, heads=ALL_HEADS)
    ids, mask = torch.randint(5, 60, (2, 5)), mask_of(5, 3)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}

    def losses() -> dict[str, Tensor]:
        return model.losses(model(ids, mask), targets_of(VALUES))

    first = losses()
    torch.stack(list(first.values())).sum().backward()
    optimizer.step()
    weights = dict(model.named_parameters())
    same = {name for name, weight in weights.items() if name.startswith("heads.") and torch.equal(weight, before[name])}
    # A shift of all fits makes no difference.
    assert same <= {"heads.attention_head.pool.query.bias"}
    assert not torch.equal(encoder.get_input_embeddings().weight, before["encoder.embeddings.word_embeddings.weight"])
    assert all(loss.isfinite() for loss in first.values())
    for _ in range(20):
        optimizer.zero_grad()
        torch.stack(list(losses().values())).sum().backward()
        optimizer.step()
    model.eval()
    last = losses()
    assert {name for name, loss in last.items() if loss >= first[name]} == set()


@pytest.mark.parametrize("name", ALL_HEADS)
def test_a_loss_reaches_its_own_head_and_no_other(name: str) -> None:
    model = MultiTaskModel(encoder=PassThrough(), heads=ALL_HEADS)
    model.encoder.states = states_of(2, 5)
    mask = mask_of(5, 5)
    losses = model.losses(model(mask, mask, tasks=[name]), targets_of({name: VALUES[name]}))
    losses[name].backward()
    reached = {key.split(".")[1] for key, weight in model.named_parameters() if weight.grad is not None}
    assert reached == {f"{name}_head"}


def test_names_of_weights() -> None:
    model = MultiTaskModel(encoder=PassThrough(), heads=ALL_HEADS)
    names: dict[str, set[str]] = {name: set() for name in ALL_HEADS}
    for key in model.state_dict():
        place, head, own = key.split(".", 2)
        assert place == "heads"
        names[head.removesuffix("_head")].add(own)
    linear = {"linear.weight", "linear.bias"}
    assert names == {
        "first": linear,
        "mean": linear,
        "attention": {*linear, "mix.shares", "mix.scale", "pool.query.weight", "pool.query.bias"},
        "labels": {*linear, "hidden.0.weight", "hidden.0.bias"},
        "number": {*linear, "mix.shares", "mix.scale"},
        "slots": {*linear, "mix.shares", "mix.scale", "hidden.0.weight", "hidden.0.bias"},
        "chain": {*linear, "objective.crf.start", "objective.crf.step"},
        "stretches": {
            "hidden.0.weight",
            "hidden.0.bias",
            "linear.width",
            *(f"linear.{layer}.{part}" for layer in ("first", "last", "out") for part in ("weight", "bias")),
        },
    }


def test_plain_heads_are_saved_under_the_names_that_they_always_had(model: MultiTaskModel) -> None:
    assert list(model.state_dict()) == [
        f"heads.{task}_head.linear.{part}" for task in ("topic", "slots") for part in ("weight", "bias")
    ]


def test_tables_are_those_of_crfs() -> None:
    model = MultiTaskModel(encoder=PassThrough(), heads=ALL_HEADS)
    with torch.no_grad():
        model.head("chain").objective.crf.step[2, 3] = 1.5
    tables = model.tables()
    assert list(tables) == ["chain"]
    assert tables["chain"].shape == (5, 4)
    assert tables["chain"][1 + 2, 3] == 1.5
    assert not tables["chain"].requires_grad


@pytest.mark.parametrize(
    ("config", "takes"),
    [({}, False), *(({"type_vocab_size": size}, takes) for size, takes in ((0, False), (1, False), (2, True)))],
    ids=str,
)
def test_types_are_for_encoders_that_have_them(config: dict[str, int], takes: bool) -> None:
    model = MultiTaskModel(encoder=PassThrough(**config), heads=HEADS)
    model.encoder.states = states_of(2, 4)
    ids = torch.randint(5, 60, (2, 4))
    types = torch.tensor([[0, 0, 1, 1], [0, 0, 0, 1]])
    mask = mask_of(4, 3)
    model(ids, mask, types)
    given = model.encoder.given
    assert given["input_ids"] is ids
    assert given["attention_mask"] is mask
    assert ("token_type_ids" in given) == takes
    assert not takes or given["token_type_ids"] is types
    model(ids, mask)
    assert "token_type_ids" not in model.encoder.given


def test_any_encoder_takes_two_texts(any_encoder: Path) -> None:
    encoder = load_pretrained(str(any_encoder)).encoder
    model = MultiTaskModel(encoder=encoder, heads=HEADS).eval()
    ids = torch.randint(5, 60, (2, 6))
    types = torch.tensor([[0, 0, 0, 1, 1, 1]] * 2)
    with torch.inference_mode():
        plain, typed = model(ids, torch.ones_like(ids)), model(ids, torch.ones_like(ids), types)
    matter = not torch.allclose(plain["slots"], typed["slots"], atol=1e-5)
    assert matter == (getattr(encoder.config, "type_vocab_size", 0) > 1)


def test_padding_does_not_change_logits(any_encoder: Path) -> None:
    torch.manual_seed(0)
    encoder = load_pretrained(str(any_encoder))
    model = MultiTaskModel(encoder=encoder.encoder, heads=ALL_HEADS).eval()
    ids = torch.randint(5, 60, (2, 11))
    padded = torch.full((2, 19), encoder.pad_id)
    padded[:, :11] = ids
    mask = torch.zeros(2, 19, dtype=torch.long)
    mask[:, :11] = 1
    with torch.inference_mode():
        bare, filled = model(ids, torch.ones_like(ids)), model(padded, mask)
        unmasked = model(padded, torch.ones_like(padded))
    for name, spec in ALL_HEADS.items():
        found, wanted = filled[name], bare[name]
        if spec.reads == "token":
            found = found[:, :11]
        if spec.reads == "span":  # stretches that end behind the text are nobody's
            found, wanted = found[:, :9], wanted[:, :9]
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    for name in ("slots", "mean", "attention"):
        there = unmasked[name][:, :11] if name == "slots" else unmasked[name]
        assert not torch.allclose(there, bare[name], atol=1e-5), "the mask must matter"


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
