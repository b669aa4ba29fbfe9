"""Runs that end early: what is shown, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyhead.errors import DataError, SettingsError
from polyhead.training import TrainedRun
from tests.end_to_end.conftest import Cli


def test_debug_shows_the_traceback(cli: Cli, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        cli("train", tmp_path / "absent.json", "--encoder", "minilm", "--output", tmp_path / "run", "--debug")
    with pytest.raises(SettingsError, match="no training data"):
        cli("--debug", "train", "--output", tmp_path / "run")


def test_a_fault_of_ours_is_said_to_be_one(cli: Cli, trained: TrainedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("polyhead.inference.predictor.Predictor._decode_all", fault)
    done = cli("predict", trained.folder, "x")
    assert done.status == 2
    assert "unexpected ZeroDivisionError: oops" in done.err
    assert "Traceback" not in done.err
    with pytest.raises(ZeroDivisionError):
        cli("predict", trained.folder, "x", "--debug")


def test_a_run_that_stops_leaves_whole_bundles(
    cli: Cli, small_data: Path, tmp_path: Path, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up while the second epoch is saved."""
    from polyhead.training import epoch_end

    save, calls = epoch_end.save_weights, []

    def failing(model: object, path: Path) -> None:
        calls.append(path)
        if len(calls) == 2:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")
        save(model, path)  # type: ignore[arg-type]

    monkeypatch.setattr(epoch_end, "save_weights", failing)
    output = tmp_path / "run"
    done = cli("train", small_data, "--encoder", encoder, "--output", output, "--batch-size", 64)
    assert done.status == 2
    assert f"error: {output / 'epoch-2'} could not be saved: No space left on device. What was saved before" in done.err
    assert sorted(path.name for path in output.iterdir()) == ["epoch-1", "log.jsonl", "run.json"]
    assert cli("predict", output, "John lives in Berlin.", "--json").status == 0


def test_interrupted(cli: Cli, small_data: Path, tmp_path: Path, encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from polyhead.cli.reporter import ConsoleReporter

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ConsoleReporter, "epoch", interrupt)
    done = cli("train", small_data, "--encoder", encoder, "--output", tmp_path / "run", "--batch-size", 64)
    assert done.status == 130
    assert "Traceback" not in done.err
    assert cli("info", tmp_path / "run").status == 0, "the epoch that was done is whole"
