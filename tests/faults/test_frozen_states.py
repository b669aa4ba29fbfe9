"""The states of a frozen encoder: processes that are killed while they write them, or that write the same at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from polyhead.bundle.manifest import MANIFEST
from tests.faults import child
from tests.faults.runs import Know

_TIMEOUT = 120


@pytest.mark.parametrize("kept", ["unfinished", "whole"])
def test_killed_at_the_first_pass(know: Know, tmp_path: Path, kept: str) -> None:
    """Killed as soon as something of the entry, or all of it, is there: nothing half is taken for whole."""
    known, folder, notes = know("frozen"), tmp_path / "saved_model", tmp_path / "notes.txt"
    cache = tmp_path / "cache"
    settings = {**known.settings, "output": str(folder)}
    process = child.start(settings, resume=False, notes=notes, environment={"POLYHEAD_CACHE": str(cache)})
    pattern = ".states-*.tmp" if kept == "unfinished" else f"states-*/{MANIFEST}"
    began = time.monotonic()
    while not list(cache.glob(pattern)):
        assert process.exitcode is None, notes.read_text()
        assert time.monotonic() - began < _TIMEOUT
        time.sleep(0.0005)
    process.kill()
    process.join()
    ending = child.train(settings, resume=True, notes=notes, environment={"POLYHEAD_CACHE": str(cache)})
    assert ending.code == child.FINISHED, ending.said
    assert "damaged" not in ending.said
    assert known.differs(folder) == [], ending.said


def test_two_at_once(know: Know, tmp_path: Path) -> None:
    known, cache = know("frozen"), tmp_path / "cache"
    folders = [tmp_path / name / "saved_model" for name in ("one", "other")]
    notes = [tmp_path / f"{name}.txt" for name in ("one", "other")]
    processes = [
        child.start(
            {**known.settings, "output": str(folder)},
            resume=False,
            notes=note,
            environment={"POLYHEAD_CACHE": str(cache)},
        )
        for folder, note in zip(folders, notes, strict=True)
    ]
    for process, folder, note in zip(processes, folders, notes, strict=True):
        process.join(_TIMEOUT)
        assert process.exitcode == child.FINISHED, note.read_text()
        assert "warning" not in note.read_text()
        assert known.differs(folder) == []
    assert len(list(cache.iterdir())) == 1
