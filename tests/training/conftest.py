"""`fit`: a short run of the tiny DistilBERT, with its files at hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.settings import RunSettings, load_settings
from polyhead.training import Reporter, TrainedRun
from polyhead.training.reporting import StepReport


@dataclass(frozen=True)
class Fitted:
    run: TrainedRun

    @property
    def account(self) -> dict[str, Any]:
        return json.loads((self.run.folder / "run.json").read_text(encoding="utf-8"))

    @property
    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run.folder / "log.jsonl").read_text("utf-8").splitlines()]

    @property
    def steps(self) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == "step"]


class Listener(Reporter):
    """Keeps the reports of all steps, and what was said."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []
        self.lines: list[tuple[str, str]] = []
        self.warnings: list[str] = []

    def step(self, report: StepReport) -> None:
        self.steps.append(report)

    def info(self, topic: str, line: str) -> None:
        self.lines.append((topic, line))

    def warn(self, line: str) -> None:
        self.warnings.append(line)


Fit = Callable[..., Fitted]


def settings_with(
    *, sets: Mapping[str, Any] | None = None, tasks: Mapping[str, Any] | None = None, **flags: Any
) -> RunSettings:
    """Settings with these data sets and tasks."""
    return load_settings(None, (), {"data.sets": sets, "tasks": tasks, **flags})


@pytest.fixture
def fit(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> Fit:
    """Train; all arguments are those of `polyhead.train`, and `sets` for `[data.sets.NAME]` in a settings file."""
    numbers = itertools.count(1)

    def _fit(data: Path | None = None, *, sets: Mapping[str, Any] | None = None, **settings: Any) -> Fitted:
        number = next(numbers)
        wanted = {"encoder": str(encoder_folders["distilbert"]), "precision": "fp32"}
        wanted |= {"output": tmp_path / f"run{number}", **settings}
        if sets is None:
            return Fitted(polyhead.train(data or small_data, **{"dev": small_data, **wanted}))
        config = tmp_path / f"run{number}.toml"
        config.write_text(f"[data]\nsets = {_toml(sets)}\n", encoding="utf-8")
        return Fitted(polyhead.train(config=config, **wanted))

    return _fit


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(str(value) if isinstance(value, Path) else value)
