"""What comes of a search: the best settings as a file, a table, plots, and how much of the gain is luck."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from polyhead.bundle import write_text
from polyhead.evaluation.intervals import interval_of_mean
from polyhead.evaluation.report.canvas import as_file
from polyhead.evaluation.report.search_plots import Mattered, Scored, history_plot, importance_plot
from polyhead.settings.paths import change_paths
from polyhead.settings.writing import as_toml
from polyhead.studies.tuning.importance import Importance, importances
from polyhead.studies.tuning.search import shown
from polyhead.studies.tuning.space import Space
from polyhead.studies.tuning.trials import FILE, Check, Kept, State, Trial, best_of
from polyhead.training.data import TrainingData

BEST, TABLE, HISTORY, IMPORTANCE = "best.toml", "trials.md", "history.svg", "importance.svg"
FILES = (FILE, BEST, TABLE, HISTORY, IMPORTANCE)
_OUTPUT = "best"
"""Where a training by `best.toml` goes, beside it: the folder of the file that was searched in holds an earlier run."""


@dataclass(frozen=True)
class Account:
    """Writes what comes of a search.

    Attributes:
        folder: Where.
        space: What is searched.
        data: What trials are trained on.
        kept: The search so far.
        file: The settings file that was searched in, for people.
    """

    folder: Path
    space: Space
    data: TrainingData
    kept: Kept
    file: str

    def write_trials(self) -> None:
        """Write what must not be lost: trials, and the best settings so far."""
        _write(self, importance=[])

    def write_all(self) -> dict[str, Any]:
        """Write all that a search leaves: `FILES`, those that there is something for.

        Returns:
            What `polyhead.tune` returns.
        """
        trials, seed = self.kept.trials, self.kept.asked["settings"]["training"]["seed"]
        found = importances(self.space, trials, seed=seed)
        summary = _write(self, importance=found)
        _draw(self.folder, trials, found)
        return {
            **summary,
            "trials": [own.to_json() for own in trials],
            "checks": [asdict(own) for own in self.kept.checks],
            "table": table_of(self.space, trials),
        }


def _write(own: Account, *, importance: Sequence[Importance]) -> dict[str, Any]:
    summary = _summary(own, importance)
    own.kept.write(own.folder, summary)
    best = best_of(own.kept.trials)
    if best is not None:
        write_text(own.folder / BEST, _best_file(own.folder, own.space, own.kept, best, file=own.file))
    write_text(own.folder / TABLE, markdown(own.space, own.kept.trials))
    return summary


def _draw(folder: Path, trials: Sequence[Trial], found: Sequence[Importance]) -> None:
    if plotted := [Scored(*own) for own in _scored(trials)]:
        write_text(folder / HISTORY, as_file(history_plot(plotted, title="dev scores of the trials")))
    rows = [Mattered(own.setting, 100 * own.share, 100 * own.chance) for own in found]
    if rows:
        write_text(folder / IMPORTANCE, as_file(importance_plot(rows, title="what mattered")))
    else:
        (folder / IMPORTANCE).unlink(missing_ok=True)


def _scored(trials: Sequence[Trial]) -> Iterator[tuple[int, float, bool]]:
    for own in trials:
        if own.score is not None and own.state is not State.repeat:
            yield own.number, 100 * own.score, own.state is State.complete


def _summary(own: Account, importance: Sequence[Importance]) -> dict[str, Any]:
    trials, best = own.kept.trials, best_of(own.kept.trials)
    first = trials[0] if trials and trials[0].state is State.complete else None
    return {
        "records": len(own.data.train),
        "dev_records": len(own.data.dev),
        "fraction": own.kept.asked["fraction"],
        "best": None if best is None else best.number,
        "best_file": None if best is None else str(own.folder / BEST),
        "gain": _gain(best, first),
        "confirmed": _confirmed(best, own.kept.checks),
        "importance": [asdict(row) for row in importance],
        "searched": [each.to_json() for each in own.space.dimensions],
    }


def _gain(best: Trial | None, first: Trial | None) -> float | None:
    """Return what the best trial has more than the default settings, on the dev data that chose it."""
    return None if best is None or first is None else (best.score or 0.0) - (first.score or 0.0)


def _confirmed(best: Trial | None, checks: Sequence[Check]) -> dict[str, Any] | None:
    """Return what is left of the gain with seeds that the search has not seen, each seed's two trainings a pair."""
    if best is None:
        return None
    ours, first = ({own.seed: own for own in checks if own.trial == number} for number in (best.number, 0))
    pairs = [(ours[seed], first[seed]) for seed in sorted(ours.keys() & first.keys()) if best.number]
    pairs = [(one, other) for one, other in pairs if one.score is not None and other.score is not None]
    if not pairs:
        return None
    figures = {"score": [(one.score, other.score) for one, other in pairs]}
    for name in pairs[0][0].figures:
        figures[name] = [(one.figures.get(name), other.figures.get(name)) for one, other in pairs]
    found = {name: _difference(own) for name, own in figures.items()}
    return {"trial": best.number, "seeds": [one.seed for one, _ in pairs], "figures": found}


def _difference(pairs: Sequence[tuple[float | None, float | None]]) -> dict[str, Any]:
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not known:
        return {"best": None, "default": None, "difference": None, "interval": None}
    differences = [one - other for one, other in known]
    return {
        "best": sum(one for one, _ in known) / len(known),
        "default": sum(other for _, other in known) / len(known),
        "difference": sum(differences) / len(known),
        "interval": interval_of_mean(differences),
    }


def _best_file(folder: Path, space: Space, kept: Kept, best: Trial, *, file: str) -> str:
    # The default settings are best left as they were given: what they come to is worked out anew.
    values = space.defaults if best.number == 0 else best.values
    settings = {**space.written(values), "output": str(folder / _OUTPUT)}
    change_paths(settings, lambda path: _from(folder, path))
    encoder = settings.get("encoder")
    if isinstance(encoder, str) and Path(encoder).is_dir():
        settings["encoder"] = _with_a_dot(_from(folder, encoder))
    words = (" ".join(line.split()) for line in _words_on(kept, best, file=file))  # a file's name may hold line feeds
    return "".join(f"# {line}\n" for line in words) + "\n" + as_toml(settings)


def _words_on(kept: Kept, best: Trial, *, file: str) -> Iterator[str]:
    trained = [own for own in kept.trials if own.state is not State.repeat]
    yield f"The best of {len(trained)} trials, number {best.number}, by `polyhead tune {file}`; {FILE} has them all."
    yield f"Its score on dev is {100 * (best.score or 0):.2f} %. Dev chose it, so other data will give somewhat less."
    if kept.asked["fraction"] < 1:
        yield (
            f"It was searched on {100 * kept.asked['fraction']:g} % of the training data; by this file all of them are "
            f"trained on, for which fewer epochs and larger batches may do."
        )
    yield "Paths are relative to this file."


def _from(folder: Path, path: str) -> str:
    """Return a path as the folder sees it; a whole one where there is no way through links."""
    if Path(path).is_absolute():
        return path
    relative = os.path.relpath(path, folder)
    return relative if (folder / relative).resolve() == Path(path).resolve() else str(Path(path).absolute())


def _with_a_dot(path: str) -> str:
    return path if path.startswith(".") or Path(path).is_absolute() else f"./{path}"


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return trials, the best first, then those that were given up, then those that failed."""
    order = {State.complete: 0, State.repeat: 0, State.pruned: 1, State.failed: 2}
    return sorted(trials, key=lambda own: (order[own.state], -(own.score or 0.0), own.number))


def table_of(space: Space, trials: Sequence[Trial]) -> dict[str, Any]:
    """Return a table of all trials, the best first, as texts: ``columns`` and ``rows``."""
    figures = next((list(own.figures) for own in trials if own.figures), [])
    columns = ["trial", *(["score"] if len(figures) != 1 else []), *figures, "epoch", *short_names(space).values()]
    return {"columns": columns, "rows": [_row(space, own, figures) for own in ranked(trials)]}


def _row(space: Space, trial: Trial, figures: Sequence[str]) -> list[str]:
    names = {State.pruned: " (given up)", State.failed: " (failed)", State.repeat: f" (as {trial.like})"}
    name = "default" if trial.number == 0 else str(trial.number)
    scores = [*([trial.score] if len(figures) != 1 else []), *(trial.figures.get(own) for own in figures)]
    epoch = "—" if trial.epoch is None else f"{trial.epoch} of {trial.epochs}"
    values = [shown(trial.values.get(own.name)) for own in space.dimensions]
    shares = ["—" if own is None else f"{100 * own:.2f}" for own in scores]
    return [name + names.get(trial.state, ""), *shares, epoch, *values]


def short_names(space: Space) -> dict[str, str]:
    """Return each searched setting's last part, or the whole where several have the same."""
    last = [own.path[-1] for own in space.dimensions]
    return {own.name: own.path[-1] if last.count(own.path[-1]) == 1 else own.name for own in space.dimensions}


def markdown(space: Space, trials: Sequence[Trial]) -> str:
    """Write a table of all trials for a page in Markdown."""
    table = table_of(space, trials)
    lines = [table["columns"], ["---", *["---:"] * (len(table["columns"]) - 1)], *table["rows"]]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
