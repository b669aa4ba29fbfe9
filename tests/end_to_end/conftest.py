"""`cli`: the command line, called in this process; `script`: the two plain scripts, in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from polyhead.cli.app import app, run
from polyhead.training import TrainedRun
from tests.end_to_end import many_kinds

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Cli = Callable[..., Outcome]
Configure = Callable[..., Path]


def toml(value: Any) -> str:
    """Write a value as TOML, tables inline."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def write_settings(path: Path, settings: Mapping[str, Any]) -> Path:
    """Write a settings file."""
    path.write_text("".join(f"{key} = {toml(value)}\n" for key, value in settings.items()), encoding="utf-8")
    return path


def write_records(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    """Write records as JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run `polyhead` with arguments, in this process."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("NO_COLOR", "1")

    def _cli(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = run(app, [str(argument) for argument in arguments])
        return Outcome(status, *capsys.readouterr())

    return _cli


def run_python(*arguments: object, cwd: Path | None = None, stdin: str = "", **environment: str) -> Outcome:
    """Run `python` with arguments, in a process of its own."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd or ROOT,
        input=stdin,
        env={**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", **environment},
        timeout=300,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """Run `python` with arguments, in a process of its own."""
    return run_python


@pytest.fixture
def bundle(trained: TrainedRun, tmp_path: Path) -> Path:
    """A copy of a bundle, to be broken."""
    return Path(shutil.copytree(trained.best, tmp_path / "bundle"))


@pytest.fixture
def encoder(encoder_folders: dict[str, Path]) -> str:
    return str(encoder_folders["distilbert"])


@pytest.fixture
def configure(tmp_path: Path, encoder: str) -> Configure:
    """Write a settings file from its sections; the encoder is the tiny one where none is given."""

    def _configure(name: str = "run.toml", **settings: Any) -> Path:
        return write_settings(tmp_path / name, {"encoder": encoder, **settings})

    return _configure


@pytest.fixture(scope="session")
def every_kind(tmp_path_factory: pytest.TempPathFactory, encoder_folders: dict[str, Path]) -> Path:
    """The output folder of a run with a task of every kind. Do not change it."""
    folder = tmp_path_factory.mktemp("every_kind")
    settings = {
        "encoder": encoder_folders["distilbert"],
        "output": folder / "run",
        "data": {
            "train": write_records(folder / "train.jsonl", many_kinds.PARTS),
            "dev": write_records(folder / "dev.jsonl", many_kinds.WHOLE),
        },
        "tasks": many_kinds.TASKS,
        "training": many_kinds.TRAINING,
    }
    assert run(app, ["train", "--config", str(write_settings(folder / "run.toml", settings))]) == 0
    return folder / "run"


@pytest.fixture
def fails(cli: Cli, tmp_path: Path) -> Callable[..., str]:
    """Run a command that must fail cleanly; return what it said."""

    def _fails(*arguments: object) -> str:
        before = set(tmp_path.rglob("*"))
        done = cli(*arguments)
        assert done.status == 2, done
        assert done.out == ""
        assert "Traceback" not in done.err
        assert "unexpected" not in done.err
        assert len(done.err) < 3000
        left = set(tmp_path.rglob("*")) - before
        assert not left, "something half-written was left"
        return done.err

    return _fails


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A file that trains."""
    record = {"sentence": "John lives in Berlin.", "label": 1, "ner_tags": ["B-PER", "O", "O", "B-LOC"]}
    path = tmp_path / "good.jsonl"
    path.write_text((json.dumps(record) + "\n") * 20)
    return path
