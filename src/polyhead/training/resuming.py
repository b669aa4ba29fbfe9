"""How a run begins: anew, or where an earlier process was broken off."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from polyhead.errors import SettingsError
from polyhead.settings import RunSettings
from polyhead.training.fingerprint import check_same_run, machine_differences
from polyhead.training.reporting import EpochReport, Reporter
from polyhead.training.run_folder import RunFolder
from polyhead.training.states import State


@dataclass(frozen=True)
class Beginning:
    """Where a run begins.

    Attributes:
        run: Which run: a name of its own, by which its states are known.
        state: What it goes on from; `None`: its first step.
        ahead: The account of epochs after the state whose bundles were saved; the run makes the same ones again.
        finished: The account of each epoch, where there is nothing left to do.
    """

    run: str
    state: State | None = None
    ahead: tuple[dict[str, Any], ...] = ()
    finished: tuple[dict[str, Any], ...] = ()


def as_begun(settings: RunSettings, earlier: Mapping[str, Any] | None) -> RunSettings:
    """Return the settings with the precision that a run was begun with, where it was left to be found out by timing.

    Args:
        settings: All settings.
        earlier: The account of the run that is gone on with, where there is one.
    """
    # Of an account without a name `begin` says what is wrong with it.
    if earlier is None or "id" not in earlier or settings.training.precision != "auto":
        return settings
    training = {"precision": earlier["settings"]["training"]["precision"]}
    return settings.model_copy(update={"training": settings.training.model_copy(update=training)})


def begin(
    folder: RunFolder,
    account: Mapping[str, Any],
    *,
    earlier: Mapping[str, Any] | None,
    resume: bool,
    force: bool,
    reporter: Reporter,
) -> Beginning:
    """Open the folder of a run.

    Args:
        folder: The folder.
        account: What `run.json` is to hold from the start.
        earlier: What it holds, where a run is to be gone on with.
        resume: Go on where an earlier process was broken off.
        force: Do so although settings or data are others now.
        reporter: Hears of it.

    Raises:
        SettingsError: If the run that was begun was another one.
    """
    if earlier is None:
        if resume:
            reporter.info("resume", f"{folder.path} holds no run yet, so this one begins at its first step")
        elif line := _what_is_replaced(folder):
            reporter.warn(line)
        run = secrets.token_hex(8)
        folder.open({"id": run, **account})
        return Beginning(run)
    return _go_on(folder, earlier, account, force=force, reporter=reporter)


def _what_is_replaced(folder: RunFolder) -> str | None:
    if (step := folder.states.last_step()) is not None:
        return (
            f"{folder.path} holds a run that was broken off after step {step:,}; it is replaced (--resume would go on "
            f"with it)"
        )
    if before := folder.epochs():
        return f"{folder.path} holds an earlier run of {len(before)} epochs; it is replaced"
    return None


def _go_on(
    folder: RunFolder, earlier: Mapping[str, Any], account: Mapping[str, Any], *, force: bool, reporter: Reporter
) -> Beginning:
    if "id" not in earlier:
        raise SettingsError(
            f"--resume: the run in {folder.path} was saved by a version of polyhead that kept no states; name another "
            f"output, or train anew without --resume"
        )
    run, epochs = earlier["id"], earlier["epochs"]
    changed = check_same_run(earlier, account, force=force)
    if earlier["finished"]:
        if changed:
            raise SettingsError(f"--resume: the run in {folder.path} is finished, so there is nothing to go on from")
        folder.clean()  # its process may have been killed between that and the end
        reporter.info("resume", f"the run in {folder.path} is finished already")
        return Beginning(run, finished=tuple(epochs))
    for line in changed:
        reporter.warn(f"--force: {line}")
    for line in machine_differences(earlier, account):
        reporter.warn(f"{line}: the weights may differ in their last bits from those of an uninterrupted run")
    state = folder.states.newest(run, warn=reporter.warn)
    folder.states.drop_after(state.step if state else 0)
    done = state.values["epochs"] if state else []
    ahead = () if changed else tuple(epochs[len(done) :])
    # What run.json has of an epoch includes its single file.
    kept = (*epochs[: len(done)], *ahead)
    folder.reopen(
        {"id": run, **account},
        epochs=kept,
        best=earlier["best"],
        log_bytes=state.values["log_bytes"] if state else 0,
    )
    return Beginning(run, state, ahead)


def reports_of(accounts: Iterable[Mapping[str, Any]]) -> list[EpochReport]:
    """Return epochs as `run.json` accounts for them."""
    return [EpochReport.from_json(account) for account in accounts]
