"""The states of a run on disk: all that it takes to go on as if nothing had happened.

states/step-1200/
  state.json             where the run stands, and whatever is no tensor
  tensors.safetensors    weights, optimiser, weights kept for averaging, random numbers
  manifest.json          size and SHA-256 of both, written last
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from polyhead.bundle.manifest import verify
from polyhead.bundle.reading import MIB, read_text
from polyhead.bundle.saving import new_folder, remove_folder, sweep
from polyhead.errors import BundleError
from polyhead.training.disk import saving

STATES_FOLDER = "states"
_DOCUMENT, _TENSORS = "state.json", "tensors.safetensors"
_FILES = (_DOCUMENT, _TENSORS)
_FORMAT_VERSION = 1
_NAME = re.compile(r"step-([0-9]+)")
_CURE = "the state cannot be used"
_MOST_BYTES = 64 * MIB
"""Of the document: it holds the scores of each epoch."""


@dataclass(frozen=True)
class State:
    """Where a run stood after a step.

    Attributes:
        run: Which run; another one's state may be in the folder.
        step: Steps that were taken.
        values: What is no tensor, as JSON.
        tensors: By name.
    """

    run: str
    step: int
    values: dict[str, Any]
    tensors: dict[str, Tensor]


class StateStore:
    """The folder of a run's states.

    Args:
        folder: The folder; it need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, state: State) -> Path:
        """Write a state; it appears whole or not at all.

        Returns:
            Its folder.

        Raises:
            TrainingError: If it could not be written.
        """
        document = {"format_version": _FORMAT_VERSION, "run": state.run, "step": state.step, **state.values}
        folder = self._folder / f"step-{state.step}"
        with saving(folder), new_folder(folder) as temporary:
            text = json.dumps(document, ensure_ascii=False, allow_nan=True)
            (temporary / _DOCUMENT).write_text(text, encoding="utf-8")
            save_file(state.tensors, temporary / _TENSORS)
        return folder

    def newest(self, run: str, *, warn: Callable[[str], None]) -> State | None:
        """Return the newest state of a run that is whole; `None` where there is none.

        Args:
            run: Which run.
            warn: Hears, once, of newer ones that are damaged.
        """
        found, problems = None, []
        for folder in reversed(self._folders()):
            try:
                found = _read(folder, run)
                break
            except BundleError as error:
                problems.append(str(error))
        if problems:
            others = f" (and {len(problems) - 1} before it likewise)" if len(problems) > 1 else ""
            way = f"goes on from the state before, step {found.step:,}" if found else "begins at its first step"
            warn(f"the newest state is not whole{others}, so the run {way}: {problems[0]}")
        return found

    def last_step(self) -> int | None:
        """Return the step of the newest state, whole or not; `None` where there is none."""
        folders = self._folders()
        return _step_of(folders[-1]) if folders else None

    def prune(self, keep: int) -> None:
        """Remove all but the newest states."""
        self._remove(self._folders()[:-keep])

    def drop_after(self, step: int) -> None:
        """Remove the states after a step: a run that goes on from there makes them anew."""
        self._remove([folder for folder in self._folders() if _step_of(folder) > step])

    def clear(self) -> None:
        """Remove all states, and the folder unless something else is in it."""
        self.drop_after(-1)
        sweep(self._folder)
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    @staticmethod
    def _remove(folders: Iterable[Path]) -> None:
        for folder in folders:
            with saving(folder, what="removed"):
                remove_folder(folder)

    def _folders(self) -> list[Path]:
        """Return the folders of states, the newest last; what a user put beside them is none of ours."""
        found = self._folder.iterdir() if self._folder.is_dir() else ()
        return sorted((path for path in found if _NAME.fullmatch(path.name) and path.is_dir()), key=_step_of)


def _step_of(folder: Path) -> int:
    return int(folder.name.removeprefix("step-"))


def _read(folder: Path, run: str) -> State:
    verify(folder, _FILES, cure=_CURE)
    try:
        document = json.loads(read_text(folder / _DOCUMENT, cure=_CURE, limit=_MOST_BYTES))
        version, owner, step = (document.pop(key) for key in ("format_version", "run", "step"))
        # Copies: what was read is a view of the file, which goes when newer states come.
        tensors = {name: tensor.clone() for name, tensor in load_file(folder / _TENSORS).items()}
    except (ValueError, KeyError, TypeError, RecursionError, AttributeError, OSError, SafetensorError) as error:
        raise BundleError(f"{folder}: cannot be read as a state: {error!r}; {_CURE}") from error
    if version != _FORMAT_VERSION:
        raise BundleError(f"{folder}: has format_version {version!r}, this version of polyhead reads {_FORMAT_VERSION}")
    if owner != run or step != _step_of(folder):
        raise BundleError(f"{folder}: is the state of another run or step; {_CURE}")
    return State(run, step, document, tensors)
