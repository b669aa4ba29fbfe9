"""A step taken in parts is the step: its gradient and losses are those of the whole batch, for every kind of loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from polyhead.batching import Step, SubBatch
from polyhead.settings import load_settings
from polyhead.training import run_training
from polyhead.training.passes import Size
from tests.conftest import RECORDS
from tests.end_to_end.many_kinds import PARTS, TASKS, TRAINING, WHOLE
from tests.training.conftest import Fit, settings_with
from tests.training.driving import Drive

Write = Callable[..., Path]


def longer(record: dict[str, Any]) -> dict[str, Any]:
    """Three times the text, with what is annotated on it; it does not fit into a row of 16 pieces."""
    text = f"{record['sentence']} {record['sentence']} {record['sentence']}"
    changed = {"sentence": text} | {key: record[key] * 3 for key in ("tags", "pos") if key in record}
    return {key: changed.get(key, value) for key, value in record.items()}


@pytest.fixture(scope="module")
def every_kind(encoder_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """Tasks of every kind, partial labels, windows, two weights of rows, and a teacher of all tasks."""
    folder = tmp_path_factory.mktemp("kinds")
    files = {"parts": PARTS[:64], "long": [longer(record) for record in PARTS[::7]], "whole": WHOLE}
    paths = {name: folder / f"{name}.jsonl" for name in files}
    for name, records in files.items():
        paths[name].write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    sets = {
        name: {"train": [path], "dev": [paths["whole"]], "weight": at + 0.5}
        for at, (name, path) in enumerate(paths.items())
    }
    flags: dict[str, Any] = {"encoder": str(encoder_folders["distilbert"]), "tasks": TASKS, "data.sets": sets}
    flags |= {f"training.{name}": value for name, value in {**TRAINING, "epochs": 1}.items()}
    flags["encoding.max_length"] = 16
    teacher = run_training(load_settings(None, (), {**flags, "output": folder / "teacher"}))
    taught = {"teacher.models": [teacher.folder], "teacher.temperature": 2.0}
    drive = Drive.of(load_settings(None, (), {**flags, **taught}))
    drive.prepared.model.eval()  # without dropout
    return drive


def gradient(drive: Drive, step: Step, budget: int | None) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    model = drive.prepared.model
    model.zero_grad(set_to_none=True)
    losses = drive.passes().backward(step, budget=budget)
    return losses, {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def all_rows(drive: Drive) -> np.ndarray:
    return np.random.default_rng(0).permutation(len(drive.prepared.examples))


@pytest.mark.parametrize("budget", [1000, 200, 40, 8])
def test_the_gradient_is_that_of_the_whole_batch(every_kind: Drive, budget: int) -> None:
    examples = every_kind.prepared.examples
    assert len({example.weight for example in examples}) == 3
    assert any(example.row.window.own_start > 0 for example in examples), "some texts have windows"
    step = (SubBatch(all_rows(every_kind), frozenset(TASKS)),)
    losses, wanted = gradient(every_kind, step, None)
    in_parts, found = gradient(every_kind, step, budget)
    assert losses.keys() == in_parts.keys() == TASKS.keys()
    for name, loss in losses.items():
        assert in_parts[name] == pytest.approx(loss, rel=1e-5)
    assert wanted.keys() == found.keys()
    for name, own in wanted.items():
        assert float((found[name] - own).norm()) <= 1e-5 * float(own.norm()) + 1e-7, name


@pytest.mark.parametrize("name", TASKS)
def test_each_loss_adds_up_on_its_own(every_kind: Drive, name: str) -> None:
    step = (SubBatch(all_rows(every_kind), frozenset({name})),)
    losses, wanted = gradient(every_kind, step, None)
    in_parts, found = gradient(every_kind, step, 48)
    assert in_parts == {name: pytest.approx(losses[name], rel=1e-5)}
    assert wanted.keys() == found.keys()
    for key, own in wanted.items():
        assert float((found[key] - own).norm()) <= 1e-5 * float(own.norm()) + 1e-7, key


def test_sub_batches_keep_their_own_means(every_kind: Drive) -> None:
    """As `alternating` has them: each task's mean is over its own sub-batch."""
    rows = all_rows(every_kind)
    step = tuple(SubBatch(rows[at::6], frozenset({name})) for at, name in enumerate(TASKS))
    losses, wanted = gradient(every_kind, step, None)
    in_parts, found = gradient(every_kind, step, 60)
    for name, loss in losses.items():
        assert in_parts[name] == pytest.approx(loss, rel=1e-5)
    for name, own in wanted.items():
        assert float((found[name] - own).norm()) <= 1e-5 * float(own.norm()) + 1e-7, name


def test_no_more_than_the_budget_goes_through_at_once(every_kind: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    model, seen = every_kind.prepared.model, []
    forward = type(model).forward

    def spy(self: Any, ids: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        seen.append(tuple(ids.shape))
        return forward(self, ids, *arguments, **options)

    monkeypatch.setattr(type(model), "forward", spy)
    rows = all_rows(every_kind)
    step = (SubBatch(rows, frozenset(TASKS)),)
    gradient(every_kind, step, 100)
    assert all(count * length <= 100 for count, length in seen)
    assert sum(count for count, _ in seen) == len(rows), "each row once"
    seen.clear()
    gradient(every_kind, step, 8)
    assert {count for count, _ in seen} == {1}, "rows longer than the budget go through alone"
    seen.clear()
    gradient(every_kind, step, 1_000_000)
    assert len(seen) == 1, "what fits is not cut"


def test_the_size_of_a_step_is_that_of_all_its_sub_batches(every_kind: Drive) -> None:
    lengths = [example.row.length for example in every_kind.prepared.examples]
    rows = np.argsort(lengths)
    first, second = SubBatch(rows[:2], frozenset()), SubBatch(rows[-3:], frozenset())
    slots = 2 * lengths[rows[1]] + 3 * lengths[rows[-1]]
    assert every_kind.passes().size([first, second]) == Size(5, lengths[rows[-1]], slots)


def test_a_run_with_a_token_budget_learns_the_same(fit: Fit, write: Write) -> None:
    data = write([*RECORDS] * 10)
    settings: dict[str, Any] = {"epochs": 1, "batch_size": 16, "head_dropout": 0.0, "freeze": "encoder"}
    whole, parts = fit(data, **settings), fit(data, **settings, token_budget=50)
    assert len(whole.steps) == len(parts.steps) == 5
    for one, other in zip(whole.steps, parts.steps, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], abs=1e-5)
        assert (one["rows"], one["tokens"], one["lr"]) == (other["rows"], other["tokens"], other["lr"])


def test_steps_are_numbered_from_where_a_run_goes_on(encoder_folders: dict[str, Path], write: Write) -> None:
    data = {"data.train": write(RECORDS * 2), "data.dev": write(RECORDS, "dev.jsonl")}
    drive = Drive.of(settings_with(encoder=str(encoder_folders["distilbert"]), **data))
    order = drive.order()
    assert [report.step for report in drive.steps(order[3:], first_step=4)] == list(range(4, len(order) + 1))
