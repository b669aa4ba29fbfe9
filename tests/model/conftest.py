"""A small model with random weights, and its parts as a bundle wants them; Hypothesis without a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, settings

from polyhead.bundle import About
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel
from polyhead.model.weights import load_model
from polyhead.training import TrainedRun

Parts = dict[str, Any]

settings.register_profile(
    "patient", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")


@pytest.fixture
def parts(trained: TrainedRun) -> Parts:
    """The keyword arguments of `write_folder` and `write_single_file`, less the weights."""
    bundle = open_model(trained.best)
    about: About = bundle.about
    return {"about": about, "config_json": bundle.config_json, "tokenizer_json": bundle.tokenizer_json}


@pytest.fixture
def model(trained: TrainedRun) -> MultiTaskModel:
    return load_model(open_model(trained.best))


@pytest.fixture
def single_file(tmp_path: Path, parts: Parts, model: MultiTaskModel) -> Callable[..., Path]:
    """Write a `.pt` file like ours, with some of its content replaced; `None` takes a key out."""

    def _write(**changes: Any) -> Path:
        content = {
            "format": "polyhead",
            "polyhead.json": parts["about"].dump(),
            "config.json": parts["config_json"],
            "tokenizer.json": parts["tokenizer_json"],
            "model_state_dict": dict(model.state_dict()),
        }
        content |= changes
        path = tmp_path / "model.pt"
        torch.save({key: value for key, value in content.items() if value is not None}, path)
        return path

    return _write
