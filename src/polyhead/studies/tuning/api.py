"""`polyhead.tune`: from settings with ranges to the best settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from polyhead.errors import SettingsError
from polyhead.evaluation.report.canvas import check_plots
from polyhead.model import load_pretrained
from polyhead.settings import RunSettings, merged_settings
from polyhead.studies.runs import StudyReporter
from polyhead.studies.tuning.account import FILES, Account
from polyhead.studies.tuning.durations import seconds_of
from polyhead.studies.tuning.sampling import check_optuna
from polyhead.studies.tuning.search import Plan, Search
from polyhead.studies.tuning.space import Space, space_of
from polyhead.studies.tuning.trial_data import load_for_search
from polyhead.studies.tuning.trials import begun
from polyhead.studies.tuning.usual import usual_ranges
from polyhead.training import named_settings
from polyhead.training.data import TrainingData
from polyhead.training.plan import choose_batch_size, make_plan
from polyhead.training.prepare import versions
from polyhead.training.run_folder import RunFolder

TRIALS = 20


def tune(
    config: str | Path | None = None,
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    dev: str | Path | Sequence[str | Path] | None = None,
    trials: int = TRIALS,
    timeout: str | None = None,
    fraction: float = 1.0,
    confirm: int = 0,
    prune: bool = True,
    output: str | Path = "tuned",
    anew: bool = False,
    reporter: StudyReporter | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Search the best settings in the ranges that a settings file marks, by the dev score.

    The first trial has the default settings. Each further one is a whole training with values that Optuna's TPE sampler
    proposes by those before; one that does worse than most is given up early. The same call goes on with a search that
    was broken off, and comes to the trials that it would have come to.

    Args:
        config: A settings file (TOML), as for `polyhead.train`, in which values may be ranges:
            ``{ range = [1e-5, 1e-3], scale = "log" }`` or ``{ choices = ["joint", "alternating"] }``.
        data: Files to train on; those of `config` where not given.
        dev: Files that score each trial; those of `config` where not given.
        trials: How many there are to be in all, those of an earlier call included.
        timeout: How long this call may search, such as ``90s``, ``30m``, ``1h``; a trial under way is left out then.
        fraction: Share of the training texts to train on, stratified by labels; dev data stay whole.
        confirm: Trainings with fresh seeds, of the best and of the default settings each, after the search.
        prune: Give trials up that do worse than most.
        output: Folder for ``best.toml``, ``trials.json``, ``trials.md`` and plots, written anew after each trial.
        anew: Remove an earlier search in the folder.
        reporter: Hears how the trials go.
        **settings: As those of `polyhead.train`; ranges as dictionaries.

    Returns:
        ``{"best": number, "best_file": path, "gain": share, "trials": [...], "confirmed": {...}, "importance": [...],
        ...}``: what ``trials.json`` holds. ``gain`` is that on the dev data that chose the best, and so too high;
        ``confirmed`` has the paired differences with fresh seeds.

    Raises:
        SettingsError: If a setting or range is wrong, there are no dev data, or an earlier search in the folder has
            other settings or data.
        DataError: If the data cannot be used.
        EncoderError: If the encoder cannot be loaded.
        TrainingError: If several trials in a row fail.
        TrainingStoppedError: If Ctrl-C or SIGTERM came; what there was is kept.
        MissingExtraError: If Optuna or matplotlib is not installed.
    """
    given = named_settings({"data.train": data, "data.dev": dev}, settings)
    merged = merged_settings(Path(config) if config else None, (), given)
    seconds = None if timeout is None else seconds_of(timeout, where="timeout")
    return best_in(
        merged,
        plan=Plan(trials, seconds, prune, confirm),
        fraction=fraction,
        folder=Path(output),
        anew=anew,
        reporter=reporter or StudyReporter(),
        file=str(config or "settings"),
    )


def best_in(
    merged: Mapping[str, Any],
    *,
    plan: Plan,
    fraction: float,
    folder: Path,
    anew: bool,
    reporter: StudyReporter,
    file: str,
) -> dict[str, Any]:
    """Search the best settings; see `tune`.

    Args:
        merged: Settings with ranges.
        plan: How the search goes.
        fraction: Share of the training texts.
        folder: Where the account is written.
        anew: Remove an earlier search in the folder.
        reporter: Hears how the trials go.
        file: The settings file, for people.
    """
    _check(plan, fraction)
    check_optuna()
    check_plots("polyhead tune")
    with RunFolder(folder).alone():
        space = space_of(merged)
        first, data = load_for_search(space.settings(space.defaults), fraction=fraction, reporter=reporter)
        if not space.dimensions:
            space = _usual(space, first, data, reporter, file=file)
        _tell(space, data, fraction, reporter)
        if anew:
            for name in FILES:
                (folder / name).unlink(missing_ok=True)
        kept, others = begun(folder, _asked(space, first, data, fraction=fraction, prune=plan.prune))
        for line in others:
            reporter.warn(f"{line}: earlier trials may differ in their last digits from what they would be now")
        if kept.trials:
            reporter.tell(f"going on with {len(kept.trials)} trials that {folder} holds")
        account = Account(folder, space, data, kept, file)
        search = Search(
            space, data, first=first, kept=kept, folder=folder, reporter=reporter, written=account.write_trials
        )
        try:
            if ended := search.go(plan):
                reporter.tell(f"ended      {ended}")
        finally:  # what there is when it is stopped, too
            found = account.write_all() if kept.trials else {}
        return found or account.write_all()


def _check(plan: Plan, fraction: float) -> None:
    if plan.trials < 1:
        raise SettingsError(f"--trials: must be 1 or more, found {plan.trials}")
    if plan.checks < 0:
        raise SettingsError(f"--confirm: must be 0 or more, found {plan.checks}")
    if not 0 < fraction <= 1:
        raise SettingsError(f"--fraction: must be above 0, and 1 at most, found {fraction:g}")


def _usual(space: Space, first: RunSettings, data: TrainingData, reporter: StudyReporter, *, file: str) -> Space:
    """Search what most trainings depend on."""
    pretrained = load_pretrained(first.encoder)
    size = choose_batch_size(first.training, rows=len(data.train))
    hidden = int(pretrained.encoder.config.hidden_size)  # type: ignore[union-attr,arg-type]
    rates = make_plan(first.training, hidden=hidden, batch_size=size, steps_per_epoch=1)
    reporter.tell(
        f"no range in {file}: what most trainings depend on is searched, around the usual values. To search others, "
        f"write for a setting {{ range = [LOW, HIGH] }} or {{ choices = [...] }}"
    )
    merged = dict(space.base)
    training = dict(merged.get("training", {}))
    for name, table in usual_ranges(first, asdict(replace(rates, batch_size=size))).items():
        training[name.removeprefix("training.")] = table
    return space_of({**merged, "training": training})


def _tell(space: Space, data: TrainingData, fraction: float, reporter: StudyReporter) -> None:
    for own in space.dimensions:
        reporter.tell(f"searching  {own.name}: {own.describe()}")
    part = f" ({100 * fraction:g} % of the texts, stratified by labels)" if fraction < 1 else ""
    reporter.tell(f"data       train {len(data.train):,} records{part}, dev {len(data.dev):,}, which score each trial")


def _asked(space: Space, first: RunSettings, data: TrainingData, *, fraction: float, prune: bool) -> dict[str, Any]:
    """Return what a search is; one with another account cannot go on from it."""
    return {
        "settings": first.model_dump(mode="json"),
        "searched": [own.to_json() for own in space.dimensions],
        "data": data.files,
        "fraction": fraction,
        "prune": prune,
        "versions": versions(),
        "machine": {"threads": torch.get_num_threads(), "cuda": torch.cuda.is_available()},
    }
