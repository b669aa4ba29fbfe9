"""fp16 with a scale of its losses; on a processor, which torch has fp16 for, too."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import polyhead
from polyhead.errors import NonFiniteError, SettingsError, TrainingStoppedError
from polyhead.model import MultiTaskModel
from polyhead.model.fast import CutTable
from polyhead.settings import RunSettings
from polyhead.training import engine as engine_module
from polyhead.training import loop as loop_module
from polyhead.training.engine import make_accelerator, resolve_precision
from polyhead.training.run_folder import RunFolder
from polyhead.training.states import State, StateStore
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Fitted, settings_with
from tests.training.driving import Drive, same_bits
from tests.training.test_resume import Breaker, weights_of

Write = Callable[..., Path]


@pytest.fixture
def settings(encoder_folders: dict[str, Path], write: Write) -> Callable[..., RunSettings]:
    """Three epochs of four steps."""

    def _settings(**training: Any) -> RunSettings:
        wanted = {"precision": "fp16", "batch_size": 6, "epochs": 3, "warmup": 0.0, **training}
        flags = {f"training.{name}": value for name, value in wanted.items()}
        data = {"data.train": write(RECORDS * 3), "data.dev": write(RECORDS, "dev.jsonl")}
        return settings_with(encoder=str(encoder_folders["distilbert"]), **data, **flags)

    return _settings


def overflow_above(drive: Drive, scale: float) -> None:
    """Have gradients overflow with a larger scale, as those of a model with larger gradients do."""
    engine = drive.prepared.engine
    weight = engine.trained[-1]

    def break_it(grad: torch.Tensor) -> torch.Tensor:
        assert engine.scaler is not None
        return grad * math.inf if engine.scaler.get_scale() > scale else grad

    weight.register_hook(break_it)


def test_products_are_fp16_and_all_else_is_fp32(fit: Fit, monkeypatch: pytest.MonkeyPatch) -> None:
    types = set()
    forward, losses = MultiTaskModel.forward, MultiTaskModel.losses

    def spy(self: MultiTaskModel, *arguments: object, **options: object) -> dict[str, torch.Tensor]:
        logits = forward(self, *arguments, **options)
        types.update((self.training, value.dtype) for value in logits.values())
        return logits

    def spy_losses(self: MultiTaskModel, *arguments: object, **options: object) -> dict[str, torch.Tensor]:
        found = losses(self, *arguments, **options)
        assert {loss.dtype for loss in found.values()} == {torch.float32}
        return found

    monkeypatch.setattr(MultiTaskModel, "forward", spy)
    monkeypatch.setattr(MultiTaskModel, "losses", spy_losses)
    fitted = fit(precision="fp16", epochs=1)
    assert types == {(True, torch.float16), (False, torch.float32)}, "dev scores are fp32 in any case"
    assert fitted.account["settings"]["training"]["precision"] == "fp16"
    assert all(math.isfinite(loss) for step in fitted.steps for loss in step["losses"].values())


def test_it_learns_what_fp32_learns(settings: Callable[..., RunSettings]) -> None:
    found = {}
    for precision in ("fp32", "fp16"):
        drive = Drive.of(settings(precision=precision, epochs=1, head_dropout=0.0))
        drive.prepared.model.eval()
        step = drive.order()[0][1]
        found[precision] = drive.passes().backward(step, budget=None), drive.prepared.engine
    (wanted, plain), (losses, scaled) = found["fp32"], found["fp16"]
    assert losses == pytest.approx(wanted, rel=1e-2)
    assert scaled.scaler is not None
    for own, other in zip(plain.trained, scaled.trained, strict=True):
        if own.grad is not None and other.grad is not None and float(own.grad.norm()) > 1e-4:
            grad = other.grad / scaled.scaler.get_scale()
            assert float((grad - own.grad).norm()) <= 0.05 * float(own.grad.norm())
    assert scaled.clip(1.0) == pytest.approx(plain.clip(1.0), rel=1e-2), "the norm is that of unscaled gradients"


@pytest.mark.parametrize("clip", [1e-3, 1e3])
def test_the_weights_do_not_depend_on_the_scale(settings: Callable[..., RunSettings], clip: float) -> None:
    """Powers of two scale floats without rounding, as long as nothing overflows or is lost."""
    found = []
    for scale in (2.0**10, 2.0**12):
        drive = Drive.of(settings(epochs=1))
        engine = drive.prepared.engine
        assert engine.scaler is not None
        engine.scaler.load_state_dict({**engine.scaler.state_dict(), "scale": scale})
        step = drive.order()[0][1]
        with torch.random.fork_rng():
            torch.manual_seed(0)
            drive.passes().backward(step, budget=None)
        norm = engine.clip(clip)
        engine.step()
        found.append((norm, drive.weights()))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-3)
    for name, own in found[0][1].items():
        torch.testing.assert_close(own, found[1][1][name], rtol=1e-4, atol=2e-4)


def test_an_overflow_leaves_the_step_out_and_lowers_the_scale(
    settings: Callable[..., RunSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "find_trouble", lambda *_, **__: pytest.fail("nobody is to blame"))
    drive = Drive.of(settings())
    overflow_above(drive, 2.0**14)
    scaler = drive.prepared.engine.scaler
    assert scaler is not None
    before, scales, rates = drive.weights(), [], []
    for report in drive.steps():
        after = drive.weights()
        assert same_bits(before, after) == (report.step <= 2) == (not report.losses), report.step
        before = after
        scales.append(scaler.get_scale())
        rates.append(report.lr)
    assert scales == [2.0**15, *[2.0**14] * 11]
    assert len(set(rates)) == len(rates), "the schedule goes on"
    assert drive.log == [{"event": "overflow", "epoch": 1, "step": step} for step in (1, 2)]
    assert drive.listener.warnings == []
    assert drive.guard.summary() == ["2 steps were left out until fp16 had a scale that fits ('overflow' in log.jsonl)"]
    assert drive.guard.to_json()["overflows"] == 2


def test_a_step_that_is_left_out_owes_no_decay(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings())
    table = drive.prepared.model.encoder.get_input_embeddings()
    assert isinstance(table, CutTable)
    overflow_above(drive, 2.0**14)
    for report in drive.steps(drive.order()[:5]):
        assert len(table._owed) == max(0, report.step - 2)


def test_what_overflows_at_the_lowest_scale_is_no_finite_number(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings(epochs=10))
    overflow_above(drive, 0.0)
    with pytest.raises(NonFiniteError, match=r"the gradient's norm is (nan|inf)") as caught:
        list(drive.steps())
    assert "try --precision fp32" in str(caught.value)
    assert [event["event"] for event in drive.log] == ["overflow"] * 16 + ["nonfinite"]


def test_the_scale_grows_again(settings: Callable[..., RunSettings]) -> None:
    drive = Drive.of(settings())
    scaler = drive.prepared.engine.scaler
    assert scaler is not None
    scaler.load_state_dict({**scaler.state_dict(), "scale": 2.0**8, "growth_interval": 5})
    list(drive.steps())
    assert scaler.get_scale() == 2.0**10
    assert scaler.state_dict()["_growth_tracker"] == 2


def test_a_run_that_was_broken_off_goes_on_with_its_scale(
    encoder_folders: dict[str, Path], write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a scale that changes on the way, before and after the break."""
    made = engine_module.GradScaler
    monkeypatch.setattr(engine_module, "GradScaler", lambda device: made(device, init_scale=2.0**8, growth_interval=3))
    data = write(RECORDS * 3, "train.jsonl")

    def train(name: str, **options: Any) -> polyhead.TrainedRun:
        wanted: dict[str, Any] = {"dev": data, "encoder": str(encoder_folders["distilbert"]), "precision": "fp16"}
        wanted |= {"epochs": 3, "batch_size": 6, "output": tmp_path / name, "saving": {"every_steps": 1}}
        return polyhead.train(data, **wanted, **options)

    whole = train("whole")
    with pytest.raises(TrainingStoppedError):
        train("broken", reporter=Breaker(step=7))
    state = _newest(tmp_path / "broken")
    assert state.values["scaler"]["scale"] == 2.0**10
    assert state.values["scaler"]["_growth_tracker"] == 1
    resumed = train("broken", resume=True)
    assert weights_of(resumed) == weights_of(whole)
    assert Fitted(resumed).steps == Fitted(whole).steps


def test_states_without_a_scale_still_load(settings: Callable[..., RunSettings]) -> None:
    from polyhead.training import checkpoint
    from polyhead.training.averaging import LastEpochs

    drive = Drive.of(settings())
    model, engine, last = drive.prepared.model, drive.prepared.engine, LastEpochs(1)
    tensors, values = checkpoint.take(model, engine, last)
    assert values.pop("scaler")["scale"] == 2.0**16
    checkpoint.put_back(tensors, values, step=3, model=model, engine=engine, last=last)
    assert engine.scaler is not None
    assert engine.scaler.get_scale() == 2.0**16
    guard = drive.guard.to_json()
    del guard["overflows"]
    drive.guard.restore(guard)


def _newest(folder: Path) -> State:
    account = Fitted(polyhead.TrainedRun(folder, folder, ())).account
    state = StateStore(RunFolder(folder).path / "states").newest(account["id"], warn=pytest.fail)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("has_bf16", "capability", "wanted"),
    [(True, (8, 0), "bf16"), (False, (7, 5), "fp16"), (False, (7, 0), "fp16"), (False, (6, 1), "fp32")],
)
def test_auto_goes_by_the_gpu(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, capability: tuple[int, int], wanted: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    assert resolve_precision("auto") == wanted


def test_auto_never_takes_fp16_on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_precision("auto") in {"bf16", "fp32"}


def test_other_devices_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "_FUSED", frozenset())
    with pytest.raises(SettingsError, match=r"training\.precision: fp16 trains on CUDA GPUs and on processors, found"):
        make_accelerator("fp16")
