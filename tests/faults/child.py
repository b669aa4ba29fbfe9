"""A short training in a process of its own, with faults where it writes.

Processes are forked from a server that has imported everything, so that each takes a second and not ten.
"""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TextIO

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.faults.child", "polyhead.training.run"])
_TIMEOUT = 120

FINISHED, FAILED, STOPPED = 0, 2, 3
"""How a process ends; -9 is SIGKILL's."""


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong while a file or folder is written.

    Attributes:
        at: Number of the operation on the disk, from 1; 0: none.
        what: ``before``, ``within`` or ``after``: killed there. ``ENOSPC``, ``EIO``: the operation fails.
        label: Count only operations of this label; all where not given.
    """

    at: int = 0
    what: str = "before"
    label: str | None = None


@dataclass(frozen=True)
class Ending:
    """How a process ended: its exit code (negative: the signal), and what it said."""

    code: int
    said: str


def train(
    settings: Mapping[str, Any],
    *,
    resume: bool = False,
    fault: Fault = Fault(),
    notes: Path,
    environment: Mapping[str, str] | None = None,
) -> Ending:
    """Train in a process of its own, and wait for its end."""
    process = start(settings, resume=resume, fault=fault, notes=notes, environment=environment)
    process.join(_TIMEOUT)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"hangs: {notes.read_text()}")
    return Ending(process.exitcode, notes.read_text())


def start(
    settings: Mapping[str, Any],
    *,
    resume: bool,
    fault: Fault = Fault(),
    notes: Path,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Begin a training in a process of its own, with some variables of its environment."""
    notes.write_text("")
    # The server was started in an environment of that time, which need not be ours.
    environment = {"POLYHEAD_CACHE": os.environ["POLYHEAD_CACHE"], **(environment or {})}
    process = _CONTEXT.Process(target=_main, args=(dict(settings), resume, fault, notes, environment))
    process.start()
    return process


def _main(settings: dict[str, Any], resume: bool, fault: Fault, notes: Path, environment: dict[str, str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell has its background jobs ignore
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **environment}
    with notes.open("a", buffering=1) as said, redirect_stdout(said), redirect_stderr(said):
        code = _train(settings, resume, fault, said)
    os._exit(code)


def _train(settings: dict[str, Any], resume: bool, fault: Fault, said: TextIO) -> int:
    import torch

    import polyhead
    from polyhead.errors import PolyheadError, TrainingStoppedError
    from polyhead.training import Reporter

    torch.set_num_threads(1)

    class Teller(Reporter):
        def warn(self, line: str) -> None:
            said.write(f"warning: {line}\n")

        def info(self, topic: str, line: str) -> None:
            said.write(f"{topic}: {line}\n")

    Disk(fault, said).break_in()
    try:
        polyhead.train(**settings, reporter=Teller(), resume=resume)
    except TrainingStoppedError as stop:
        said.write(f"{stop}\n")
        return STOPPED
    except PolyheadError as error:
        said.write(f"error: {error}\n")
        return FAILED
    except BaseException:
        said.write(traceback.format_exc())
        return 1
    return FINISHED


class Disk:
    """Counts the operations by which saving changes the disk, and lets one of them go wrong."""

    def __init__(self, fault: Fault, said: TextIO) -> None:
        self._fault, self._said, self._count = fault, said, 0

    def break_in(self) -> None:
        """Put itself between polyhead and the disk."""
        import safetensors.torch

        from polyhead.bundle import saving
        from polyhead.model import single_file, weights
        from polyhead.training import states

        for name in ("mkdir", "rename", "replace", "unlink", "chmod", "write_text"):
            self._wrap(Path, name, path_at=0)
        self._wrap(os, "fsync", path_at=None)
        self._wrap(os, "truncate", path_at=0)
        self._wrap(shutil, "rmtree", path_at=0)
        self._wrap(saving, "_exchange", path_at=1)
        for module in (weights, states):
            self._wrap(module, "save_file", path_at=1)
        self._wrap(single_file.torch, "save", path_at=1)
        assert safetensors.torch.save_file is not weights.save_file

    def _wrap(self, owner: Any, name: str, *, path_at: int | None) -> None:
        real = getattr(owner, name)

        @wraps(real)
        def operation(*args: Any, **more: Any) -> Any:
            path = Path(f"/proc/self/fd/{args[0]}").readlink() if path_at is None else Path(args[path_at])
            label = f"{name} {label_of(path)}"
            if not self._counts(path, label):
                return real(*args, **more)
            return self._go_wrong(label, path, lambda: real(*args, **more))

        setattr(owner, name, operation)

    def _counts(self, path: Path, label: str) -> bool:
        if "saved_model" not in path.parts and "saved_model" not in label:
            return False
        self._said.write(f"disk: {label}\n")
        if self._fault.label in {None, label}:
            self._count += 1
            return self._count == self._fault.at
        return False

    def _go_wrong(self, label: str, path: Path, operation: Callable[[], Any]) -> Any:
        what = self._fault.what
        if what in {"ENOSPC", "EIO"}:
            number = getattr(errno, what)
            raise OSError(number, os.strerror(number), str(path))
        if what == "within" and label.startswith("rmtree"):
            _halve(path)
        elif what != "before":
            operation()
            if what == "within" and label.startswith(("write_text", "save")):  # the others happen at once or not
                _halve(path)
        os.kill(os.getpid(), signal.SIGKILL)
        return None


def _halve(path: Path) -> None:
    """Leave half of what was to be written, as a process that is killed while it writes does."""
    if path.is_file():
        os.truncate(path, path.stat().st_size // 2)
    elif path.is_dir():
        for file in sorted(path.iterdir())[::2]:
            file.unlink() if file.is_file() else shutil.rmtree(file)


def label_of(path: Path) -> str:
    """Return a name for a path that is the same in each run: ``epoch``, ``state/tensors.safetensors``."""
    names = []
    for name in path.parts[path.parts.index("saved_model") :] if "saved_model" in path.parts else (path.name,):
        bare = name.removeprefix(".").rsplit("-", 1)[0] if name.endswith(".tmp") else name
        mark = "~" if name.endswith(".tmp") else ""
        kind = next((kind for kind in ("epoch-", "step-", "mtl_epoch") if bare.startswith(kind)), "")
        names.append(f"{mark}{kind.rstrip('-') or bare}")
    return "/".join(names[1:]) or "."


if __name__ == "__main__":
    sys.exit("a module of tests")
