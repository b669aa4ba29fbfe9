"""The cache when processes are killed, and when several begin at once."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RECORDS
from tests.end_to_end.conftest import write_records, write_settings
from tests.faults import child


@pytest.fixture
def settings(tmp_path: Path, encoder_folders: dict[str, Path]) -> dict[str, Any]:
    """Settings of a short run that keeps its data in a folder of its own."""
    data = write_records(
        tmp_path / "data.jsonl", [{**own, "sentence": f"{at} {own['sentence']}"} for at, own in many()]
    )
    config = write_settings(tmp_path / "run.toml", {"data": {"train": data, "cache": tmp_path / "cache"}})
    return {
        "config": str(config),
        "encoder": str(encoder_folders["distilbert"]),
        "precision": "fp32",
        "epochs": 1,
        "batch_size": 64,
    }


def many() -> list[tuple[int, dict[str, Any]]]:
    return [
        (at, {**own, "ner_tags": ["O", *own["ner_tags"]]})  # type: ignore[misc]  # the number is a word of its own
        for at, own in enumerate(RECORDS * 100)
    ]


def weights(folder: Path) -> str:
    return hashlib.sha256((folder / "epoch-1" / "model.safetensors").read_bytes()).hexdigest()


def names(cache: Path) -> list[str]:
    return sorted(path.name.rsplit("-", 1)[0] for path in cache.iterdir()) if cache.is_dir() else []


def test_killed_while_it_is_filled(settings: dict[str, Any], tmp_path: Path) -> None:
    """At several moments; what is there afterwards is whole or nothing, and the next run does not care."""
    cache, notes = tmp_path / "cache", tmp_path / "notes.txt"
    plain = tmp_path / "plain" / "saved_model"
    ending = child.train({**settings, "output": str(plain)}, notes=notes)
    assert ending.code == child.FINISHED, ending.said
    for wanted in (".records", "records", ".rows"):
        for path in cache.iterdir():
            path.rename(tmp_path / f"old-{time.time_ns()}")
        folder = tmp_path / f"killed{wanted}" / "saved_model"
        process = child.start({**settings, "output": str(folder)}, resume=False, notes=notes)
        deadline = time.monotonic() + 60
        while not any(name.startswith(wanted) for name in names(cache)) and time.monotonic() < deadline:
            time.sleep(0.001)
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        ending = child.train({**settings, "output": str(folder)}, notes=notes)
        assert ending.code == child.FINISHED, ending.said
        assert "damaged" not in ending.said
        assert weights(folder) == weights(plain)
        assert {"records", "rows"} <= set(names(cache))


def test_two_processes_at_once(settings: dict[str, Any], tmp_path: Path) -> None:
    folders = [tmp_path / f"{number}" / "saved_model" for number in range(3)]
    started = [
        child.start({**settings, "output": str(folder)}, resume=False, notes=tmp_path / f"notes{number}.txt")
        for number, folder in enumerate(folders)
    ]
    for number, process in enumerate(started):
        process.join(120)
        assert process.exitcode == child.FINISHED, (tmp_path / f"notes{number}.txt").read_text()
    assert len({weights(folder) for folder in folders}) == 1
    assert len({json.loads((folder / "run.json").read_text())["rows"] for folder in folders}) == 1
    assert names(tmp_path / "cache") == ["records", "rows"]
