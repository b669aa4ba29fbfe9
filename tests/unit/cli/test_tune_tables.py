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
