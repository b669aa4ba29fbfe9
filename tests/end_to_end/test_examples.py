"""The settings files in examples/: they are what the code takes, and they train."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.settings import load_settings
from polyhead.tasks import options_of

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_settings_are_what_the_code_takes(path: Path) -> None:
    settings = load_settings(path)
    assert settings.tasks
    for name, task in settings.tasks.items():
        options_of(name, task)
    for own in settings.data.all_sets().values():
        assert own.train
        assert set(own.tasks or ()) <= set(settings.tasks)


def test_new_texts_from_old_ones(tmp_path: Path) -> None:
    data = EXAMPLES.parent / "data" / "train.json"
    output = tmp_path / "new.txt"
    command = [sys.executable, EXAMPLES / "recombine.py", data, "ner_tags", output]
    subprocess.run(command, check=True, capture_output=True)
    texts = output.read_text(encoding="utf-8").splitlines()
    old = {record["sentence"] for record in json.loads(data.read_text(encoding="utf-8"))}
    assert len(texts) > 100
    assert not old & set(texts)
    assert {word for text in texts for word in text.split()} <= {word for text in old for word in text.split()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "floors"),
    [
        ("hotels", {"intents": ("micro_f1", 0.7), "slots": ("f1", 0.3)}),
        ("three_sets", {"topic": ("accuracy", 0.5), "entities": ("f1", 0.3), "slots": ("f1", 0.8)}),
    ],
)
def test_the_examples_learn(
    name: str, floors: dict[str, tuple[str, float]], real_data: Path, cli: Callable[..., Any], tmp_path: Path
) -> None:
    del real_data
    options = ("--output", tmp_path / "run", "--epochs", 2)
    done = cli("train", "--config", EXAMPLES / f"{name}.toml", *options)
    assert done.status == 0, done.err
    best = max(json.loads((tmp_path / "run" / "run.json").read_text())["epochs"], key=lambda epoch: epoch["score"])
    for task, (metric, floor) in floors.items():
        assert best["dev"]["tasks"][task][metric] > floor
