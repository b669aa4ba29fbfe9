"""The output folder of a run.

epoch-1/, epoch-2/, …   bundles
run.json                settings as resolved, data hashes, versions, seed, epochs, which is best
log.jsonl               one line a step and an epoch
tracking/               what trackers wrote that keep to this machine; of earlier runs, too
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any, TextIO

from polyhead.bundle import write_text
from polyhead.bundle.locate import RUN_FILE
from polyhead.errors import SettingsError

LOG_FILE = "log.jsonl"
TRACKING_FOLDER = "tracking"
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

    def epochs(self) -> list[Path]:
        """Return the bundles of the run that was saved here."""
        if not (self.path / RUN_FILE).is_file():
            return []
        # By the whole name: a user's own epoch-2-kept/ or epoch-1.txt beside them is not ours to remove.
        return sorted(path for path in self.path.iterdir() if _EPOCH.fullmatch(path.name) and path.is_dir())

    def _earlier_files(self) -> list[Path]:
        """Return the single files that an earlier run accounts for."""
        try:
            epochs = json.loads((self.path / RUN_FILE).read_text(encoding="utf-8"))["epochs"]
            names = [epoch["single_file"] for epoch in epochs if epoch["single_file"]]
        except (OSError, ValueError, KeyError, TypeError):
            return []  # no run, or an account that cannot be read: then nothing is known to be ours
        return [self.path / name for name in names if Path(name).name == name and (self.path / name).is_file()]

    def open(self, account: dict[str, Any]) -> None:
        """Begin the run: remove an earlier one's bundles and single files, write its account.

        Args:
            account: What `run.json` holds from the start.
        """
        for folder in self.epochs():
            shutil.rmtree(folder)
        for file in self._earlier_files():
            file.unlink()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._account = {**account, "epochs": [], "best": None}
            self._write()
            # Line by line, so that it can be followed; that costs microseconds a step.
            self._log = (self.path / LOG_FILE).open("w", encoding="utf-8", buffering=1)
        except OSError as error:
            raise SettingsError(f"output: {self.path} cannot be written: {error.strerror}") from error

    def log(self, event: str, **values: Any) -> None:
        """Add a line to the log."""
        if self._log:
            self._log.write(json.dumps({"event": event, **values}, ensure_ascii=False) + "\n")

    def add_epoch(self, epoch: dict[str, Any], *, best: str | None) -> None:
        """Account for an epoch whose bundle was saved.

        Args:
            epoch: What is known of it, with ``folder``.
            best: Name of the best bundle so far; `None` without dev data.
        """
        self._account["epochs"].append(epoch)
        self._account["best"] = best
        self._write()
        self.log("epoch", **epoch)

    def discard(self) -> None:
        """Remove all that the run wrote, and the folder unless something else is in it, as what trackers heard."""
        self.close()
        for path in (*self.epochs(), *self._earlier_files()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for name in (RUN_FILE, LOG_FILE):
            (self.path / name).unlink(missing_ok=True)
        if not any(self.path.iterdir()):
            self.path.rmdir()

    def close(self) -> None:
        """Close the log."""
        if self._log:
            self._log.close()

    def _write(self) -> None:
        write_text(self.path / RUN_FILE, json.dumps(self._account, indent=2, ensure_ascii=False) + "\n")
