"""A state that is not what was written is noticed, never loaded, and the run goes on from the one before."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from polyhead.bundle.manifest import MANIFEST, manifest_of
from polyhead.training.states import StateStore
from tests.faults import child
from tests.faults.child import Fault
from tests.faults.runs import Know

FILES = ("state.json", "tensors.safetensors", "manifest.json")
Damage = Callable[[Path, Path], None]


def truncated(path: Path, _other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path: Path, _other: Path) -> None:
    path.write_bytes(b"")


def one_bit_flipped(path: Path, _other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def deleted(path: Path, _other: Path) -> None:
    path.unlink()


def filled_with_zeros(path: Path, _other: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def swapped(path: Path, other: Path) -> None:
    shutil.copy(other, path)


DAMAGES: tuple[Damage, ...] = (truncated, emptied, one_bit_flipped, deleted, filled_with_zeros, swapped)


@pytest.fixture(scope="module")
def broken_off(know: Know, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run that was killed after its states of steps 2 and 4, and another one, of another seed."""
    root = tmp_path_factory.mktemp("broken_off")
    folders = []
    for seed in (42, 5):
        folder = root / str(seed) / "saved_model"
        settings = {**know("joint").settings, "seed": seed, "output": str(folder)}
        ending = child.train(settings, fault=Fault(3, "before", "fsync log.jsonl"), notes=root / "notes.txt")
        assert ending.code == -signal.SIGKILL, ending.said
        assert sorted(path.name for path in (folder / "states").iterdir()) == ["step-2", "step-4"]
        folders.append(folder)
    return folders[0], folders[1]


@pytest.fixture
def runs(broken_off: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """Copies of both, to damage."""
    for number, folder in enumerate(broken_off):
        shutil.copytree(folder, tmp_path / str(number) / "saved_model")
    return tmp_path / "0" / "saved_model", tmp_path / "1" / "saved_model"


def newest_of(run: Path) -> tuple[int | None, list[str]]:
    """Return the step of the state that the run would go on from, and what is said on the way."""
    said: list[str] = []
    name = json.loads((run / "run.json").read_text())["id"]
    state = StateStore(run / "states").newest(name, warn=said.append)
    return state and state.step, said


def test_a_state_that_is_whole_is_taken(runs: tuple[Path, Path]) -> None:
    assert newest_of(runs[0]) == (4, [])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_state_gives_way_to_the_one_before(runs: tuple[Path, Path], name: str, damage: Damage) -> None:
    run, other = runs
    damage(run / "states" / "step-4" / name, other / "states" / "step-4" / name)
    step, said = newest_of(run)
    assert step == 2
    (warning,) = said
    assert "the newest state is not whole, so the run goes on from the state before, step 2: " in warning
    # A manifest of another run says so of the first file that it does not fit.
    assert str(run / "states" / "step-4" / ("" if name == "manifest.json" else name)) in warning


def test_another_runs_state_is_not_taken(runs: tuple[Path, Path]) -> None:
    run, other = runs
    shutil.rmtree(run / "states" / "step-4")
    shutil.copytree(other / "states" / "step-4", run / "states" / "step-4")
    step, (warning,) = newest_of(run)
    assert step == 2
    assert "is the state of another run or step" in warning


def test_a_state_under_another_step_is_not_taken(runs: tuple[Path, Path]) -> None:
    (runs[0] / "states" / "step-4").rename(runs[0] / "states" / "step-5")
    step, (warning,) = newest_of(runs[0])
    assert step == 2
    assert "is the state of another run or step" in warning


def test_a_state_of_another_version_is_not_taken(runs: tuple[Path, Path]) -> None:
    folder = runs[0] / "states" / "step-4"
    document = json.loads((folder / "state.json").read_text())
    _rewrite(folder, json.dumps({**document, "format_version": 99}))
    step, (warning,) = newest_of(runs[0])
    assert step == 2
    assert "format_version 99, this version of polyhead reads 1" in warning


@pytest.mark.parametrize("document", ["", "[]", "null", "{}", '{"format_version": 1}', "[" * 100_000])
def test_a_document_that_is_none_is_not_taken(runs: tuple[Path, Path], document: str) -> None:
    _rewrite(runs[0] / "states" / "step-4", document)
    step, (warning,) = newest_of(runs[0])
    assert step == 2
    assert "step-4: cannot be read as a state" in warning


@pytest.mark.parametrize("name", FILES)
def test_the_weights_are_bit_equal_all_the_same(runs: tuple[Path, Path], know: Know, name: str, tmp_path: Path) -> None:
    one_bit_flipped(runs[0] / "states" / "step-4" / name, Path())
    settings = {**know("joint").settings, "output": str(runs[0])}
    ending = child.train(settings, resume=True, notes=tmp_path / "notes.txt")
    assert ending.code == child.FINISHED, ending.said
    assert ending.said.count("warning: ") == 1
    assert know("joint").differs(runs[0]) == []


def test_with_no_state_left_the_run_begins_at_its_first_step(
    runs: tuple[Path, Path], know: Know, tmp_path: Path
) -> None:
    for step in (2, 4):
        truncated(runs[0] / "states" / f"step-{step}" / "tensors.safetensors", Path())
    ending = child.train({**know("joint").settings, "output": str(runs[0])}, resume=True, notes=tmp_path / "notes.txt")
    assert ending.code == child.FINISHED, ending.said
    assert "is not whole (and 1 before it likewise), so the run begins at its first step" in ending.said
    assert know("joint").differs(runs[0]) == []


def _rewrite(folder: Path, document: str) -> None:
    """Write another document with a manifest that fits."""
    (folder / "state.json").write_text(document)
    (folder / MANIFEST).write_text(manifest_of(folder))
