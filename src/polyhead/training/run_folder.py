"""The output folder of a run.

epoch-1/, epoch-2/, …   bundles
run.json                settings as resolved, data hashes, versions, seed, epochs, which is best, which the last
log.jsonl               one line a step and an epoch
states/                 while a run is not finished: all that it takes to go on, see `polyhead.training.states`
diagnosis.json, .svg    where asked for: what was seen of the tasks' gradients
tracking/               what trackers wrote that keep to this machine; of earlier runs, too
.polyhead.lock          while a process works in the folder, see `polyhead.bundle.alone`
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from polyhead.bundle import write_text
from polyhead.bundle.alone import alone_in
from polyhead.bundle.locate import RUN_FILE
from polyhead.bundle.saving import remove_folder, sweep
from polyhead.errors import SettingsError
from polyhead.training.disk import saving
from polyhead.training.states import STATES_FOLDER, StateStore

LOG_FILE = "log.jsonl"
TRACKING_FOLDER = "tracking"
DIAGNOSIS_FILE, DIAGNOSIS_PLOT = "diagnosis.json", "diagnosis.svg"
_EPOCH = re.compile(r"epoch-[0-9]+")


class RunFolder:
    """The output folder of a run.

    Attributes:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._account: dict[str, Any] = {}
        self._log: TextIO | None = None

    @property
    def tracking(self) -> Path:
        """Where trackers write that keep to this machine."""
        return self.path / TRACKING_FOLDER

    def check(self) -> None:
        """See that the folder can be written to, before anything costs time.

        Raises:
            SettingsError: If it is a file, or cannot be made.
        """
        existing = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not existing.is_dir():
            raise SettingsError(f"output: {existing} is a file; name a folder")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Check the folder, and have it for oneself, so that no other run or study writes into it.

        Raises:
            SettingsError: If another process works in it; or it is a file, or cannot be made.
        """
        self.check()
        with alone_in(self.path):
            yield

    def epochs(self) -> list[Path]:
        """Return the bundles of the run that was saved here."""
        if not (self.path / RUN_FILE).is_file():
            return []
        # By the whole name: a user's own epoch-2-kept/ or epoch-1.txt beside them is not ours to remove.
        return sorted(path for path in self.path.iterdir() if _EPOCH.fullmatch(path.name) and path.is_dir())

    @property
    def states(self) -> StateStore:
        """The states of the run."""
        return StateStore(self.path / STATES_FOLDER)

    def account(self) -> dict[str, Any] | None:
        """Return the account of the run that was saved here; `None` where there is none.

        Raises:
            SettingsError: If it cannot be read.
        """
        try:
            account = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise SettingsError(f"output: {self.path / RUN_FILE} cannot be read: {error}") from error
        if not isinstance(account, dict):
            raise SettingsError(f"output: {self.path / RUN_FILE} is not the account of a run")
        return account

    def _earlier_files(self) -> list[Path]:
        """Return the single files that an earlier run accounts for."""
        try:
            epochs = (self.account() or {"epochs": []})["epochs"]
            names = [epoch["single_file"] for epoch in epochs if epoch["single_file"]]
        except (SettingsError, KeyError, TypeError):
            return []  # no run, or an account that cannot be read: then nothing is known to be ours
        return [self.path / name for name in names if Path(name).name == name and (self.path / name).is_file()]

    def open(self, account: dict[str, Any]) -> None:
        """Begin the run: write its account, remove what an earlier one left.

        Args:
            account: What `run.json` holds from the start.
        """
        # The account comes first: a process that is killed between leaves bundles without an account, which the next
        # one removes, and never an account of bundles that are gone.
        earlier = [*self.epochs(), *self._earlier_files()]
        self._begin(account, epochs=(), best=None)
        for path in earlier:
            remove_folder(path) if path.is_dir() else path.unlink()
        self._remove_files(DIAGNOSIS_FILE, DIAGNOSIS_PLOT)
        self.states.clear()
        self._open_log(0)

    def reopen(
        self, account: dict[str, Any], *, epochs: Sequence[dict[str, Any]], best: str | None, log_bytes: int
    ) -> None:
        """Go on with the run.

        Args:
            account: What `run.json` held from the start.
            epochs: The account of each epoch that counts.
            best: Name of the bundle that was the best so far, which may no longer count.
            log_bytes: Length of the log where the run goes on.
        """
        kept = {epoch["folder"] for epoch in epochs}
        strays = [path for path in self.epochs() if path.name not in kept]
        self._begin(account, epochs=epochs, best=best if best in kept else None)
        for path in strays:
            remove_folder(path)
        self._open_log(log_bytes)

    def _begin(self, account: dict[str, Any], *, epochs: Sequence[dict[str, Any]], best: str | None) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._account = {**account, "finished": False, "epochs": list(epochs), "best": best}
            self._write()
            sweep(self.path)
        except OSError as error:
            raise SettingsError(f"output: {self.path} cannot be written: {error.strerror}") from error

    def _open_log(self, keep: int) -> None:
        path = self.path / LOG_FILE
        with saving(path):
            if keep and path.exists():
                os.truncate(path, min(keep, path.stat().st_size))
            # Line by line, so that it can be followed; that costs microseconds a step.
            self._log = path.open("a" if keep else "w", encoding="utf-8", buffering=1)

    def log(self, event: str, **values: Any) -> None:
        """Add a line to the log."""
        if self._log:
            with saving(self.path / LOG_FILE):
                self._log.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")

    def log_bytes(self) -> int:
        """Have the disk hold the log, and return its length."""
        if not self._log:
            return 0
        with saving(self.path / LOG_FILE):
            self._log.flush()
            os.fsync(self._log.fileno())
        return os.fstat(self._log.fileno()).st_size

    def add_epoch(self, epoch: dict[str, Any], *, ahead: Sequence[dict[str, Any]] = (), best: str | None) -> None:
        """Account for an epoch whose bundle was saved.

        Args:
            epoch: What is known of it, with ``folder``.
            ahead: Later epochs that were saved before the run was broken off, and whose bundles still count.
            best: Name of the best bundle so far; `None` without dev data.
        """
        before = [known for known in self._account["epochs"] if known["epoch"] < epoch["epoch"]]
        self._account |= {"epochs": [*before, epoch, *ahead], "best": best}
        with saving(self.path / RUN_FILE):
            self._write()
        self.log("epoch", **epoch)

    def finish(self) -> None:
        """Account for the end of the run, after which nothing needs its states."""
        self._account["finished"] = True
        with saving(self.path / RUN_FILE):
            self._write()
        self.clean()

    def clean(self) -> None:
        """Remove states, and what processes that were killed left unfinished."""
        with saving(self.path, what="tidied up"):
            self.states.clear()
            sweep(self.path)

    def discard(self) -> None:
        """Remove all that the run wrote, and the folder unless something else is in it, as what trackers heard."""
        self.close()
        for path in (*self.epochs(), *self._earlier_files()):
            remove_folder(path) if path.is_dir() else path.unlink()
        self.states.clear()
        self._remove_files(RUN_FILE, LOG_FILE, DIAGNOSIS_FILE, DIAGNOSIS_PLOT)
        sweep(self.path)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def add_diagnosis(self, account: dict[str, Any], plot: str) -> None:
        """Write what was seen of the tasks' gradients.

        Args:
            account: All of it.
            plot: As SVG.
        """
        for name, text in ((DIAGNOSIS_FILE, json.dumps(account, ensure_ascii=False) + "\n"), (DIAGNOSIS_PLOT, plot)):
            with saving(self.path / name):
                write_text(self.path / name, text)

    def _remove_files(self, *names: str) -> None:
        for name in names:
            (self.path / name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the log."""
        if self._log:
            with suppress(OSError):  # a full disk, which whoever wrote the last line has heard of
                self._log.close()

    def _write(self) -> None:
        last = self._account["epochs"][-1]["folder"] if self._account["epochs"] else None
        account = {**self._account, "last": last}
        write_text(self.path / RUN_FILE, json.dumps(account, indent=2, ensure_ascii=False) + "\n")
