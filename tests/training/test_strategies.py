"""Joint and alternating training, on whole records and on records that carry only some of the annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from polyhead.inference import open_model
from polyhead.model import MultiTaskModel
from polyhead.training import Reporter
from polyhead.training.reporting import StepReport
from tests.conftest import RECORDS
from tests.training.conftest import Fit

STRATEGIES = ("joint", "alternating")
LABELS_ONLY = [{key: record[key] for key in ("sentence", "label")} for record in RECORDS]
TAGS_ONLY = [{key: record[key] for key in ("sentence", "ner_tags")} for record in RECORDS]


class Listener(Reporter):
    """Keeps the reports of all steps."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []

    def step(self, report: StepReport) -> None:
        self.steps.append(report)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The tasks of each pass through the model in training, in order."""
    seen: list[set[str]] = []
    forward = MultiTaskModel.forward

    def spy(self: MultiTaskModel, ids: Any, mask: Any, tasks: Any = None) -> Any:
        if self.training:
            seen.append(set(tasks))
        return forward(self, ids, mask, tasks)

    monkeypatch.setattr(MultiTaskModel, "forward", spy)
    return seen


@contextmanager
def optimiser_steps() -> Iterator[list[int]]:
    count: list[int] = []
    handle = register_optimizer_step_post_hook(lambda *_: count.append(1))
    try:
        yield count
    finally:
        handle.remove()


@pytest.fixture
def totals(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was differentiated in each step."""
    seen: list[float] = []
    backward = accelerate.Accelerator.backward

    def spy(self: accelerate.Accelerator, loss: torch.Tensor, **options: Any) -> None:
        seen.append(float(loss.detach()))
        backward(self, loss, **options)

    monkeypatch.setattr(accelerate.Accelerator, "backward", spy)
    return seen


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_both_losses_fall(strategy: str, fit: Fit) -> None:
    epochs = fit(strategy=strategy, epochs=3, lr=3e-3).run.epochs
    for task in ("classification", "ner"):
        assert epochs[2].losses[task] < 0.7 * epochs[0].losses[task], task
    assert epochs[2].score > 0.75


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_halves_that_carry_only_labels_and_only_tags(strategy: str, fit: Fit, write: Callable[..., Path]) -> None:
    fitted = fit(write(LABELS_ONLY * 20 + TAGS_ONLY * 20), strategy=strategy, epochs=5, lr=3e-3)
    epochs = fitted.run.epochs
    for task in ("classification", "ner"):
        assert epochs[4].losses[task] < 0.7 * epochs[0].losses[task], task
    assert epochs[4].dev["tasks"]["ner"]["f1"] > 0.8
    assert epochs[4].dev["tasks"]["classification"]["accuracy"] > 0.7, "the largest class has three in eight"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_batch_without_target_for_a_task_gives_no_nan(
    strategy: str, fit: Fit, write: Callable[..., Path], passes: list[set[str]]
) -> None:
    fitted = fit(write(LABELS_ONLY * 2 + TAGS_ONLY * 3), strategy=strategy, batch_size=1)
    assert all(math.isfinite(loss) for step in fitted.steps for loss in step["losses"].values())
    in_steps = {frozenset(step["losses"]) for step in fitted.steps}
    if strategy == "joint":
        assert in_steps == {frozenset({"classification"}), frozenset({"ner"})}
        assert len(fitted.steps) == 2 * 40
    else:
        assert in_steps == {frozenset({"classification", "ner"})}
        assert len(fitted.steps) == 2 * 24, "the larger task is gone through once an epoch"
    weights = open_model(fitted.run.best).weights
    from safetensors.torch import load_file

    assert all(torch.isfinite(tensor).all() for tensor in load_file(weights).values())


def test_a_record_with_an_empty_list_counts_and_one_without_does_not(fit: Fit, write: Callable[..., Path]) -> None:
    empty = [{"sentence": f"play some music {at}", "ner_tags": []} for at in range(8)]
    absent = [{"sentence": f"what is the weather {at}", "label": 1} for at in range(8)]
    fitted = fit(write(TAGS_ONLY + empty + absent), strategy="joint", batch_size=32, epochs=1, lr=1e-4)
    assert fitted.account["tasks"][1]["types"] == ["LOC", "PER"]
    alternating = fit(write(TAGS_ONLY + empty + absent), strategy="alternating", batch_size=1, epochs=1)
    assert len(alternating.steps) == 16, "eight tagged and eight empty ones"


def test_joint_makes_one_pass_a_step(fit: Fit, passes: list[set[str]]) -> None:
    with optimiser_steps() as count:
        fitted = fit(strategy="joint", batch_size=32, epochs=1)
    assert len(fitted.steps) == len(count) == len(passes) == 10
    assert all(tasks == {"classification", "ner"} for tasks in passes)
    assert {step["rows"] for step in fitted.steps} == {32}


def test_alternating_makes_one_pass_a_task_and_one_optimiser_step(fit: Fit, passes: list[set[str]]) -> None:
    with optimiser_steps() as count:
        fitted = fit(strategy="alternating", batch_size=32, epochs=2)
    assert len(fitted.steps) == len(count) == 20
    assert passes == [{"classification"}, {"ner"}] * 20
    assert {step["rows"] for step in fitted.steps} == {64}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.25, 3.0), (0.0, 1.0)])
def test_the_total_is_the_weighted_sum(
    strategy: str, weights: tuple[float, float], fit: Fit, totals: list[float]
) -> None:
    tasks = {
        "classification": {"kind": "single_label", "field": "label", "weight": weights[0]},
        "ner": {"kind": "tagging", "field": "ner_tags", "weight": weights[1]},
    }
    listener = Listener()
    fit(strategy=strategy, tasks=tasks, epochs=1, reporter=listener)
    wanted = [weights[0] * step.losses["classification"] + weights[1] * step.losses["ner"] for step in listener.steps]
    assert len(totals) == len(wanted) > 5
    assert totals == pytest.approx(wanted, rel=1e-5)


def test_a_task_of_weight_zero_does_not_learn(fit: Fit) -> None:
    tasks = {
        "classification": {"kind": "single_label", "field": "label", "weight": 0.0},
        "ner": {"kind": "tagging", "field": "ner_tags"},
    }
    from polyhead.model.weights import load_model

    run = fit(tasks=tasks, weight_decay=0.0).run
    first, second = (load_model(open_model(run.folder / f"epoch-{at}")).heads for at in (1, 2))
    unlearnt, learnt = "classification_head", "ner_head"
    assert torch.equal(first[unlearnt].linear.weight, second[unlearnt].linear.weight)
    assert not torch.equal(first[learnt].linear.weight, second[learnt].linear.weight)


def test_one_task_alone(fit: Fit, write: Callable[..., Path]) -> None:
    labels, tags = (fit(write(part * 20), dev=None) for part in (LABELS_ONLY, TAGS_ONLY))
    assert [task["name"] for task in labels.account["tasks"]] == ["classification"]
    assert [task["name"] for task in tags.account["tasks"]] == ["ner"]
    assert all(set(step["losses"]) == {"ner"} for step in tags.steps)


def test_long_texts_give_a_row_a_window(fit: Fit, write: Callable[..., Path]) -> None:
    long = {"sentence": "John lives in Berlin " * 40, "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC"] * 40}
    fitted = fit(write([*RECORDS, long]), batch_size=1, epochs=1)
    assert len(fitted.steps) > len(RECORDS) + 2
    assert all(math.isfinite(loss) for step in fitted.steps for loss in step["losses"].values())
