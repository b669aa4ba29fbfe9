"""`polyhead.study`: does sharing an encoder help, task by task?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from polyhead.bundle import write_text
from polyhead.errors import SettingsError
from polyhead.evaluation.intervals import RESAMPLES
from polyhead.evaluation.report.canvas import as_file, check_plots
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter, load_for_study
from polyhead.studies.sharing.comparing import Twins, costs_of, frames_of, rows_of
from polyhead.studies.sharing.grouping import Trained, check_tasks, grouped
from polyhead.studies.sharing.latency import latency_of
from polyhead.studies.sharing.notes import notes_of
from polyhead.studies.sharing.outcome import Outcome
from polyhead.studies.sharing.page import affinity_drawn, differences_drawn, render
from polyhead.studies.sharing.plan import Plan
from polyhead.studies.sharing.setup import set_up
from polyhead.studies.sharing.store import Store, as_begun
from polyhead.studies.sharing.teams import Team
from polyhead.studies.sharing.training import Job, Setup
from polyhead.studies.sharing.work import Done, cores_of_each, one_by_one, side_by_side
from polyhead.training import settings_of
from polyhead.training.choosing import criteria_of
from polyhead.training.engine import resolve_precision
from polyhead.training.prepare import versions
from polyhead.training.run_folder import RunFolder

SEEDS = 3
JSON_FILE, PLOT_FILE, PAGE_FILE, GROUPING_FILE = "study.json", "study.svg", "study.html", "grouping.svg"
Paths = str | Path | Sequence[str | Path]


def study(
    config: str | Path | None = None,
    *,
    data: Paths | None = None,
    dev: Paths | None = None,
    test: Paths | None = None,
    seeds: int = SEEDS,
    grouping: bool = False,
    output: str | Path = "study",
    workers: int = 1,
    keep_models: bool = False,
    anew: bool = False,
    reporter: StudyReporter | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train a joint model and a model of its own for each task, under the same budget and seeds, and compare them.

    The budget is epochs: a task's own model goes through the records that carry the task as often as the joint model's
    settings say, with the same settings and seeds, and its best epoch is chosen on the same dev data. The joint model
    is one artefact, so that one epoch is chosen for all of its tasks, by their mean; ``joint_at_own_best`` says what
    it would score, were it chosen for the task alone, as the task's own model is.

    Figures are of test data where these are named, else of dev data. How intervals come about says
    `polyhead.studies.sharing.resampling`. Trainings that are finished are kept as figures in ``output``, where the
    same call goes on after it was broken off.

    Args:
        config: A settings file (TOML), as for `polyhead.train`.
        data: Files to train on; those of `config` where not given.
        dev: Files that choose epochs; those of `config` where not given, else a tenth that is held out once.
        test: Files that models are scored on; those of `config` where not given.
        seeds: How many models of each sort; the first has the seed of the settings, the next that and 1, and so on.
        grouping: Also train each two tasks together, and estimate which tasks should share; up to six tasks.
        output: Folder for figures, plots and report.
        workers: How many trainings go on at once, each in a process of its own.
        keep_models: Keep the best bundle of each training.
        anew: Drop the trainings that are finished, and begin again.
        reporter: Hears how the trainings go.
        **settings: As those of `polyhead.train`.

    Returns:
        ``{"seeds", "tasks": {name: row}, "frame_accuracy": row, "size", "training", "latency", "notes", "trainings",
        ...}``. A row has ``joint`` and ``single`` with their ``mean`` and ``values`` by seed, ``difference``,
        ``interval`` (95 %, over records and seeds), ``interval_records`` (over records alone) and ``verdict``. With
        `grouping` also ``"grouping"``: ``affinity``, and ``groupings`` with the best first.

    Raises:
        SettingsError: If a setting is unknown or out of range, there are fewer than two tasks, or the study that was
            begun in `output` has other settings or data.
        DataError: If the data cannot be used.
        EncoderError: If the encoder cannot be loaded.
        TrainingError: If a process that trained ended by itself.
        MissingExtraError: If what draws the plots is not installed.
    """
    own = settings_of(config, {"data.train": data, "data.dev": dev, "data.test": test}, settings)
    return study_of(
        own,
        seeds=seeds,
        grouping=grouping,
        folder=Path(output),
        workers=workers,
        keep_models=keep_models,
        anew=anew,
        reporter=reporter or StudyReporter(),
    )


def study_of(
    settings: RunSettings,
    *,
    seeds: int,
    grouping: bool,
    folder: Path,
    workers: int,
    keep_models: bool,
    anew: bool,
    reporter: StudyReporter,
) -> dict[str, Any]:
    """Compare a joint model with the tasks' own; see `study`.

    Args:
        settings: All settings.
        seeds: How many models of each sort.
        grouping: Also estimate which tasks should share.
        folder: For figures, plots and report.
        workers: How many trainings go on at once.
        keep_models: Keep bundles.
        anew: Drop the trainings that are finished.
        reporter: Hears how the trainings go.
    """
    _check(seeds, workers)
    check_plots("a study")
    with RunFolder(folder).alone():
        settings, data = load_for_study(settings, reporter)
        names = tuple(task.name for task in data.tasks)
        if len(names) < 2:
            raise SettingsError(
                f"a study compares tasks that share with tasks that do not: it takes two, found {names[0]!r}"
            )
        if grouping:
            check_tasks(names)
        store = Store(folder)
        settings = as_begun(settings, None if anew else store.begun(), resolve_precision(settings.training.precision))
        setup, test_files = set_up(
            settings, data, folder=store.folder.absolute(), beside=workers - 1, reporter=reporter
        )
        account = _account(settings, [*data.files, *test_files], workers=workers)
        store.open(account, anew=anew, reporter=reporter)
        plan = Plan.of(names, first_seed=settings.training.seed, seeds=seeds, pairs=grouping)
        outcomes = _trained(plan, setup, store, workers=workers, keep_models=keep_models, reporter=reporter)
        latency = _latency(plan, setup, store, keep_models=keep_models, reporter=reporter)
        result = _result(plan, outcomes, setup, latency) | account
        _write(folder, result)
        return result


def _check(seeds: int, workers: int) -> None:
    for option, value in (("--seeds", seeds), ("--workers", workers)):
        if value < 1:
            raise SettingsError(f"{option}: must be 1 or more, found {value}")


def _account(settings: RunSettings, files: list[dict[str, Any]], *, workers: int) -> dict[str, Any]:
    """Return what a study that goes on must have been begun with."""
    threads = torch.get_num_threads() if workers == 1 else cores_of_each(workers)
    return {
        "settings": settings.model_dump(mode="json"),
        "data": files,
        "versions": versions(),
        "machine": {"device": "cuda" if torch.cuda.is_available() else "cpu", "threads": threads},
    }


def _trained(
    plan: Plan, setup: Setup, store: Store, *, workers: int, keep_models: bool, reporter: StudyReporter
) -> dict[Team, list[Outcome]]:
    """Take the trainings that are not finished yet, and return all of them, by team and seed."""
    timed = store.latency() is None
    found: dict[tuple[Team, int], Outcome] = {}
    jobs = []
    for team, seed in plan.all():
        name = plan.name(team, seed)
        model = store.model(name) if keep_models or (timed and plan.is_timed(team, seed)) else None
        if kept := store.find(name, model=model):
            found[team, seed] = kept
        else:
            jobs.append(Job(team, seed, model))
    if found:
        reporter.tell(f"{len(found)} of {len(plan.all())} trainings are finished already, and not taken again")
    for done in _taken(plan, jobs, setup, already=len(found), workers=workers, reporter=reporter):
        store.add(plan.name(done.job.team, done.job.seed), done.outcome)
        found[done.job.team, done.job.seed] = done.outcome
    return {team: [found[team, seed] for seed in plan.seeds] for team in plan.teams}


def _taken(
    plan: Plan, jobs: Sequence[Job], setup: Setup, *, already: int, workers: int, reporter: StudyReporter
) -> Iterator[Done]:
    """Yield trainings as they are finished."""
    of = already + len(jobs)
    if workers == 1:
        for number, job in enumerate(jobs, start=already + 1):
            reporter.begin(plan.in_words(job), number=number, of=of)
            for done in one_by_one([job], setup, reporter):
                reporter.finish(_line(done))
                yield done
        return
    longest_first = sorted(jobs, key=lambda job: -len(job.team))
    finished = side_by_side(longest_first, setup, workers=workers)
    for number, done in enumerate(finished, start=already + 1):
        reporter.ended(plan.in_words(done.job), _line(done), number=number, of=of, seconds=done.seconds)
        yield done


def _line(done: Done) -> str:
    scores = {name: own.value for name, own in done.outcome.scores.items()}
    figures = (f"{name} {'—' if value is None else format(100 * value, '.2f')}" for name, value in scores.items())
    return f"epoch {done.outcome.epoch} of {done.outcome.epochs}  {'  '.join(figures)}"


def _latency(plan: Plan, setup: Setup, store: Store, *, keep_models: bool, reporter: StudyReporter) -> dict[str, Any]:
    """Time the models of the first seed, unless that was done, and remove them, unless they are to be kept."""
    found = store.latency()
    if found is None:
        reporter.tell("timing all tasks on one text: the joint model, and the tasks' own models")
        first = plan.seeds[0]
        joint, *singles = (store.model(plan.name(team, first)) for team in plan.twins())
        records = [record for pool in setup.pools for record in pool.records]
        found = latency_of(joint, singles, records)
        store.add_latency(found)
        if not keep_models:
            store.drop_models()
    return found


def _result(
    plan: Plan, outcomes: Mapping[Team, Sequence[Outcome]], setup: Setup, latency: Mapping[str, Any]
) -> dict[str, Any]:
    twins = Twins(outcomes[plan.names], {name: outcomes[(name,)] for name in plan.names})
    result: dict[str, Any] = {
        "seeds": list(plan.seeds),
        "resamples": RESAMPLES,
        "tasks": rows_of(twins, setup.pools, setup.metrics),
        "frame_accuracy": frames_of(twins, setup.pools),
        **costs_of(twins),
        "latency": dict(latency),
        "trainings": [own.facts() for seeds in outcomes.values() for own in seeds],
    }
    if plan.pairs:
        result["grouping"] = grouped(Trained.of(outcomes, criteria_of(setup.data.tasks, setup.settings)))
    return result | {"notes": notes_of(result, setup.settings)}


def _write(folder: Path, result: Mapping[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / JSON_FILE, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / PLOT_FILE, as_file(differences_drawn(result)))
    if "grouping" in result:
        write_text(folder / GROUPING_FILE, as_file(affinity_drawn(result["grouping"])))
    write_text(folder / PAGE_FILE, render(result))
