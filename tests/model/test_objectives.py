"""Losses, against figures worked out by hand and by torch. The CRF's are in `test_crf_loss.py`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor
from torch.nn import functional

from polyhead.batching import Example, Row, collate_targets
from polyhead.encoding import Encoded, cut_windows
from polyhead.model import MultiTaskModel
from polyhead.model.objectives import OBJECTIVES, Objective, TargetTensors
from polyhead.tasks import IGNORE, Constraints, HeadSpec
from tests.model.encoders import PassThrough

X = IGNORE
FREE = Constraints((True,) * 4, ((True,) * 4,) * 4)
TOPIC = HeadSpec(reads="sentence", width=3)
SLOTS = HeadSpec(reads="token", width=4)
LABELS = HeadSpec(reads="sentence", width=3, objective="binary_cross_entropy", target=(3,))
STRETCHES = HeadSpec(reads="span", width=4, objective="binary_cross_entropy", target=(2, 2), span_pieces=2)
NUMBER = HeadSpec(reads="sentence", width=1, objective="squared_error", is_number=True)
CHAIN = HeadSpec(reads="token", width=4, objective="crf", constraints=FREE)
HEADS = {"topic": TOPIC, "slots": SLOTS, "labels": LABELS, "stretches": STRETCHES, "number": NUMBER, "chain": CHAIN}

VALUES: dict[str, Any] = {
    "topic": [2, X, 0],
    "slots": [[X, 1, X], [3, X, 0], [X, X, X]],
    "labels": [[1, 0, 1], [X, X, X], [0, X, 1]],
    "stretches": [
        [[[X, X], [X, X]], [[1, 0], [0, 0]], [[0, 1], [X, X]]],
        [[[0, 0], [0, 1]], [[X, X], [X, X]], [[1, 1], [X, X]]],
        [[[X, X], [X, X]], [[X, X], [X, X]], [[X, X], [X, X]]],
    ],
    "number": [0.5, math.nan, -2.0],
    "chain": [[X, 1, 3], [3, X, 0], [X, X, X]],
}
"""Three rows of three pieces; where nothing is known, `X`."""


def objective(spec: HeadSpec, **changes: Any) -> Objective:
    spec = replace(spec, **changes)
    return OBJECTIVES[spec.objective](spec)


def target_of(values: Any, *, weights: list[float] | None = None) -> TargetTensors:
    tensor = torch.as_tensor(values)
    rows = len(tensor)
    return TargetTensors(tensor, None, torch.tensor(weights or [1.0] * rows), torch.zeros(rows, dtype=torch.bool))


def logits_for(name: str, seed: int = 0) -> Tensor:
    spec = HEADS[name]
    shape = (3, 3, spec.width) if spec.of_units else (3, spec.width)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def places_of(name: str) -> Tensor:
    """Which logits have a target: for classes all of a row or piece, else each for itself."""
    known = target_of(VALUES[name]).known()
    logits = logits_for(name)
    return known.reshape(logits.shape) if known.numel() == logits.numel() else known[..., None].expand(logits.shape)


def answers_of(name: str, logits: Tensor) -> Tensor:
    """What a model with these logits holds probable."""
    kind = HEADS[name].objective
    if kind == "squared_error":
        return logits
    return logits.sigmoid() if kind == "binary_cross_entropy" else logits.softmax(-1)


def test_a_sentence_by_hand() -> None:
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    first = -math.log(math.exp(2) / (math.exp(2) + 2))
    second = -math.log(1 / (math.e + 2))
    found = objective(TOPIC).learn(logits, target_of([0, 2]))
    assert found.item() == pytest.approx((first + second) / 2, abs=1e-6)


@pytest.mark.parametrize("name", ["topic", "slots"])
def test_cross_entropy_is_torchs(name: str) -> None:
    logits, target = logits_for(name), target_of(VALUES[name])
    wanted = functional.cross_entropy(logits.flatten(0, -2), target.values.flatten(), ignore_index=X)
    torch.testing.assert_close(objective(HEADS[name]).learn(logits, target), wanted)


def test_binary_cross_entropy_is_torchs_summed_over_outputs() -> None:
    values = [[1, 0, 1], [0, 0, 1], [0, 1, 1]]
    logits = logits_for("labels")
    wanted = 3 * functional.binary_cross_entropy_with_logits(logits, torch.tensor(values).float())
    torch.testing.assert_close(objective(LABELS).learn(logits, target_of(values)), wanted)


def test_outputs_without_a_target_are_no_noes() -> None:
    logits = logits_for("labels")
    per_output = functional.binary_cross_entropy_with_logits(
        logits, torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 0, 1]]), reduction="none"
    )
    wanted = (per_output[0].sum() + per_output[2, 0] + per_output[2, 2]) / 2
    torch.testing.assert_close(objective(LABELS).learn(logits, target_of(VALUES["labels"])), wanted)


def test_stretches_stand_in_the_order_of_the_logits() -> None:
    logits, values = logits_for("stretches"), torch.tensor(VALUES["stretches"])
    wanted, pieces = torch.zeros(()), 0
    for row, piece in (values != X).flatten(2).any(2).nonzero().tolist():
        pieces += 1
        for more, kind in (values[row, piece] != X).nonzero().tolist():
            logit = logits[row, piece, 2 * more + kind]
            wanted += functional.softplus(-logit if values[row, piece, more, kind] else logit)
    assert pieces == 4
    torch.testing.assert_close(objective(STRETCHES).learn(logits, target_of(VALUES["stretches"])), wanted / 4)


def test_squared_error_by_hand() -> None:
    found = objective(NUMBER).learn(torch.tensor([[1.0], [7.0], [1.0]]), target_of(VALUES["number"]))
    assert found.item() == pytest.approx((0.5**2 + 3.0**2) / 2)


def test_a_number_for_each_unit() -> None:
    spec = replace(NUMBER, reads="token")
    values = [[math.nan, 2.0], [1.0, math.nan], [math.nan, math.nan]]
    logits = torch.tensor([[[5.0], [1.0]], [[3.0], [5.0]], [[5.0], [5.0]]])
    assert objective(spec).learn(logits, target_of(values)).item() == pytest.approx((1.0 + 4.0) / 2)


def test_weights_of_classes() -> None:
    weights = (0.5, 0.0, 3.0, 2.0)
    logits, target = logits_for("slots"), target_of(VALUES["slots"])
    own = -logits.log_softmax(-1)
    wanted = (0.0 * own[0, 1, 1] + 2.0 * own[1, 0, 3] + 0.5 * own[1, 2, 0]) / 3
    torch.testing.assert_close(objective(SLOTS, class_weights=weights).learn(logits, target), wanted)


def test_weights_of_outputs_are_those_of_their_yes() -> None:
    logits = logits_for("labels")
    found = objective(LABELS, class_weights=(2.0, 3.0, 0.0)).learn(logits, target_of(VALUES["labels"]))
    yes, no = functional.softplus(-logits), functional.softplus(logits)
    wanted = (2.0 * yes[0, 0] + no[0, 1] + 0.0 * yes[0, 2] + no[2, 0] + 0.0 * yes[2, 2]) / 2
    torch.testing.assert_close(found, wanted)


def test_smoothing_of_classes() -> None:
    logits, target = logits_for("slots"), target_of(VALUES["slots"])
    own = -logits.log_softmax(-1)
    chosen = own[0, 1, 1] + own[1, 0, 3] + own[1, 2, 0]
    spread = (own[0, 1] + own[1, 0] + own[1, 2]).mean()
    found = objective(SLOTS, smoothing=0.1).learn(logits, target)
    torch.testing.assert_close(found, (0.9 * chosen + 0.1 * spread) / 3)


def test_smoothing_of_yes_and_no() -> None:
    logits = logits_for("labels")
    found = objective(LABELS, smoothing=0.2).learn(logits, target_of(VALUES["labels"]))
    yes, no = functional.softplus(-logits), functional.softplus(logits)
    wanted = sum(
        0.9 * (yes if says else no)[row, output] + 0.1 * (no if says else yes)[row, output]
        for row, output, says in ((0, 0, True), (0, 1, False), (0, 2, True), (2, 0, False), (2, 2, True))
    )
    torch.testing.assert_close(found, wanted / 2)


@pytest.mark.parametrize("name", HEADS)
def test_rows_weigh_what_they_are_told_to(name: str) -> None:
    own, logits = objective(HEADS[name]), logits_for(name)
    soft = answers_of(name, logits_for(name, seed=1))
    values = torch.tensor(VALUES[name])
    for lose in (lambda target: own.learn(logits, target), lambda target: own.imitate(logits, soft, target, 2.0)):
        first, other, both = (
            lose(target_of(values, weights=weights)) for weights in ([1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [3.0, 0.5, 0.5])
        )
        assert first.abs() > 1e-3
        assert other.abs() > 1e-3
        torch.testing.assert_close(both, 3.0 * first + 0.5 * other)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("options", [{}, {"smoothing": 0.1}, {"class_weights": (2.0, 1.0, 0.5, 3.0)}], ids=str)
def test_only_logits_with_a_target_count(name: str, options: dict[str, Any]) -> None:
    if "class_weights" in options:
        options = {"class_weights": options["class_weights"][: HEADS[name].width]}
    own, target, places = objective(HEADS[name], **options), target_of(VALUES[name]), places_of(name)
    assert 0 < places.sum() < places.numel()
    wanted = own.learn(logits_for(name), target)
    for junk in (1e4, -1e4, 1e30):
        logits = torch.where(places, logits_for(name), junk).requires_grad_()
        found = own.learn(logits, target)
        assert torch.equal(found, wanted)
        (gradient,) = torch.autograd.grad(found, logits)
        assert torch.equal(gradient != 0, places)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_where_teachers_say_nothing_nothing_is_learnt(name: str, temperature: float) -> None:
    own, places, target = objective(HEADS[name]), places_of(name), target_of(VALUES[name])
    soft = torch.where(places, answers_of(name, logits_for(name, seed=1)), torch.nan)
    wanted = own.imitate(logits_for(name), soft, target, temperature)
    for junk in (1e4, -1e4):
        logits = torch.where(places, logits_for(name), junk).requires_grad_()
        found = own.imitate(logits, soft, target, temperature)
        assert torch.equal(found, wanted)
        (gradient,) = torch.autograd.grad(found, logits)
        assert torch.equal(gradient != 0, places)


@pytest.mark.parametrize("name", ["topic", "slots", "labels", "stretches", "number"])
def test_a_row_that_teachers_say_nothing_of_is_as_if_it_were_not_there(name: str) -> None:
    own, logits, soft = objective(HEADS[name]), logits_for(name), answers_of(name, logits_for(name, seed=1))
    soft[1] = torch.nan
    values = torch.tensor(VALUES[name])
    kept = torch.tensor([0, 2])
    found = own.imitate(logits, soft, target_of(values), 2.0)
    torch.testing.assert_close(found, own.imitate(logits[kept], soft[kept], target_of(values[kept]), 2.0))


@pytest.mark.parametrize("name", ["topic", "slots", "labels", "stretches", "number"])
@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_who_does_as_the_teachers_loses_nothing(name: str, temperature: float) -> None:
    own, target = objective(HEADS[name]), target_of(VALUES[name])
    logits = (3 * logits_for(name)).requires_grad_()
    same = own.imitate(logits, answers_of(name, logits.detach()), target, temperature)
    assert same.item() == pytest.approx(0.0, abs=2e-6)
    (gradient,) = torch.autograd.grad(same, logits)
    assert gradient.abs().max() < 1e-5
    for seed in (1, 2, 3):
        other = answers_of(name, logits_for(name, seed))
        assert own.imitate(logits, other, target, temperature) > 0.1


def test_temperature_softens_classes() -> None:
    logits, theirs = logits_for("topic"), logits_for("topic", seed=1)
    found = objective(TOPIC).imitate(logits, theirs.softmax(-1), target_of(VALUES["topic"]), 4.0)
    wanted = functional.kl_div(
        (logits / 4).log_softmax(-1), (theirs / 4).log_softmax(-1), reduction="batchmean", log_target=True
    )
    torch.testing.assert_close(found, 16 * wanted)


def test_temperature_softens_yes_and_no() -> None:
    logits, theirs = logits_for("labels"), logits_for("labels", seed=1)
    found = objective(LABELS).imitate(logits, theirs.sigmoid(), target_of(VALUES["labels"]), 4.0)
    ours, wanted = (logits / 4).sigmoid(), (theirs / 4).sigmoid()
    divergence = wanted * (wanted / ours).log() + (1 - wanted) * ((1 - wanted) / (1 - ours)).log()
    torch.testing.assert_close(found, 16 * divergence.sum() / 3)


@given(
    st.sampled_from(list(HEADS)),
    arrays(np.float32, (3, 3, 4), elements=st.sampled_from([-1e4, -80.0, -1.0, 0.0, 0.5, 80.0, 1e4])),
    arrays(np.float32, (3, 3, 4), elements=st.sampled_from([0.0, 1.0, 0.5, 1e-30])),
    st.sampled_from([1.0, 2.0, 10.0]),
)
def test_losses_and_gradients_are_finite(name: str, numbers: Any, beliefs: Any, temperature: float) -> None:
    shape = logits_for(name).shape
    logits = torch.from_numpy(numbers).flatten()[: shape.numel()].reshape(shape).requires_grad_()
    soft = torch.from_numpy(beliefs).flatten()[: shape.numel()].reshape(shape)
    if HEADS[name].objective in {"cross_entropy", "crf"}:
        soft[..., 0] += (soft.sum(-1) == 0).float()
        soft = soft / soft.sum(-1, keepdim=True)
    own, target = objective(HEADS[name]), target_of(VALUES[name])
    for loss in (own.learn(logits, target), own.imitate(logits, soft, target, temperature)):
        assert loss.isfinite()
        assert loss >= -1e-5 * 1e4
        (gradient,) = torch.autograd.grad(loss, logits)
        assert gradient.isfinite().all()


def test_a_crf_needs_constraints() -> None:
    with pytest.raises(ValueError, match="constraints"):
        objective(SLOTS, objective="crf")


def test_only_a_crf_has_a_table() -> None:
    assert {name for name, spec in HEADS.items() if objective(spec).table() is not None} == {"chain"}


def test_options_are_not_saved() -> None:
    assert not objective(SLOTS, class_weights=(1.0, 2.0, 3.0, 4.0)).state_dict()
    assert not objective(LABELS, class_weights=(1.0, 2.0, 3.0)).state_dict()


def model_of(*names: str) -> MultiTaskModel:
    return MultiTaskModel(encoder=PassThrough(), heads={name: HEADS[name] for name in names})


def test_each_task_has_the_loss_of_its_own_head() -> None:
    model = model_of(*HEADS)
    logits = {name: logits_for(name) for name in HEADS}
    targets = {name: target_of(values) for name, values in VALUES.items()}
    losses = model.losses(logits, targets)
    assert losses.keys() == HEADS.keys()
    for name, spec in HEADS.items():
        torch.testing.assert_close(losses[name], objective(spec).learn(logits[name], targets[name]))


def test_tasks_without_targets_are_left_out() -> None:
    model = model_of("topic", "slots")
    logits = {name: logits_for(name) for name in ("topic", "slots")}
    assert list(model.losses(logits, {"topic": target_of([0, 1, X])})) == ["topic"]
    assert model.losses(logits, {}) == {}


@pytest.mark.parametrize("name", HEADS)
def test_losses_are_fp32_for_bf16_logits(name: str) -> None:
    logits = logits_for(name).bfloat16()
    target = replace(target_of(VALUES[name]), soft=answers_of(name, logits_for(name, seed=1)))
    loss = model_of(name).losses({name: logits}, {name: target}, soft_weight=0.5)[name]
    assert loss.dtype == torch.float32
    own = objective(HEADS[name])
    wanted = own.learn(logits.float(), target) + 0.5 * own.imitate(logits.float(), target.soft, target, 1.0)
    torch.testing.assert_close(loss, wanted)


@pytest.mark.parametrize("name", HEADS)
def test_data_and_teachers_are_added_up(name: str) -> None:
    own, logits = objective(HEADS[name]), logits_for(name)
    target = replace(target_of(VALUES[name]), soft=answers_of(name, logits_for(name, seed=1)))
    both = model_of(name).losses({name: logits}, {name: target}, soft_weight=0.25, temperature=3.0)[name]
    taught = own.imitate(logits, target.soft, target, 3.0)
    torch.testing.assert_close(both, own.learn(logits, target) + 0.25 * taught)
    nothing = torch.full_like(target.values, math.nan if HEADS[name].is_number else X)
    alone = replace(target, values=nothing)
    found = model_of(name).losses({name: logits}, {name: alone}, soft_weight=0.25, temperature=3.0)[name]
    torch.testing.assert_close(found, 0.25 * taught)


@pytest.mark.parametrize("name", ["slots", "stretches", "chain"])
def test_a_batch_of_texts_of_which_teachers_had_nothing_to_say(name: str) -> None:
    """Texts of which the tokenizer left nothing: they have a word, but no piece, so that all of `soft` is NaN."""
    encoded = Encoded("\x00", np.zeros(0, dtype=np.int64), (), cut_windows(0, capacity=9, overlap=0))
    soft = np.full((1, HEADS[name].width), np.nan, dtype=np.float32)
    example = Example(Row(encoded, encoded.windows[0], 2), {}, {name: soft})
    targets = collate_targets([example], {name: HEADS[name]}, length=2, offset=1)
    on_cpu = {name: TargetTensors.of(target, torch.device("cpu")) for name, target in targets.items()}
    logits = {name: torch.randn(1, 2, HEADS[name].width)}
    losses = model_of(name).losses(logits, on_cpu, soft_weight=1.0)
    assert all(loss.isfinite() for loss in losses.values())


def test_a_target_goes_to_the_device_as_it_is() -> None:
    encoded = Encoded("a b", np.arange(2), ((0, 1), (2, 3)), cut_windows(2, capacity=1, overlap=0))
    soft = np.arange(8, dtype=np.float32).reshape(2, 4)
    examples = [
        Example(Row(encoded, window, 3), {"slots": np.array([2, 1])}, {"slots": soft}, weight=0.5)
        for window in encoded.windows
    ]
    target = collate_targets(examples, {"slots": SLOTS}, length=3, offset=1)["slots"]
    found = TargetTensors.of(target, torch.device("cpu"))
    assert found.values.tolist() == [[X, 2, X], [X, 1, X]]
    assert found.known().tolist() == [[False, True, False]] * 2
    assert found.weights.tolist() == [0.5, 0.5]
    assert found.continues.tolist() == [False, True]
    assert found.soft[:, 1].tolist() == soft.tolist()
    assert found.soft[:, [0, 2]].isnan().all()
