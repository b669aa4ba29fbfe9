"""`cli`: the command line, called in this process; `script`: the two plain scripts, in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from polyhead.cli.app import app, run
from polyhead.training import TrainedRun

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Cli = Callable[..., Outcome]


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


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """Run `python` with arguments, in a process of its own."""

    def _process(*arguments: object, cwd: Path | None = None, stdin: str = "", **environment: str) -> Outcome:
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

    return _process


@pytest.fixture
def bundle(trained: TrainedRun, tmp_path: Path) -> Path:
    """A copy of a bundle, to be broken."""
    return Path(shutil.copytree(trained.best, tmp_path / "bundle"))


@pytest.fixture
def encoder(encoder_folders: dict[str, Path]) -> str:
    return str(encoder_folders["distilbert"])


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
