"""A bundle to break, and a watch over what opening a hostile file does."""

from __future__ import annotations

import gc
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from polyhead import Predictor
from polyhead.bundle.inspection import Inspection, inspect_path
from polyhead.errors import PolyheadError
from polyhead.training import TrainedRun
from tests.faults.runs import know

__all__ = ["know"]


@pytest.fixture
def bundle(trained: TrainedRun, tmp_path: Path) -> Path:
    """A copy of a bundle, to be broken."""
    return Path(shutil.copytree(trained.best, tmp_path / "bundle"))


@pytest.fixture
def single(single_file_run: TrainedRun, tmp_path: Path) -> Path:
    """A copy of a model in one file, to be broken."""
    return Path(shutil.copy(single_file_run.folder / "mtl_epoch1.pt", tmp_path / "model.pt"))


class Watch:
    """Sees that a block takes no second of this process's time, and does not wait, either."""

    def __enter__(self) -> Watch:
        self.wall, self.own = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall, self.own = time.perf_counter() - self.wall, time.process_time() - self.own
        assert self.own < 1, f"took {self.own:.2f} s"
        assert self.wall < 5, f"took {self.wall:.2f} s of waiting"  # beside whatever else runs on the machine


@dataclass(frozen=True)
class Refusal:
    """How a hostile file was refused."""

    said: str
    inspected: Inspection | None


@pytest.fixture
def refused(trained: TrainedRun, single_file_run: TrainedRun, tmp_path: Path) -> Iterator[Callable[..., Refusal]]:
    """Open and inspect what must be refused; nothing may be run, written, or take a second."""
    Predictor.load(trained.best)  # what is imported on the first opening is not what is measured
    Predictor.load(single_file_run.folder / "mtl_epoch1.pt")
    gc.freeze()  # nor is the going through all that torch brought along

    def _refused(path: Path, *, inspect: bool = True) -> Refusal:
        before = snapshot(tmp_path)
        with Watch(), pytest.raises(PolyheadError) as caught:
            Predictor.load(path)
        with Watch():
            found = inspect_path(path) if inspect else None
        assert found is None or not found.safe, found
        assert snapshot(tmp_path) == before, "something was written"
        assert len(str(caught.value)) < 3000
        return Refusal(str(caught.value), found)

    yield _refused
    gc.unfreeze()


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return names, sizes and times of all that lies in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        found[str(path)] = (about.st_size, about.st_mtime_ns)
    return found
