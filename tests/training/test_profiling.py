"""Where the time of steps goes: all of it is accounted for, and what is counted is what went through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from polyhead.model.freezing import freeze, layers_of
from polyhead.notices import Notices
from polyhead.settings import load_settings
from polyhead.training import precision as precision_module
from polyhead.training.engine import resolve_precision
from polyhead.training.prepare import Prepared, prepare
from polyhead.training.profiling import PARTS, Profile, machine_rate, operations
from tests.training.conftest import Fit, Fitted, Listener


class Hears(Listener):
    def __init__(self) -> None:
        super().__init__()
        self.profiles: list[Sequence[str]] = []

    def profile(self, lines: Sequence[str]) -> None:
        self.profiles.append(lines)


@pytest.fixture
def prepared(encoder_folders: dict[str, Path], small_data: Path) -> Prepared:
    flags = {"data.train": small_data, "data.dev": small_data, "encoder": str(encoder_folders["distilbert"])}
    return prepare(load_settings(None, (), flags), Notices())


def test_the_parts_make_up_the_steps(fit: Fit) -> None:
    listener = Hears()
    fitted = fit(profile=True, epochs=2, batch_size=4, reporter=listener)
    (found,) = [line for line in fitted.log if line["event"] == "profile"]
    assert found["parts"].keys() == PARTS.keys()
    assert all(seconds > 0 for seconds in found["parts"].values())
    assert 0.5 * found["seconds"] < sum(found["parts"].values()) <= found["seconds"]
    later = fitted.steps[1:]  # the first only warms up
    assert found["steps"] == len(later)
    assert found["rows"] == sum(step["rows"] for step in later)
    assert found["tokens"] == sum(step["tokens"] for step in later) <= found["slots"]
    assert found["machine"] > found["operations"] / found["seconds"] > 0
    (lines,) = listener.profiles
    assert [line.split()[0] for line in lines] == [*PARTS, "other", "step", "speed", "padding", "products"]


def test_without_being_asked_nothing_is_timed(fit: Fit) -> None:
    listener = Hears()
    fitted = fit(epochs=1, reporter=listener)
    assert not listener.profiles
    assert not [line for line in fitted.log if line["event"] == "profile"]


def test_timing_changes_nothing_of_the_weights(fit: Fit) -> None:
    weights = [
        (fit(profile=profile, epochs=1).run.best / "model.safetensors").read_bytes() for profile in (True, False)
    ]
    assert weights[0] == weights[1]


def test_operations_are_counted_by_hand(prepared: Prepared) -> None:
    """Two layers of 32 wide states and 64 wide inner ones; rows of 3 and 5 pieces."""
    layer = 4 * 32 * 32 + 2 * 32 * 64
    forward = 2 * (2 * 8 * layer + 2 * 2 * (3 * 3 + 5 * 5) * 32)
    assert operations(prepared.model, [3, 5]) == 3 * forward
    freeze(prepared.model.encoder, 1)
    assert operations(prepared.model, [3, 5]) == 3 * forward / 2 + forward / 2
    assert len(layers_of(prepared.model.encoder)) == 2


def test_of_an_encoder_that_did_not_run_nothing_is_counted(fit: Fit) -> None:
    """Its states were computed before the first step."""
    fitted = fit(profile=True, epochs=2, batch_size=4, freeze="encoder")
    (found,) = [line for line in fitted.log if line["event"] == "profile"]
    assert found["steps"]
    assert found["operations"] == 0.0


def test_a_run_of_one_step_has_nothing_to_tell() -> None:
    profile = Profile(0, 0.0, dict.fromkeys(PARTS, 0.0), 0, 0, 0, 0.0, 1.0)
    assert profile.lines() == ["no step was timed: the first only warms up"]


def test_the_machine_is_measured() -> None:
    assert machine_rate(torch.device("cpu"), "fp32") > 1e8


@pytest.mark.parametrize("faster", [True, False])
def test_bf16_is_taken_where_it_is_faster(monkeypatch: pytest.MonkeyPatch, faster: bool) -> None:
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: True)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("polyhead.training.engine.bf16_is_faster", lambda device: faster)
    assert resolve_precision("auto") == ("bf16" if faster else "fp32")
    assert resolve_precision("bf16") == "bf16"


def test_what_is_faster_is_found_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = precision_module.bf16_is_faster.__wrapped__
    for low_takes, expected in ((0.5, True), (0.95, False), (2.0, False)):
        monkeypatch.setattr(precision_module, "_timed", lambda *_, low, takes=low_takes: takes if low else 1.0)
        assert measure("cpu") is expected


def test_a_run_that_goes_on_keeps_the_precision_that_was_found(
    fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the clock would decide now."""
    monkeypatch.setattr("torch.cpu._is_amx_tile_supported", lambda: True)
    monkeypatch.setattr("polyhead.training.engine.bf16_is_faster", lambda device: True)
    begun = fit(precision="auto", epochs=1, output=tmp_path / "run")
    assert begun.account["settings"]["training"]["precision"] == "bf16"
    monkeypatch.setattr("polyhead.training.engine.bf16_is_faster", lambda device: False)
    again = fit(precision="auto", epochs=1, output=tmp_path / "run", resume=True)
    assert isinstance(again, Fitted)
    assert again.account["settings"]["training"]["precision"] == "bf16"


def test_the_command_line_shows_it(
    encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from polyhead.cli.app import app

    options = ["--encoder", str(encoder_folders["distilbert"]), "--output", str(tmp_path / "run")]
    options += ["--epochs", "1", "--batch-size", "4", "--profile"]
    with pytest.raises(SystemExit) as ended:
        app(["train", str(small_data), "--dev", str(small_data), *options])
    assert ended.value.code == 0
    shown = capfd.readouterr().err
    assert "where a step's time goes" in shown
    assert "slots a token" in shown
    assert "GFLOP/s" in shown
