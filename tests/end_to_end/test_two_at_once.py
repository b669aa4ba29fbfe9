"""Two processes that would write into one output folder: the second is refused, a killed first is in nobody's way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyhead.bundle.alone import LOCK_FILE
from tests.end_to_end.conftest import ROOT, Cli, Configure, write_records
from tests.end_to_end.test_find_issues import FAST, variants

SHORT = ("--set", "training.epochs=1")
Begin = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Begin a command in a process of its own, and wait until a file is there, or it has said something."""
    begun: list[subprocess.Popen[bytes]] = []

    def _begin(*arguments: object, until: Path | str) -> subprocess.Popen[bytes]:
        said = tmp_path / "said.txt"
        with said.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "polyhead", *map(str, arguments)],
                cwd=ROOT,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                stdout=stream,
                stderr=stream,
            )
        begun.append(process)
        waited = time.monotonic()
        while not (until.exists() if isinstance(until, Path) else until in said.read_text()):
            assert process.poll() is None, said.read_text()
            assert time.monotonic() - waited < 120
            time.sleep(0.02)
        return process

    yield _begin
    for process in begun:
        process.kill()
        process.wait()


@pytest.fixture
def config(configure: Configure, tmp_path: Path) -> Path:
    """Trainings of so many epochs that none of them ends by itself in these tests."""
    records = variants()
    return configure(
        data={
            "train": write_records(tmp_path / "train.jsonl", records[:96]),
            "dev": write_records(tmp_path / "dev.jsonl", records[96:112]),
            "test": write_records(tmp_path / "test.jsonl", records[112:]),
        },
        training={**FAST, "epochs": 10_000},
        saving={"every_steps": 5, "every_minutes": 0.0},
    )


def refusal(process: subprocess.Popen[bytes], folder: Path) -> str:
    return f"error: output: another process ({process.pid}) works in {folder}, and both would write the same files"


def test_two_trainings(begin: Begin, cli: Cli, config: Path, tmp_path: Path) -> None:
    output, dev = tmp_path / "out", tmp_path / "dev.jsonl"
    first = begin("train", "--config", config, "--output", output, until=output / "epoch-1")
    for more in ([], ["--resume"]):
        done = cli("train", "--config", config, "--output", output, "--epochs", 1, *more)
        assert done.status == 2
        assert refusal(first, output) in done.err
        assert "wait until it has ended, or name another folder" in done.err
    run = json.loads((output / "run.json").read_text())["id"]
    # Who reads what is there already is not in the way, nor is he hindered.
    assert cli("predict", output / "epoch-1", "John lives in Berlin.", "--json").status == 0
    assert cli("evaluate", output / "epoch-1", dev, "--json", "--resamples", 0).status == 0
    assert cli("info", output).status == 0
    assert first.poll() is None
    first.kill()
    first.wait()
    assert (output / LOCK_FILE).is_file()
    again = begin("train", "--config", config, "--output", output, "--resume", until="resume  after step")
    assert json.loads((output / "run.json").read_text())["id"] == run, "it goes on with the very run"
    again.terminate()
    assert again.wait(timeout=60) != 0
    assert not (output / LOCK_FILE).exists()
    assert cli("train", "--config", config, "--output", output, "--epochs", 1).status == 0
    assert sorted(path.name for path in output.iterdir()) == ["epoch-1", "log.jsonl", "run.json"]


def test_two_searches(begin: Begin, cli: Cli, config: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    first = begin("tune", config, "--trials", 2, "--output", output, until=output / "trial" / "epoch-1")
    done = cli("tune", config, "--trials", 1, "--output", output, *SHORT)
    assert done.status == 2
    assert refusal(first, output) in done.err
    done = cli("train", "--config", config, "--output", output, *SHORT)
    assert done.status == 2, "nor does a training replace what a search is writing"
    assert (output / "trial" / "epoch-1").is_dir()
    first.kill()
    first.wait()
    for _ in range(2):  # the second finds it finished
        done = cli("tune", config, "--trials", 1, "--output", output, "--json", *SHORT, "--anew")
        assert done.status == 0, done.err
    assert not (output / LOCK_FILE).exists()


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_two_studies(begin: Begin, cli: Cli, config: Path, tmp_path: Path, workers: int) -> None:
    output = tmp_path / "out"
    command = ["study", config, "--seeds", 1, "--output", output, "--workers", workers]
    first = begin(*command, until=output / "trainings" / "begun.json")
    done = cli(*command, *SHORT)
    assert done.status == 2
    assert refusal(first, output) in done.err
    first.kill()
    first.wait()
    done = cli(*command, *SHORT, "--anew", "--json")
    assert done.status == 0, done.err
    assert json.loads(cli(*command, *SHORT, "--json").out)["seeds"] == [42]
    assert sorted(path.name for path in output.iterdir()) == ["study.html", "study.json", "study.svg", "trainings"]


def test_two_learning_curves(begin: Begin, cli: Cli, config: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    command = ["learning-curve", config, "--output", output]
    first = begin(*command, until=output / "run" / "epoch-1")
    done = cli(*command, *SHORT)
    assert done.status == 2
    assert refusal(first, output) in done.err
