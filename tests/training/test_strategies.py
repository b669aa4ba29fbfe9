"""Joint and alternating training, on whole records and on records that carry only some of the annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

from polyhead.batching import STRATEGIES, Rows
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel
from polyhead.settings import TrainingSettings
from polyhead.training.loop import Steps
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Listener

TOGETHER = ("joint", "alternating")
MIXED = ("proportional", "uniform", "temperature", "round_robin")
LABELS_ONLY = [{key: record[key] for key in ("sentence", "label")} for record in RECORDS]
TAGS_ONLY = [{key: record[key] for key in ("sentence", "ner_tags")} for record in RECORDS]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """The tasks of each pass through the model in training, in order."""
    seen: list[set[str]] = []
    forward = MultiTaskModel.forward

    def spy(self: MultiTaskModel, *arguments: Any, tasks: Any = None) -> Any:
        if self.training:
            seen.append(set(tasks))
        return forward(self, *arguments, tasks=tasks)

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


@pytest.mark.parametrize(
    "strategy",
    [
        *TOGETHER,
        "proportional",
        *(pytest.param(name, marks=pytest.mark.slow) for name in MIXED if name != "proportional"),
    ],
)
def test_both_losses_fall(strategy: str, fit: Fit) -> None:
    epochs = fit(strategy=strategy, epochs=3, lr=3e-3).run.epochs
    for task in ("classification", "ner"):
        assert epochs[2].losses[task] < 0.7 * epochs[0].losses[task], task
    assert epochs[2].score > 0.75


@pytest.mark.parametrize("strategy", TOGETHER)
def test_halves_that_carry_only_labels_and_only_tags(strategy: str, fit: Fit, write: Callable[..., Path]) -> None:
    fitted = fit(write(LABELS_ONLY * 20 + TAGS_ONLY * 20), strategy=strategy, epochs=5, lr=3e-3)
    epochs = fitted.run.epochs
    for task in ("classification", "ner"):
        assert epochs[4].losses[task] < 0.7 * epochs[0].losses[task], task
    assert epochs[4].dev["tasks"]["ner"]["f1"] > 0.8
    assert epochs[4].dev["tasks"]["classification"]["accuracy"] > 0.7, "the largest class has three in eight"


@pytest.mark.parametrize("strategy", TOGETHER)
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


@pytest.mark.parametrize("strategy", TOGETHER)
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


def test_every_strategy_is_tried_here() -> None:
    assert set(TOGETHER) | set(MIXED) == set(STRATEGIES)


@pytest.mark.parametrize("strategy", MIXED)
def test_a_single_set_is_mixed_by_task(strategy: str, fit: Fit, passes: list[set[str]]) -> None:
    fitted = fit(strategy=strategy, batch_size=32, epochs=1)
    assert len(fitted.steps) == len(passes) == 20
    assert passes.count({"classification"}) == passes.count({"ner"}) == 10
    if strategy == "round_robin":
        assert passes == [{"classification"}, {"ner"}] * 10


@pytest.mark.parametrize("strategy", MIXED)
def test_several_sets_are_mixed_by_set_each_step_with_all_their_tasks(
    strategy: str, fit: Fit, passes: list[set[str]], write: Callable[..., Path], small_data: Path
) -> None:
    sets = {
        "both": {"train": small_data, "dev": small_data},
        "labels": {"train": write(LABELS_ONLY * 4), "dev": small_data, "tasks": ["classification"]},
    }
    fitted = fit(sets=sets, strategy=strategy, batch_size=16, epochs=1)
    shares = {
        "proportional": (20, 2),
        "uniform": (11, 11),
        "temperature": (17, 5),  # as the roots of 320 and 32
        "round_robin": (20, 20),
    }
    counts = passes.count({"classification", "ner"}), passes.count({"classification"})
    assert counts == shares[strategy]
    assert len(fitted.steps) == sum(counts)
    assert fitted.account["plan"]["steps"] == sum(counts)


def test_sets_can_be_mixed_by_task_and_a_single_set_by_set(
    fit: Fit, passes: list[set[str]], write: Callable[..., Path], small_data: Path
) -> None:
    sets = {
        "both": {"train": small_data, "dev": small_data},
        "labels": {"train": write(LABELS_ONLY * 4), "dev": small_data, "tasks": ["classification"]},
    }
    fit(sets=sets, strategy="round_robin", mix_by="task", batch_size=32, epochs=1)
    assert passes == [{"classification"}, {"ner"}] * 11
    passes.clear()
    fit(strategy="proportional", mix_by="set", batch_size=32, epochs=1)
    assert passes == [{"classification", "ner"}] * 10


def test_a_higher_temperature_brings_shares_nearer_to_each_other(
    fit: Fit, passes: list[set[str]], write: Callable[..., Path]
) -> None:
    data = write(LABELS_ONLY * 40 + TAGS_ONLY * 10)
    shares = []
    for temperature in (1.0, 2.0, 100.0):
        passes.clear()
        fit(data, strategy="temperature", temperature=temperature, batch_size=8, epochs=1)
        shares.append((passes.count({"classification"}), passes.count({"ner"})))
    assert shares == [(40, 10), (33, 17), (25, 25)]


def test_the_same_tasks_from_sets_with_fields_of_their_own(
    fit: Fit, write: Callable[..., Path], small_data: Path
) -> None:
    theirs = [{"q": record["sentence"], "topic": record["label"]} for record in RECORDS]
    sets = {
        "tags": {"train": write(TAGS_ONLY * 20, "tags.jsonl"), "dev": small_data},
        "topics": {
            "train": write(theirs * 20, "topics.jsonl"),
            "dev": write(theirs, "dev.jsonl"),
            "text_field": "q",
            "tasks": {"classification": "topic"},
        },
    }
    tasks = {
        "classification": {"kind": "single_label", "field": "label"},
        "ner": {"kind": "tagging", "field": "ner_tags"},
    }
    epochs = fit(sets=sets, tasks=tasks, epochs=5, lr=3e-3).run.epochs
    assert epochs[4].dev["tasks"]["ner"]["f1"] > 0.8
    assert epochs[4].dev["tasks"]["classification"]["accuracy"] > 0.8
    assert epochs[4].dev["tasks"]["classification"]["records"] == 320 + 8


@pytest.mark.parametrize("wrong_counts", [False, True])
def test_a_set_of_weight_zero_teaches_nothing(
    wrong_counts: bool, fit: Fit, write: Callable[..., Path], small_data: Path
) -> None:
    wrong = [{**record, "label": (record["label"] + 1) % 3} for record in LABELS_ONLY]
    sets = {
        "right": {
            "train": write(LABELS_ONLY * 20, "right.jsonl"),
            "dev": small_data,
            "weight": float(not wrong_counts),
        },
        "wrong": {"train": write(wrong * 20, "wrong.jsonl"), "dev": small_data, "weight": float(wrong_counts)},
    }
    tasks = {"classification": {"kind": "single_label", "field": "label"}}
    best = fit(sets=sets, tasks=tasks, epochs=3, lr=3e-3).run.epochs[2]
    accuracy = best.dev["tasks"]["classification"]["accuracy"]
    assert accuracy < 0.1 if wrong_counts else accuracy > 0.9


def test_the_weight_of_a_set_goes_into_the_loss(fit: Fit, write: Callable[..., Path], small_data: Path) -> None:
    losses = []
    for weight in (1.0, 0.25):
        listener = Listener()
        sets = {"all": {"train": small_data, "dev": small_data, "weight": weight}}
        fit(sets=sets, reporter=listener, epochs=1)
        losses.append(listener.steps[0].losses)
    assert losses[1] == pytest.approx({name: 0.25 * loss for name, loss in losses[0].items()}, rel=1e-5)


def test_a_run_tells_of_its_sets(fit: Fit, write: Callable[..., Path], small_data: Path) -> None:
    listener = Listener()
    sets = {
        "news": {"train": small_data, "dev": small_data, "weight": 0.5},
        "chat": {"train": write(LABELS_ONLY * 2)},
    }
    account = fit(sets=sets, reporter=listener, epochs=1, strategy="uniform").account
    told = [line for topic, line in listener.lines if topic == "data"]
    assert told[0].startswith("news: train 320 records, weight 0.5, dev 320 (as given)")
    assert told[1].startswith("chat: train 16 records, dev 0 (too few texts to hold any out")
    assert account["dev"] == {"records": 320, "held_out": ["chat"]}
    assert account["settings"]["data"]["sets"]["news"]["weight"] == 0.5
    assert next(line for topic, line in listener.lines if topic == "plan").startswith("uniform, ")


@pytest.mark.parametrize("strategy", [*TOGETHER, *MIXED])
def test_the_step_that_takes_the_most_memory_comes_first(strategy: str) -> None:
    """So that a run for which there is too little memory learns of it at once."""
    random = np.random.default_rng(0)
    lengths = random.integers(3, 30, size=200)
    lengths[137] = 400
    own = {"a": np.arange(0, 200, 2), "b": np.arange(1, 200, 2)}
    feeds = {name: frozenset({name}) for name in own}
    steps = Steps(Rows(lengths, own, own, feeds), settings=TrainingSettings(strategy=strategy, seed=3), batch_size=8)
    first = steps.of_epoch(1)
    turns = 2 if strategy == "round_robin" else 1
    assert any(137 in sub_batch.rows for step in first[:turns] for sub_batch in step)
    if strategy not in {"uniform", "temperature"}:
        rows = sorted(row for step in first for sub_batch in step for row in sub_batch.rows.tolist())
        assert sorted(set(rows)) == list(range(200))
