"""When memory runs out, a run goes on with less at once, says so once, and learns the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from polyhead.errors import TrainingError
from polyhead.model import MultiTaskModel
from polyhead.settings import RunSettings
from polyhead.training.passes import is_out_of_memory
from tests.conftest import RECORDS
from tests.tiny_encoders import save_encoder
from tests.training.conftest import Fit, Listener, settings_with
from tests.training.driving import Drive, same_bits

Write = Callable[..., Path]

ON_A_GPU = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
ON_A_PROCESSOR = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory"
)


@pytest.fixture
def without_dropout(tmp_path: Path) -> Path:
    folder = save_encoder("distilbert", tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "dropout": 0.0, "attention_dropout": 0.0}))
    return folder


@pytest.fixture
def settings(encoder_folders: dict[str, Path], write: Write) -> Callable[..., RunSettings]:
    """Ten steps of 16 rows."""

    def _settings(**training: Any) -> RunSettings:
        flags = {"encoder": str(encoder_folders["distilbert"]), "data.train": write(RECORDS * 10)}
        flags |= {"data.dev": write(RECORDS, "dev.jsonl"), "training.precision": "fp32", "training.batch_size": 16}
        return settings_with(**flags, **{f"training.{name}": value for name, value in training.items()})

    return _settings


class Room:
    """Room for so many pieces: a pass of more fails, as on a GPU that is too small."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pieces: int, error: Exception = ON_A_GPU) -> None:
        self.pieces, self.failed = pieces, 0
        forward = MultiTaskModel.forward

        def narrow(model: MultiTaskModel, ids: torch.Tensor, *arguments: Any, **options: Any) -> Any:
            if model.training and ids.numel() > self.pieces:
                self.failed += 1
                raise error
            return forward(model, ids, *arguments, **options)

        monkeypatch.setattr(MultiTaskModel, "forward", narrow)


@pytest.mark.parametrize("error", [ON_A_GPU, ON_A_PROCESSOR, MemoryError()])
def test_a_run_goes_on_and_learns_the_same(
    fit: Fit, write: Write, without_dropout: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    data = write(RECORDS * 10)
    options: dict[str, Any] = {"encoder": str(without_dropout), "head_dropout": 0.0, "batch_size": 16, "epochs": 2}
    wanted = fit(data, **options)
    room, listener = Room(monkeypatch, 40, error), Listener()
    found = fit(data, **options, reporter=listener)
    assert room.failed >= 2
    assert len(found.steps) == len(wanted.steps) == 10
    for one, other in zip(wanted.steps, found.steps, strict=True):
        assert one["losses"] == pytest.approx(other["losses"], abs=1e-4)
        assert one["rows"] == other["rows"]
    for name, weight in load_file(wanted.run.best / "model.safetensors").items():
        torch.testing.assert_close(load_file(found.run.best / "model.safetensors")[name], weight, atol=2e-4, rtol=1e-3)
    said = [line for line in listener.warnings if "memory" in line]
    assert len(said) == 1
    first, *further = (line for line in found.log if line["event"] == "memory")
    assert further, "halved more than once, said once"
    assert said[0].startswith(
        f"memory ran out in epoch 1, step 1: 16 rows of up to {first['longest']} pieces did not fit. "
        f"From now on at most {first['token_budget']} pieces go through at once"
    )
    assert first["slots"] == 16 * first["longest"] == 2 * first["token_budget"]
    budgets = [line["token_budget"] for line in (first, *further)]
    assert budgets == sorted(budgets, reverse=True)
    assert ("guard", f"memory ran out; at the end at most {budgets[-1]} pieces went through at once: "
            f"training.token_budget={budgets[-1]} begins so") in listener.lines  # fmt: skip


def test_it_is_as_if_the_budget_had_been_set(
    settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout and all: what was drawn before memory ran out is drawn again."""
    taught = []
    for broken in ("forward", "backward", "nothing"):
        drive = Drive.of(settings(epochs=1, **({"token_budget": taught[0][0]} if broken == "nothing" else {})))
        with monkeypatch.context() as patch:
            if broken == "forward":
                slots = drive.passes().size(drive.order()[0][1]).slots
                Room(patch, slots - 1)
            elif broken == "backward":
                _fail_once_after_backward(patch)
            assert len(list(drive.steps())) == 5
        taught.append((drive.guard.token_budget, drive.weights()))
    assert len({budget for budget, _ in taught}) == 1
    assert same_bits(taught[0][1], taught[1][1]), "gradients of a pass that failed are dropped"
    assert same_bits(taught[0][1], taught[2][1])


def _fail_once_after_backward(patch: pytest.MonkeyPatch) -> None:
    backward, failed = Accelerator.backward, []

    def fail(accelerator: Accelerator, loss: torch.Tensor) -> None:
        backward(accelerator, loss)
        if not failed:
            failed.append(True)
            raise ON_A_GPU

    patch.setattr(Accelerator, "backward", fail)


def test_sub_batches_that_do_not_fit_together_go_through_one_by_one(
    settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of `alternating` holds the graphs of all its sub-batches, which is what may not fit."""
    drive = Drive.of(settings(epochs=1, strategy="alternating"))
    held, forward, backward = [], MultiTaskModel.forward, Accelerator.backward

    def hold(model: MultiTaskModel, ids: torch.Tensor, *arguments: Any, **options: Any) -> Any:
        held.append(ids.numel())
        if sum(held) > 160:
            held.clear()
            raise ON_A_GPU
        return forward(model, ids, *arguments, **options)

    def let_go(accelerator: Accelerator, loss: torch.Tensor) -> None:
        held.clear()
        backward(accelerator, loss)

    monkeypatch.setattr(MultiTaskModel, "forward", hold)
    monkeypatch.setattr(Accelerator, "backward", let_go)
    reports = list(drive.steps())
    assert all(set(report.losses) == {"classification", "ner"} for report in reports)
    assert 80 <= (drive.guard.token_budget or 0) <= 160


def test_a_row_that_does_not_fit_ends_the_run(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    Room(monkeypatch, 4)
    with pytest.raises(
        TrainingError,
        match=r"memory ran out in epoch 1, step 1 with a single row of \d+ pieces; .*encoding\.max_length",
    ) as caught:
        fit()
    assert "did not fit" not in str(caught.value)


def test_an_optimizer_that_does_not_fit_ends_the_run(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise ON_A_GPU

    monkeypatch.setattr(torch.optim.AdamW, "step", fail)
    with pytest.raises(TrainingError, match="smaller batches do not help"):
        fit()


def test_other_errors_are_left_alone(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    Room(monkeypatch, 0, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        fit()
    assert not is_out_of_memory(ValueError("out of memory. No, out of ideas"))


def test_a_resumed_run_knows_what_fits(settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = (Drive.of(settings(epochs=1)) for _ in range(2))
    Room(monkeypatch, 40)
    list(first.steps(first.order()[:1]))
    second.guard.restore(json.loads(json.dumps(first.guard.to_json())))
    room = Room(monkeypatch, 40)
    list(second.steps(second.order()[1:], first_step=2))
    assert room.failed == 0
    assert second.guard.token_budget == first.guard.token_budget
    assert second.listener.warnings == [], "what was said is not said again"
    assert second.guard.summary() == first.guard.summary()


REAL = """
import json, resource, sys
from pathlib import Path
import polyhead
from polyhead.training import Reporter

class Narrow(Reporter):
    def start(self, **_):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 150 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    def warn(self, line):
        print(line)

data, encoder, output = sys.argv[1:]
run = polyhead.train(data, encoder=encoder, output=output, epochs=1, batch_size=32, precision="fp32",
                     reporter=Narrow())
print("finished", len(run.epochs))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the size of a process is read from /proc")
def test_memory_that_really_runs_out(tmp_path: Path, write: Write) -> None:
    """A process that may grow by 150 MB, and batches that need several times that."""
    encoder = save_encoder("distilbert", tmp_path / "wide", max_positions=512)
    text = "play some music please " * 100
    records = [{"sentence": f"{text} {at}", "label": at % 2} for at in range(64)]
    command = [sys.executable, "-c", REAL, str(write(records)), str(encoder), str(tmp_path / "out")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps, memory = ([line for line in log if line["event"] == event] for event in ("step", "memory"))
    assert memory
    assert [line["step"] for line in steps] == list(range(1, len(steps) + 1))
    assert done.stdout.count("memory ran out") == 1
    assert "finished 1" in done.stdout
