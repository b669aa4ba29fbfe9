"""A run's epochs as a table."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from polyhead.cli.epochs import epoch_table
from polyhead.training.reporting import EpochReport, Measured
from tests.unit.cli.reports import epoch_report

RUNNING = Measured({"classification": 0.0625, "ner": 0.25}, 12.0, 90.0, 9000.0)
MANY = {f"task_number_{number}": "f1" for number in range(8)}


def lines_of(
    reports: list[EpochReport], *, best: EpochReport | None = None, width: int = 80, **options: object
) -> list[str]:
    return [line.rstrip() for line in epoch_table(reports, best=best, width=width, **options).plain.split("\n")]


def test_two_tasks_fit_eighty_columns() -> None:
    first, second = epoch_report(1), epoch_report(2, score=0.75)
    assert lines_of([first, second], best=second, running=RUNNING, left="59:59 left") == [
        "      classification    ner classification   ner       tokens",
        "epoch           loss   loss       accuracy    f1 frame     /s time",
        "    1         0.1250 0.1250          50.00 50.00 25.00 12,346 1:15",
        "    2         0.1250 0.1250          75.00 75.00 25.00 12,346 1:15 ← best",
        "    3         0.0625 0.2500                             9,000 0:12 59:59 left",
    ]


def test_where_the_losses_do_not_fit_their_mean_stands_for_them() -> None:
    lines = lines_of([epoch_report(1)], running=RUNNING, width=66)
    assert lines[1] == "epoch   loss       accuracy    f1 frame     /s time"
    assert lines[2].split() == ["1", "0.1250", "50.00", "50.00", "25.00", "12,346", "1:15"]
    assert lines[3].split() == ["2", "0.1562", "9,000", "0:12"]


def test_where_the_figures_do_not_fit_the_score_stands_for_them() -> None:
    lines = lines_of([epoch_report(1, tasks=MANY)], width=80)
    assert lines[1].split() == ["epoch", "loss", "score", "frame", "/s", "time"]
    assert lines[2].split() == ["1", "0.1250", "50.00", "25.00", "12,346", "1:15"]
    assert len(lines_of([epoch_report(1, tasks=MANY)], width=400)[1].split()) == 1 + 8 + 8 + 3


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("tasks", [1, 2, 4, 8])
def test_no_line_is_wider_than_the_terminal(width: int, tasks: int) -> None:
    report = epoch_report(1, tasks=dict(list(MANY.items())[:tasks]))
    running = Measured(report.losses, 3000.0, 100.0, 123456.0)
    for line in lines_of([report] * 3, best=report, running=running, left="1:02:03 left", width=width):
        assert cell_len(line) <= width


def test_without_dev_data_there_are_losses_only() -> None:
    lines = lines_of([epoch_report(1, score=None)])
    assert lines[1].split() == ["epoch", "loss", "loss", "/s", "time"]


def test_before_the_first_step_nothing_is_known() -> None:
    assert lines_of([], running=Measured({}, 0.0, 0.0, 0.0))[-1].split() == ["1", "0:00"]


def test_where_there_is_no_room_the_last_rows_are_shown() -> None:
    reports = [epoch_report(number) for number in range(1, 51)]
    lines = lines_of(reports, best=reports[3], most=5, running=RUNNING)
    assert [line.split()[0] for line in lines[2:]] == ["47", "48", "49", "50", "51"]
    assert len(lines_of(reports, best=reports[3])) == 52
