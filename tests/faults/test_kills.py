"""A run that is killed, wherever and whenever: its models load, it goes on, and its weights are bit-equal."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults import child
from tests.faults.child import Fault
from tests.faults.runs import WAYS, Know, Known, check_loadable

POINTS = [
    ("write_text ~run.json", 1),
    ("fsync log.jsonl", 1),
    ("mkdir states/~step", 1),
    ("write_text states/~step/state.json", 2),
    ("save_file states/~step/tensors.safetensors", 2),
    ("fsync states/~step/tensors.safetensors", 2),
    ("write_text states/~step/manifest.json", 2),
    ("fsync states/~step", 2),
    ("rename states/~step", 2),
    ("fsync states", 2),
    ("rename states/step", 1),
    ("rmtree states/~step", 3),
    ("mkdir ~epoch", 1),
    ("write_text ~epoch/polyhead.json", 2),
    ("save_file ~epoch/model.safetensors", 2),
    ("fsync ~epoch/manifest.json", 2),
    ("rename ~epoch", 2),
    ("write_text ~run.json", 3),
    ("replace ~run.json", 3),
    ("replace ~run.json", 4),
    ("rename states/step", 2),
]
"""Where a run is killed: an operation on the disk, and which one of its kind."""

QUICK = [POINTS[at] for at in (5, 9, 17, 19)]


@pytest.mark.parametrize(("label", "at"), QUICK)
def test_killed_while_saving(know: Know, tmp_path: Path, label: str, at: int) -> None:
    _kill_and_go_on(know("joint"), tmp_path, Fault(at, "within", label))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["before", "within", "after"])
@pytest.mark.parametrize("point", range(len(POINTS)))
def test_killed_at_each_point_of_saving(know: Know, tmp_path: Path, point: int, what: str) -> None:
    """Each point in three of the ways of training, so that each way has six or seven of them."""
    label, at = POINTS[point]
    way = list(WAYS)[(point + 3 * len(what)) % len(WAYS)]
    _kill_and_go_on(know(way), tmp_path, Fault(at, what, label))


@pytest.mark.slow
@pytest.mark.parametrize("what", ["before", "within", "after"])
@pytest.mark.parametrize("label", ["_exchange epoch", "rmtree ~epoch", "replace ~run.json"])
def test_killed_again_while_a_bundle_is_made_again(know: Know, tmp_path: Path, label: str, what: str) -> None:
    known, folder, notes = know("joint"), tmp_path / "saved_model", tmp_path / "notes.txt"
    settings = {**known.settings, "output": str(folder)}
    assert child.train(settings, fault=Fault(2, "before", "fsync log.jsonl"), notes=notes).code == -signal.SIGKILL
    assert (folder / "epoch-1").is_dir()
    ending = child.train(settings, resume=True, fault=Fault(1, what, label), notes=notes)
    assert ending.code == -signal.SIGKILL, ending.said
    check_loadable(folder)
    _finish(known, folder, notes)


@pytest.mark.parametrize("way", ["joint", "averaging"])
def test_killed_at_random_times(know: Know, tmp_path: Path, way: str) -> None:
    _kill_at_random(know(way), tmp_path, kills=2, seed=way)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_twenty_random_times(know: Know, tmp_path: Path, way: str) -> None:
    _kill_at_random(know(way), tmp_path, kills=20, seed=f"slow {way}")


@pytest.mark.parametrize("way", ["crf"])
def test_stopped_by_a_signal(know: Know, tmp_path: Path, way: str) -> None:
    _stop_and_go_on(know(way), tmp_path, signal.SIGTERM, seed=7)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("way", WAYS)
def test_stopped_by_a_signal_at_random_times(
    know: Know, tmp_path: Path, way: str, number: signal.Signals, seed: int
) -> None:
    _stop_and_go_on(know(way), tmp_path, number, seed=seed)


def _kill_and_go_on(known: Known, root: Path, fault: Fault) -> None:
    folder, notes = root / "saved_model", root / "notes.txt"
    ending = child.train({**known.settings, "output": str(folder)}, fault=fault, notes=notes)
    assert ending.code == -signal.SIGKILL, ending.said
    check_loadable(folder)
    _finish(known, folder, notes)


def _finish(known: Known, folder: Path, notes: Path) -> str:
    ending = child.train({**known.settings, "output": str(folder)}, resume=True, notes=notes)
    assert ending.code == child.FINISHED, ending.said
    assert known.differs(folder) == [], ending.said
    return ending.said


def _kill_at_random(known: Known, root: Path, *, kills: int, seed: str) -> None:
    """Kill runs at random times, each up to three times, until so many were killed; each must come to its end."""
    chance = random.Random(seed)
    notes, done, number = root / "notes.txt", 0, 0
    seconds = _seconds_of_a_run(known, root)
    while done < kills:
        number += 1
        folder = root / str(number) / "saved_model"
        for again in range(min(3, kills - done)):
            process = child.start({**known.settings, "output": str(folder)}, resume=again > 0, notes=notes)
            time.sleep(chance.uniform(0.0, seconds))
            process.kill()
            process.join()
            if process.exitcode == child.FINISHED:
                break
            assert process.exitcode == -signal.SIGKILL, notes.read_text()
            done += 1
            check_loadable(folder)
        _finish(known, folder, notes)


def _stop_and_go_on(known: Known, root: Path, number: signal.Signals, *, seed: int) -> None:
    """Send a signal while steps are taken; the process must save a state, say so, and end."""
    folder, notes = root / "saved_model", root / "notes.txt"
    process = child.start({**known.settings, "output": str(folder)}, resume=False, notes=notes)
    steps = random.Random(seed).randint(0, len(known.steps) // 2)
    while not (folder / "log.jsonl").exists() or _steps_logged(folder) < steps:
        assert process.exitcode is None, notes.read_text()
        time.sleep(0.001)
    os.kill(process.pid, number)
    process.join()
    assert process.exitcode == child.STOPPED, notes.read_text()
    assert "which is saved in" in notes.read_text()
    assert list((folder / "states").glob("step-*"))
    check_loadable(folder)
    _finish(known, folder, notes)


def _steps_logged(folder: Path) -> int:
    return (folder / "log.jsonl").read_text(encoding="utf-8").count('"event": "step"')


def _seconds_of_a_run(known: Known, root: Path) -> float:
    began = time.perf_counter()
    ending = child.train({**known.settings, "output": str(root / "timed" / "saved_model")}, notes=root / "timed.txt")
    assert ending.code == child.FINISHED
    return time.perf_counter() - began
