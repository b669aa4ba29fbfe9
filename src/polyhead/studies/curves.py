"""Is more data worth it? Dev scores of models trained on parts of the data."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from polyhead.bundle import write_text
from polyhead.errors import SettingsError
from polyhead.evaluation.intervals import interval_of_mean
from polyhead.evaluation.report.canvas import as_file, check_plots
from polyhead.evaluation.report.plots import Curve, curve_plot
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter, discard, fraction_of, load_for_study, train_on
from polyhead.training import EpochReport, settings_of
from polyhead.training.data import TrainingData
from polyhead.training.run_folder import RunFolder

FRACTIONS = (0.1, 0.3, 1.0)
RUNS = 3
JSON_FILE, PLOT_FILE = "learning_curve.json", "learning_curve.svg"


@dataclass(frozen=True)
class Point:
    """One training.

    Attributes:
        fraction: Share of the training data.
        seed: Of the part of the data, and of the training.
        records: Number of records trained on.
        epoch: The best epoch on dev.
        seconds: Time that its training took, dev scores not included.
        figures: The dev figures of that epoch, by name.
    """

    fraction: float
    seed: int
    records: int
    epoch: int
    seconds: float
    figures: dict[str, float | None]


def learning_curve(
    config: str | Path | None = None,
    *,
    data: str | Path | Sequence[str | Path] | None = None,
    dev: str | Path | Sequence[str | Path] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    runs: int = RUNS,
    output: str | Path = "learning_curve",
    reporter: StudyReporter | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Train on parts of the data, and score each model on the same dev data.

    Each run draws its parts anew, stratified by labels, a smaller one being part of a larger one, and has a seed of its
    own. Dev data are those of the settings, or are held out once of the whole. All trainings have the same settings:
    the same number of epochs, so that small parts get fewer steps, as they would in earnest.

    Args:
        config: A settings file (TOML), as for `polyhead.train`.
        data: Files to train on; those of `config` where not given.
        dev: Files that choose each model's best epoch and score it; those of `config` where not given.
        fractions: Shares of the training data, each above 0, up to 1.
        runs: How many models are trained for each.
        output: Folder for ``learning_curve.json`` and ``learning_curve.svg``, written anew after each training.
        reporter: Hears how the trainings go.
        **settings: As those of `polyhead.train`.

    Returns:
        ``{"dev_records": n, "trainings": [...], "curve": [{"fraction", "records", "figures": {name: {"mean",
        "interval", "values"}}}], "twice_as_much": {name: {"gain", "interval"}}}``. Intervals are Student's, 95 %, over
        runs; `None` with one run. ``twice_as_much`` says what twice the whole would gain if the error went on falling
        as between the last two fractions: by a power of the number of records (Hestness et al. 2017).

    Raises:
        SettingsError: If a setting is unknown or out of range, or there are no dev data.
        DataError: If the data cannot be used, or a part gives a task nothing to learn.
        EncoderError: If the encoder cannot be loaded.
        MissingExtraError: If what draws the plot is not installed.
    """
    own = settings_of(config, {"data.train": data, "data.dev": dev}, settings)
    return curve_of(own, fractions=fractions, runs=runs, folder=Path(output), reporter=reporter or StudyReporter())


def curve_of(
    settings: RunSettings, *, fractions: Sequence[float], runs: int, folder: Path, reporter: StudyReporter
) -> dict[str, Any]:
    """Train on parts of the data, and score each model on the same dev data; see `learning_curve`.

    Args:
        settings: All settings.
        fractions: Shares of the training data.
        runs: How many models are trained for each.
        folder: Where the curve is written.
        reporter: Hears how the trainings go.
    """
    shares = _checked(fractions, runs)
    check_plots("a learning curve")
    with RunFolder(folder).alone():
        return _curve_in(folder, settings, shares, runs=runs, reporter=reporter)


def _curve_in(
    folder: Path, settings: RunSettings, shares: Sequence[float], *, runs: int, reporter: StudyReporter
) -> dict[str, Any]:
    settings, data = load_for_study(settings, reporter)
    if not data.dev:
        raise SettingsError("no dev data, and too few texts to hold any out: give data.dev, which models are scored on")
    if (folder / JSON_FILE).exists():
        reporter.warn(f"{folder} holds an earlier learning curve; it is replaced")
    points: list[Point] = []
    for number, (run, share) in enumerate(product(range(runs), shares), start=1):
        reporter.begin(f"{share:.4g} of the data, run {run + 1}", number=number, of=runs * len(shares))
        points.append(_point(data, settings, share, settings.training.seed + run, folder / "run", reporter))
        reporter.finish(_line(points[-1]))
        result = _result(points, shares, len(data.dev))
        _write(folder, result)
    return result


def _checked(fractions: Sequence[float], runs: int) -> list[float]:
    for fraction in fractions:
        if not 0 < fraction <= 1:
            raise SettingsError(f"--fractions: each must be above 0, and 1 at most, found {fraction:g}")
    if not fractions:
        raise SettingsError("--fractions: name one or more, for example 0.1 0.3 1.0")
    if runs < 1:
        raise SettingsError(f"--runs: must be 1 or more, found {runs}")
    return sorted(set(fractions))


def _point(
    data: TrainingData, settings: RunSettings, share: float, seed: int, folder: Path, reporter: StudyReporter
) -> Point:
    sets = [replace(own, train=fraction_of(own.train, data.tasks, share, seed=seed)) for own in data.sets]
    run = train_on(sets, data, settings, folder=folder, seed=seed, reporter=reporter)
    discard(run)
    best = run.best_epoch
    seconds = round(sum(epoch.seconds for epoch in run.epochs), 2)
    return Point(share, seed, sum(len(own.train) for own in sets), best.epoch, seconds, _figures(best))


def _figures(epoch: EpochReport) -> dict[str, float | None]:
    dev = epoch.dev or {}
    figures = {f"{name} {metric}": dev["tasks"][name][metric] for name, metric in epoch.metrics.items()}
    return figures | ({"frame_accuracy": dev["frame_accuracy"]} if len(figures) > 1 else {})


def _line(point: Point) -> str:
    shown = ((name.replace("_", " "), value) for name, value in point.figures.items())
    figures = "  ".join(f"{name} {'—' if value is None else format(100 * value, '.2f')}" for name, value in shown)
    return f"{point.records:,} records  {figures}"


def _result(points: Sequence[Point], shares: Sequence[float], dev_records: int) -> dict[str, Any]:
    curve = []
    for share in shares:
        own = [point for point in points if point.fraction == share]
        if own:
            names = own[0].figures
            records = round(sum(point.records for point in own) / len(own))
            figures = {name: _mean([point.figures[name] for point in own]) for name in names}
            curve.append({"fraction": share, "records": records, "figures": figures})
    return {
        "dev_records": dev_records,
        "trainings": [asdict(point) for point in points],
        "curve": curve,
        "twice_as_much": _twice(points, shares[-2:]) if len(shares) > 1 else {},
    }


def _mean(values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    mean = sum(known) / len(known) if known else None
    interval = interval_of_mean(known)
    if interval:
        interval = [max(interval[0], 0.0 if min(known) >= 0 else -1.0), min(interval[1], 1.0)]
    return {"mean": mean, "interval": interval, "values": list(values)}


def _twice(points: Sequence[Point], last: Sequence[float]) -> dict[str, Any]:
    """Return, by figure, what twice the records of the last fraction would gain."""
    small, large = ({point.seed: point for point in points if point.fraction == share} for share in last)
    pairs = [(small[seed], large[seed]) for seed in small.keys() & large.keys()]
    gains: dict[str, list[float]] = {}
    for one, other in pairs:
        for name, after in other.figures.items():
            before = one.figures[name]
            if before is not None and after is not None and before < 1 and after < 1:
                falls = math.log((1 - before) / (1 - after)) / math.log(other.records / one.records)
                gains.setdefault(name, []).append((1 - after) * (1 - 2**-falls))
    return {
        name: {"gain": sum(own) / len(own), "interval": interval_of_mean(own)}
        for name, own in gains.items()
        if len(own) == len(pairs)
    }


def _write(folder: Path, result: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / JSON_FILE, json.dumps(result, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / PLOT_FILE, as_file(curve_plot(_curves(result), title="dev figures by records trained on")))


def _curves(result: dict[str, Any]) -> list[Curve]:
    names = result["curve"][0]["figures"]
    return [
        Curve(
            name.replace("_", " "),
            tuple(row["records"] for row in result["curve"]),
            tuple(
                tuple(100 * value for value in row["figures"][name]["values"] if value is not None)
                for row in result["curve"]
            ),
        )
        for name in names
    ]
