"""What a check found, on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from polyhead.checking.characters import shown
from polyhead.checking.files import SPLITS
from polyhead.cli.figures import figure_table, percent

_COLOURS = {"error": "bold red", "warning": "yellow", "note": "cyan"}
_LABELS = 40
"""With more labels than this their figures stand in ``--json`` only."""
_TEXT = 160
"""Characters of a text that are shown."""


def show(found: Mapping[str, Any], console: Console, top: int) -> None:
    """Print the summary, the first findings of each kind, and tables of what the data are.

    Args:
        found: Of `polyhead.checking.check`.
        console: Where to.
        top: Findings of each kind that are printed.
    """
    console.print(_summary(found))
    for row in found["summary"] if top else ():
        console.print()
        _show_kind(row, found["findings"][row["finding"]][:top], console)
    for table in _tables(found):
        console.print()
        console.print(table)
    if found["encoder"]["said"]:
        console.print(f"\n{found['encoder']['said']}", markup=False)


def _summary(found: Mapping[str, Any]) -> Table:
    errors = found["errors"]
    verdict = f"{errors:,} {'error' if errors == 1 else 'errors'}" if errors else "no errors"
    table = figure_table(f"{found['records']:,} records, {verdict}", ["finding", "number", "task", "why"])
    table.columns[2].header, table.columns[3].header = "what it is", "what to do"
    for row in found["summary"]:
        name = Text.assemble((f"{row['severity']:<8}", _COLOURS[row["severity"]]), row["finding"])
        table.add_row(name, f"{row['count']:,}", row["what"], row["do"])
    if not found["summary"]:
        table.add_row("nothing found", "", "", "")
    return table


def _show_kind(row: Mapping[str, Any], findings: list[dict[str, Any]], console: Console) -> None:
    more = row["count"] - len(findings)
    console.print(Text.assemble((row["finding"], _COLOURS[row["severity"]])))
    for own in findings:
        place = f"{shown(own['file'])}:{own['line']}" if own["file"] else ""
        console.print(Text.assemble("  ", (place, "bold"), "  " if place else "", shown(own["found"], _TEXT)))
        if own["text"]:
            console.print(Text.assemble("    ", (shown(own["text"], _TEXT), "dim")))
    if more:
        console.print(f"  and {more:,} more", style="dim")


def _tables(found: Mapping[str, Any]) -> Iterator[Table]:
    splits = [split for split in SPLITS if split in found["coverage"]]
    yield _coverage(found, splits)
    for name, own in found["labels"].items():
        if 0 < len(own["rows"]) <= _LABELS:
            yield _labels(name, own, splits)
    if "lengths" in found:
        yield _lengths(found)
    if found.get("unknown pieces", {}).get("unknown"):
        yield _unknown(found)
    for name, by_split in found["entity values"].items():
        yield _values(name, by_split)


def _coverage(found: Mapping[str, Any], splits: list[str]) -> Table:
    columns = list(found["coverage"][splits[0]]) if splits else []
    table = figure_table("records that carry each task", ["split", *map(escape, columns)])
    for split in splits:
        table.add_row(split, *(f"{count:,}" for count in found["coverage"][split].values()))
    return table


def _labels(name: str, own: Mapping[str, Any], splits: list[str]) -> Table:
    imbalance = f", {own['imbalance']:.4g} times as many of the first as of the last" if own["imbalance"] else ""
    title = f"{name}: {own['classes']:,} labels in training{imbalance}"
    table = figure_table(escape(title), ["label", *splits, "of training, %"])
    for row in own["rows"]:
        counts = (f"{row[split]:,}" for split in splits)
        table.add_row(escape(shown(str(row["label"]))), *counts, percent(row["share"]))
    return table


def _lengths(found: Mapping[str, Any]) -> Table:
    lengths, name = found["lengths"], found["encoder"]["name"]
    shares = [share for own in lengths["splits"].values() for share in own["percentiles"]]
    columns = ["longest" if share == "100" else f"{share} %" for share in dict.fromkeys(shares)]
    title = f"pieces of {name} in a text; {lengths['limit']:,} are read at once"
    table = figure_table(escape(title), ["split", "texts", *columns, "longer", "rows"])
    for split, own in lengths["splits"].items():
        figures = (own["texts"], *own["percentiles"].values(), own["longer"], own["rows"])
        table.add_row(split, *(f"{figure:,}" for figure in figures))
    return table


def _unknown(found: Mapping[str, Any]) -> Table:
    title = f"pieces that {found['encoder']['name']} lacks"
    table = figure_table(escape(title), ["script", "pieces", "unknown", "%", "why"])
    table.columns[4].header = "examples"
    for row in found["unknown pieces"]["scripts"]:
        if row["unknown"]:
            figures = (f"{row['pieces']:,}", f"{row['unknown']:,}", percent(row["share"]))
            table.add_row(row["script"], *figures, escape(shown(" ".join(row["examples"]), 60)))
    return table


def _values(name: str, by_split: Mapping[str, Any]) -> Table:
    title = f"{name}: entities, and % of them whose value training has with that type"
    table = figure_table(escape(title), ["type", *(column for split in by_split for column in (split, "%"))])
    types = dict.fromkeys(row["type"] for rows in by_split.values() for row in rows)
    of_type = {split: {row["type"]: row for row in rows} for split, rows in by_split.items()}
    for label in types:
        cells = []
        for rows in of_type.values():
            row = rows.get(label)
            cells += [f"{row['entities']:,}", percent(row["share"])] if row else ["—", "—"]
        table.add_row(escape(shown(label)), *cells)
    return table
