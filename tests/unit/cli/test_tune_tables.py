"""The table of trials is no wider than the terminal, and always has the score."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from polyhead.cli.tune_tables import tune_tables

COLUMNS = ["trial", "score", "intent accuracy", "slots f1", "epoch", "lr"]


def shown(width: int, rows: list[list[str]]) -> list[str]:
    found: dict[str, Any] = {"table": {"columns": COLUMNS, "rows": rows}, "dev_records": 700}
    console = Console(width=width, record=True, color_system=None)
    with console.capture() as capture:
        for table in tune_tables({**found, "confirmed": None, "importance": []}, width=width):
            console.print(table)
    text = capture.get()
    return text[text.index("trial  ") :].splitlines()  # without the title, which may take several lines


@pytest.mark.parametrize(("width", "has_figures"), [(80, True), (40, False)])
def test_figures_of_tasks_stand_where_there_is_room(width: int, has_figures: bool) -> None:
    lines = shown(width, [["3", "95.10", "99.43", "90.78", "5 of 5", "0.000171"]])
    assert lines[0].split()[:2] == ["trial", "score"]
    assert ("intent accuracy" in lines[0]) == ("90.78" in lines[1]) == has_figures
    assert lines[1].split()[:2] == ["3", "95.10"]
    assert lines[1].split()[-1] == "0.000171"


def test_of_many_trials_the_best_are_shown_and_the_default() -> None:
    rows = [[str(at) if at < 40 else "default", "90.00", "1", "2", "1 of 1", "0.1"] for at in range(1, 41)]
    lines = shown(120, rows)
    assert lines[1].split()[0] == "1"
    assert lines[-1].split()[0] == "default"
    assert len(lines) == 1 + 31


def test_many_settings_stand_in_words_and_no_figure_is_cut() -> None:
    names = ["layers", "weight", "epochs", "batch_size", "lr", "head_lr", "warmup", "head_dropout"]
    values = ["mix", "2.85", "5", "4", "0.00012", "0.00431", "0.25", "0.2"]
    table = {
        "columns": ["trial", "score", "intent accuracy", "slots f1", "epoch", *names],
        "rows": [
            ["18", "95.13", "99.29", "90.96", "5 of 5", *values],
            ["9 (given up)", "80.78", "1", "2", "2 of 6", *values],
        ],
    }
    found: dict[str, Any] = {"table": table, "dev_records": 700, "confirmed": None, "importance": []}
    console = Console(width=80, record=True, color_system=None)
    with console.capture() as capture:
        for one in tune_tables(found, width=80):
            console.print(one)
    lines = capture.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("18")
    assert "95.13" in lines[2]
    assert "5 of 5  layers mix, weight 2.85," in lines[2]
    words = " ".join(" ".join(lines).split())
    assert all(f"{name.replace('_', ' ')} {value}" in words for name, value in zip(names, values, strict=True))
