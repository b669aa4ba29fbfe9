"""`add-head` and `remove-head` at the command line; what they do to a model is tested in tests/training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import polyhead
from polyhead.training import TrainedRun
from tests.conftest import RECORDS

TEXTS = [str(record["sentence"]) for record in RECORDS]


def logits_of(model: Path, task: str) -> list[np.ndarray]:
    return [reading.logits[task] for reading in polyhead.Predictor.load(model).read(TEXTS)]


@pytest.fixture
def config(configure: Callable[..., Path], write: Callable[..., Path], tmp_path: Path) -> Path:
    topics = write([{"sentence": text, "label": f"t{at % 2}"} for at, text in enumerate(TEXTS * 8)], "topics.jsonl")
    return configure(
        encoder="no-such/encoder",  # the model's own is taken
        data={"train": [topics]},
        tasks={
            "topic": {"kind": "single_label", "field": "label", "layers": "mix", "pooling": "attention", "hidden": 16}
        },
        output=tmp_path / "more",
        training={"epochs": 3, "head_lr": 1e-2, "average": 3, "precision": "fp32"},
    )


def test_a_head_comes_and_goes(trained: TrainedRun, config: Path, cli: Callable[..., Any], tmp_path: Path) -> None:
    more, less = tmp_path / "more", tmp_path / "less"
    added = cli("add-head", trained.folder, "--task", "topic", "--config", config)
    assert added.status == 0, added.err
    assert "the other heads' logits are bit-equal to before" in added.err
    for task in ("classification", "ner"):
        pairs = zip(logits_of(trained.folder, task), logits_of(more, task), strict=True)
        assert all(np.array_equal(before, after) for before, after in pairs)
    shown = cli("info", more).out
    assert "topic: single_label" in shown
    assert "added" in shown
    answer = json.loads(cli("predict", more, TEXTS[0], "--json").out)
    assert list(answer) == ["text", "classification", "ner", "topic"]

    topics = tmp_path / "topics.jsonl"
    unclear = cli("evaluate", more, topics)
    assert unclear.status == 2
    assert "'classification' and 'topic' both read the field 'label'" in unclear.err
    scores = json.loads(cli("evaluate", more, topics, "--task", "topic", "--json").out)
    assert scores["tasks"]["topic"]["accuracy"] > 0.6

    removed = cli("remove-head", more, "--task", "topic", "--output", less)
    assert removed.status == 0, removed.err
    assert list(json.loads(cli("predict", less, TEXTS[0], "--json").out)) == ["text", "classification", "ner"]
    for task in ("classification", "ner"):
        pairs = zip(logits_of(trained.folder, task), logits_of(less, task), strict=True)
        assert all(np.array_equal(before, after) for before, after in pairs)


def test_a_single_file_can_be_given_a_head(
    single_file_run: TrainedRun, config: Path, cli: Callable[..., Any], tmp_path: Path
) -> None:
    model = single_file_run.folder / "mtl_epoch2.pt"
    done = cli("add-head", model, "--task", "topic", "--config", config)
    assert done.status == 0, done.err
    pairs = zip(logits_of(model, "ner"), logits_of(tmp_path / "more", "ner"), strict=True)
    assert all(np.array_equal(before, after) for before, after in pairs)


def test_what_cannot_be(
    trained: TrainedRun, single_file_run: TrainedRun, config: Path, fails: Callable[..., str], tmp_path: Path
) -> None:
    folder = trained.folder
    assert "has a task 'ner' already" in fails("add-head", folder, "--task", "ner", "--config", config)
    said = fails("add-head", folder, "--task", "topik", "--config", config)
    assert "the settings describe no task 'topik'" in said
    assert "did you mean 'topic'?" in said
    for model in (folder, folder / "epoch-1", single_file_run.folder / "mtl_epoch1.pt"):
        own = folder if model.is_dir() else single_file_run.folder
        said = fails("add-head", model, "--task", "topic", "--config", config, "--output", own)
        assert "holds the model itself" in said
    said = fails("remove-head", folder, "--task", "nre", "--output", tmp_path / "less")
    assert "no task 'nre'; known: classification, ner (did you mean 'ner'?)" in said
    assert "is there already" in fails("remove-head", folder, "--task", "ner", "--output", tmp_path)
