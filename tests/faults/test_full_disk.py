"""A disk that is full or broken: what was saved before is whole, the message says what to do, the status is not 0."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import child
from tests.faults.child import Fault
from tests.faults.runs import Know, Known, check_loadable

SAVING = [
    ("fsync log.jsonl", 2),
    ("mkdir states", 2),
    ("mkdir states/~step", 2),
    ("write_text states/~step/state.json", 2),
    ("save_file states/~step/tensors.safetensors", 2),
    ("fsync states/~step/tensors.safetensors", 2),
    ("write_text states/~step/manifest.json", 2),
    ("rename states/~step", 2),
    ("fsync states", 2),
    ("rename states/step", 1),
    ("mkdir ~epoch", 2),
    ("write_text ~epoch/tokenizer.json", 2),
    ("save_file ~epoch/model.safetensors", 2),
    ("fsync ~epoch/model.safetensors", 2),
    ("rename ~epoch", 2),
    ("write_text ~run.json", 3),
    ("replace ~run.json", 3),
    ("replace ~run.json", 4),
]
"""Operations on the disk that fail while a run is under way."""


@pytest.mark.parametrize(("label", "at"), [SAVING[at] for at in (4, 12, 15)])
def test_a_full_disk(know: Know, tmp_path: Path, label: str, at: int) -> None:
    _fail_and_go_on(know("joint"), tmp_path, Fault(at, "ENOSPC", label), said="No space left on device")


@pytest.mark.slow
@pytest.mark.parametrize(("what", "said"), [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")])
@pytest.mark.parametrize(("label", "at"), SAVING)
def test_a_disk_that_fails_at_each_write(know: Know, tmp_path: Path, label: str, at: int, what: str, said: str) -> None:
    _fail_and_go_on(know("joint"), tmp_path, Fault(at, what, label), said=said)


@pytest.mark.slow
@pytest.mark.parametrize(("what", "said"), [("ENOSPC", "No space left on device"), ("EIO", "Input/output error")])
def test_a_disk_that_fails_at_any_operation(know: Know, tmp_path: Path, what: str, said: str) -> None:
    """Each operation that a run makes, at its first and at its last time; what only tidies up may fail without harm."""
    known = know("joint")
    labels = [line.removeprefix("disk: ") for line in known.notes.splitlines() if line.startswith("disk: ")]
    harmless = set()
    for label in dict.fromkeys(labels):
        for at in sorted({1, labels.count(label)}):
            folder, notes = tmp_path / f"{label.replace('/', ' ')} {at}" / "saved_model", tmp_path / "notes.txt"
            settings = {**known.settings, "output": str(folder)}
            ending = child.train(settings, fault=Fault(at, what, label), notes=notes)
            if ending.code == child.FINISHED:
                harmless.add(label)
            else:
                assert ending.code == child.FAILED, f"{label} {at}: {ending.said}"
                assert said in ending.said.splitlines()[-1]
                check_loadable(folder)
                ending = child.train(settings, resume=True, notes=notes)
                assert ending.code == child.FINISHED, f"{label} {at}: {ending.said}"
            assert known.differs(folder) == [], f"{label} {at}: {ending.said}"
    assert harmless <= {"rmtree states/~step", "rmtree ~epoch"}


@pytest.mark.parametrize("label", ["write_text ~run.json", "mkdir ."])
def test_a_disk_that_is_full_from_the_start_keeps_the_run_before(know: Know, tmp_path: Path, label: str) -> None:
    known, folder, notes = know("joint"), tmp_path / "saved_model", tmp_path / "notes.txt"
    settings = {**known.settings, "output": str(folder)}
    assert child.train(settings, notes=notes).code == child.FINISHED
    ending = child.train({**settings, "seed": 9}, fault=Fault(1, "ENOSPC", label), notes=notes)
    assert ending.code == child.FAILED
    assert f"error: output: {folder} cannot be written: No space left on device" in ending.said
    assert known.differs(folder) == []


def test_a_log_that_cannot_be_written_ends_the_run(know: Know, tmp_path: Path) -> None:
    """A log on a full device, for which `/dev/full` stands."""
    known, folder, notes = know("joint"), tmp_path / "saved_model", tmp_path / "notes.txt"
    folder.mkdir()
    (folder / "log.jsonl").symlink_to("/dev/full")
    ending = child.train({**known.settings, "output": str(folder)}, notes=notes)
    assert ending.code == child.FAILED, ending.said
    assert f"{folder / 'log.jsonl'} could not be saved: No space left on device" in ending.said


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of 600 KB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    if not mount or os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    if subprocess.run([mount, "-t", "tmpfs", "-o", "size=600k", "none", place], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.parametrize("room", [120, 240, 360, 480])
def test_a_small_disk_that_runs_full(know: Know, tmp_path: Path, small_disk: Path, room: int) -> None:
    known, folder, notes = know("joint"), small_disk / "saved_model", tmp_path / "notes.txt"
    filler = small_disk / "filler"
    filler.write_bytes(bytes((600 - room) * 1024))
    ending = child.train({**known.settings, "output": str(folder)}, notes=notes)
    assert ending.code == child.FAILED, ending.said
    assert "No space left on device" in ending.said
    if folder.exists():
        check_loadable(folder)
    filler.unlink()
    again = child.train({**known.settings, "output": str(folder)}, resume=True, notes=notes)
    if again.code == child.FINISHED:
        assert known.differs(folder) == []
    else:
        assert "No space left on device" in again.said


def _fail_and_go_on(known: Known, root: Path, fault: Fault, *, said: str) -> None:
    folder, notes = root / "saved_model", root / "notes.txt"
    settings = {**known.settings, "output": str(folder)}
    ending = child.train(settings, fault=fault, notes=notes)
    assert ending.code == child.FAILED, ending.said
    (message,) = [line for line in ending.said.splitlines() if line.startswith("error: ")]
    assert "could not be " in message
    assert said in message
    assert "What was saved before is as it was. Make room or mend the disk, and go on with" in message
    check_loadable(folder)
    assert (folder / "epoch-1").is_dir() or "epoch" not in fault.label
    ending = child.train(settings, resume=True, notes=notes)
    assert ending.code == child.FINISHED, ending.said
    assert known.differs(folder) == []
