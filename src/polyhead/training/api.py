"""`polyhead.train`: the whole of a run, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError, name_the_known
from polyhead.inference import open_model
from polyhead.settings import RunSettings, TrainingSettings, load_settings
from polyhead.training.extending import settings_of_head
from polyhead.training.reporting import Reporter
from polyhead.training.run import run_training
from polyhead.training.trained import TrainedRun

Paths = str | Path | Sequence[str | Path]


def train(
    data: Paths | None = None,
    *,
    dev: Paths | None = None,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    resume: bool = False,
    force: bool = False,
    profile: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a model and save a bundle after every epoch.

    Args:
        data: Files to train on; those of `config` where not given.
        dev: Files that choose the best epoch; where there is none, a tenth of the training data is held out.
        config: A settings file (TOML).
        reporter: Hears how the run goes.
        resume: Go on where an earlier process was broken off, to the very weights that it would have come to.
        force: Do so although settings or data are others now.
        profile: Time the parts of steps: the reporter hears of it at the end, and the run's log has it.
        **settings: Any setting of a run (``encoder``, ``output``, ``strict``, ``tasks``) or of its training
            (``epochs``, ``lr``, ``batch_size``, ``strategy``, ``freeze``, ``seed``, ``precision``, …). They beat
            the file.

    Returns:
        The run: its folder, its best bundle and the scores of each epoch.

    Raises:
        SettingsError: If a setting is unknown or out of range.
        DataError: If the data cannot be used.
        EncoderError: If the encoder cannot be loaded.
        TrainingStoppedError: If Ctrl-C or SIGTERM came; what there was is saved, and `resume` goes on from it.
    """
    described = settings_of(config, {"data.train": data, "data.dev": dev}, settings)
    return run_training(described, reporter=reporter, resume=resume, force=force, profile=profile)


def settings_of(config: str | Path | None, flags: Mapping[str, Any], settings: Mapping[str, Any]) -> RunSettings:
    """Merge a settings file with what was given in Python.

    Args:
        config: A settings file (TOML).
        flags: Dotted key to value; `None` counts as not given.
        settings: By their own names, those of a run or of its training.

    Raises:
        SettingsError: If a setting is unknown or out of range.
    """
    return load_settings(Path(config) if config else None, (), named_settings(flags, settings))


def named_settings(flags: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given in Python by dotted keys; see `settings_of`.

    Raises:
        SettingsError: If there is no setting of a name.
    """
    return {**flags, **{_place(name): value for name, value in settings.items()}}


def add_head(
    model: str | Path,
    *,
    task: str,
    config: str | Path | None = None,
    reporter: Reporter | None = None,
    resume: bool = False,
    force: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a further head on a model's encoder, which stays as it is; prove that the other heads answer as before.

    Args:
        model: A bundle, the output folder of a run, or a ``.pt`` file.
        task: The new task, described in the settings.
        config: A settings file (TOML) with the task and its data.
        reporter: Hears how the run goes.
        resume: Go on where an earlier process was broken off, to the very weights that it would have come to.
        force: Do so although settings or data are others now.
        **settings: As those of `train`.

    Returns:
        The run: its folder, its best bundle and the scores of each epoch.

    Raises:
        SettingsError: If the task is not described, or the model has one of its name.
        BundleError: If the model cannot be opened, or another head would answer otherwise.
    """
    base = open_model(model)
    described = settings_of_head(settings_of(config, {}, settings), task, base)
    return run_training(described, reporter=reporter, base=base, resume=resume, force=force)


def _place(name: str) -> str:
    if name in TrainingSettings.model_fields:
        return f"training.{name}"
    if name in RunSettings.model_fields:
        return name
    known = [*RunSettings.model_fields, *TrainingSettings.model_fields]
    raise SettingsError(f"there is no setting {name!r}; {name_the_known(name, known)}")
