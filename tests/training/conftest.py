"""`fit`: a short run of the tiny DistilBERT, with its files at hand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.training import TrainedRun


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


Fit = Callable[..., Fitted]


@pytest.fixture
def fit(encoder_folders: dict[str, Path], small_data: Path, tmp_path: Path) -> Fit:
    """Train; all arguments are those of `polyhead.train`."""
    numbers = itertools.count(1)

    def _fit(data: Path | None = None, **settings: Any) -> Fitted:
        wanted = {"encoder": str(encoder_folders["distilbert"]), "precision": "fp32", "dev": small_data}
        wanted |= {"output": tmp_path / f"run{next(numbers)}"} | settings
        return Fitted(polyhead.train(data or small_data, **wanted))

    return _fit
