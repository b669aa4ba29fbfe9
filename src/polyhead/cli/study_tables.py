"""The tables that `polyhead study` prints."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from polyhead.cli.figures import between, figure_table, percent

_COLOURS = {"helps": "green", "hurts": "red", "no difference shown": "dim"}
_COSTS: tuple[tuple[str, str, str, Callable[[float], str]], ...] = (
    ("parameters, millions", "size", "parameters", lambda value: f"{value / 1e6:.1f}"),
    ("bundles, MB", "size", "bytes", lambda value: f"{value / 1e6:.1f}"),
    ("training, seconds a seed", "training", "seconds", lambda value: f"{value:,.1f}"),
    ("training, steps a seed", "training", "steps", lambda value: f"{value:,.0f}"),
    ("all tasks on one text, ms, median", "latency", "p50", lambda value: f"{value:.2f}"),
    ("all tasks on one text, ms, 90th percentile", "latency", "p90", lambda value: f"{value:.2f}"),
)


def study_tables(found: Mapping[str, Any]) -> list[Table]:
    """Return the tables of a study: figures, costs and, where they were asked for, who should share."""
    tables = [_figures(found), _costs(found)]
    if "grouping" in found:
        tables += [_affinity(found["grouping"]["affinity"]), _groupings(found["grouping"])]
    return tables


def _figures(found: Mapping[str, Any]) -> Table:
    seeds = len(found["seeds"])
    rows = {f"{name} {row['metric'].replace('_', ' ')}": row for name, row in found["tasks"].items()}
    if found["frame_accuracy"]:
        rows["frame accuracy"] = found["frame_accuracy"]
    pools = {row["scored_on"] for row in rows.values()}
    where = [] if len(pools) == 1 else ["scored on"]
    on = "" if where else f" on {pools.pop()}"
    title = f"joint and single models{on}, {seeds} seed{'s' if seeds > 1 else ''}, %"
    table = figure_table(title, ["task", *where, "joint", "single", "difference", "95 % interval", "sharing"])
    for name, row in rows.items():
        table.add_row(escape(name), *(row["scored_on"] for _ in where), *_cells(row))
    for column in table.columns[1:]:
        column.no_wrap = True
    return table


def _cells(row: Mapping[str, Any]) -> list[str | Text]:
    means = (percent(row[side]["mean"]) for side in ("joint", "single"))
    verdict = Text(row["verdict"], _COLOURS[row["verdict"]])
    return [*means, _signed(row["difference"]), between(row["interval"], _signed), verdict]


def _signed(value: float | None) -> str:
    return "—" if value is None else f"{100 * value:+.2f}"


def _costs(found: Mapping[str, Any]) -> Table:
    table = figure_table("what it costs", ["what", "joint", "separate", "separate is"])
    for name, part, key, show in _COSTS:
        joint, separate = found[part]["joint"][key], found[part]["separate"][key]
        table.add_row(name, show(joint), show(separate), f"{separate / joint:.2f} times" if joint else "—")
    return table


def _affinity(affinity: Mapping[str, Mapping[str, float]]) -> Table:
    names = list(affinity)
    table = figure_table("points on dev that a task gains beside another", ["task", *map(escape, names)])
    for name, row in affinity.items():
        table.add_row(escape(name), *(_signed(row.get(other)) for other in names))
    return table


def _groupings(grouping: Mapping[str, Any]) -> Table:
    title = f"the best of {grouping['considered']} groupings, and of each number of models; dev, %"
    columns = ["groups", "models", "score", "against joint", "95 % interval", "how"]
    table = figure_table(title, columns)
    for row in grouping["groupings"]:
        groups = " | ".join(" + ".join(group) for group in row["groups"])
        how = "trained" if row["measured"] else "estimated"
        how += f", best with {row['models']}" if row["best_of_models"] else ""
        gain = _signed(row["against_joint"]), between(row["interval"], _signed)
        table.add_row(escape(groups), str(row["models"]), percent(row["score"]), *gain, how)
    return table


def suggestion(grouping: Mapping[str, Any]) -> str:
    """Return the best grouping in a form that settings take, and how sure it is that it beats the joint model."""
    best = grouping["groupings"][0]
    if best["models"] == 1:
        return "nothing scored higher than all tasks in one model"
    shown = best["interval"] is not None and best["interval"][0] > 0
    sure = "" if shown else "; that this beats one model for all is not shown"
    return f"best on dev: groups = {json.dumps(best['groups'])}{sure}"
