"""Jumps of a loss are found, ordinary training has none, and what is usual survives a resume."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyhead.training.spikes import Spikes
from tests.conftest import RECORDS
from tests.training.conftest import Fit, Listener

Write = Callable[..., Path]


def training(steps: int, seed: int = 0) -> Iterator[float]:
    """Losses that fall from 2 to next to nothing, noisily, with a hard record now and then."""
    random = np.random.default_rng(seed)
    for step in range(steps):
        hard = 0.3 * random.random() if random.random() < 0.03 else 0.0
        yield float(2.0 * math.exp(-step / 60) * random.lognormal(0, 0.3) + 1e-4 * random.lognormal(0, 1) + hard)


def found_in(losses: list[float], spikes: Spikes | None = None) -> list[int]:
    spikes = spikes or Spikes()
    return [at for at, loss in enumerate(losses) if spikes.look_at("task", loss) is not None]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_training_has_none(seed: int) -> None:
    assert found_in(list(training(2000, seed))) == []


@pytest.mark.parametrize("at", [60, 300, 1900])
def test_a_jump_is_found_early_and_late(at: int) -> None:
    losses = list(training(2000))
    losses[at] = 6.0
    assert found_in(losses) == [at]


def test_two_jumps_in_a_row_are_two() -> None:
    losses = list(training(500))
    losses[300] = losses[301] = 50.0
    assert found_in(losses) == [300, 301]


def test_losses_that_stay_up_become_usual() -> None:
    losses = [*training(300), *(4.0 + loss for loss in training(300))]
    found = found_in(losses)
    assert found[0] == 300
    assert len(found) < 30


def test_nothing_is_said_before_enough_was_seen() -> None:
    assert found_in([1.0] * 20 + [100.0]) == []


def test_losses_that_never_change() -> None:
    assert found_in([0.5] * 200) == []
    assert found_in([0.0] * 200) == []
    assert found_in([0.0] * 200 + [1.0]) == [200]


def test_tasks_are_apart() -> None:
    spikes = Spikes()
    for loss in training(200):
        assert spikes.look_at("small", loss / 100) is None
        assert spikes.look_at("large", 5 + loss) is None
    assert spikes.look_at("small", 5.0) is not None
    assert spikes.look_at("large", 5.0) is None


def test_what_is_usual_survives_a_resume_to_the_last_bit() -> None:
    losses = list(training(400))
    whole, first, second = Spikes(), Spikes(), Spikes()
    found_in(losses, whole)
    found_in(losses[:150], first)
    second.restore(json.loads(json.dumps(first.to_json())))
    found_in(losses[150:], second)
    assert second.to_json() == whole.to_json()


@pytest.fixture(scope="module")
def planted(encoder_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Good records, and a batch whose labels were moved on by one, as a set of its own."""
    folder = tmp_path_factory.mktemp("planted")
    wrong = [{**record, "label": (int(str(record["label"])) + 1) % 3} for record in RECORDS]
    for name, records in {"good": RECORDS * 60, "wrong": wrong, "dev": RECORDS}.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return {name: {"train": folder / f"{name}.jsonl", "dev": folder / "dev.jsonl"} for name in ("good", "wrong")}


def test_a_batch_of_wrong_labels_is_found_in_a_run(fit: Fit, planted: dict[str, Any]) -> None:
    options: dict[str, Any] = {"batch_size": 8, "epochs": 8, "lr": 2e-3, "strategy": "proportional", "dev": None}
    listener = Listener()
    fitted = fit(sets=planted, reporter=listener, **options)
    spikes = [line for line in fitted.log if line["event"] == "spike"]
    assert spikes
    assert {line["task"] for line in spikes} == {"classification"}
    for line in spikes:
        assert [Path(name).name.rsplit(":")[0] for name in line["records"]] == ["wrong.jsonl"] * 8
        assert line["loss"] > 2 * line["usual"]
        step = fitted.steps[line["step"] - 1]
        assert (step["step"], step["losses"]["classification"]) == (line["step"], line["loss"])
    (said,) = [line for line in listener.warnings if "jumped" in line]
    assert f"the loss of task 'classification' jumped to {spikes[0]['loss']:.3g} in epoch {spikes[0]['epoch']}" in said
    assert spikes[0]["records"][0] in said
    summary = f"losses that stood far above what was usual: classification {len(spikes)} ('spike' in log.jsonl)"
    assert ("guard", summary) in listener.lines


def test_good_labels_alone_are_no_news(fit: Fit, planted: dict[str, Any]) -> None:
    listener = Listener()
    fitted = fit(planted["good"]["train"], batch_size=8, epochs=8, lr=2e-3, reporter=listener)
    assert {line["event"] for line in fitted.log} == {"step", "bundle", "epoch"}
    assert not [line for topic, line in listener.lines if topic == "guard"]
