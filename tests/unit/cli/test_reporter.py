"""What a run writes into a pipe, and what it shows on a terminal."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator

import pytest
from rich.console import Console

from polyhead.cli.live import LiveReporter, console_reporter
from polyhead.cli.reporter import ConsoleReporter
from polyhead.training.reporting import Reporter
from tests.unit.cli.reports import epoch_report, step_report


def console_of(*, terminal: bool, height: int = 30) -> Console:
    """A console as `error_console` makes it, which writes into memory."""
    return Console(
        file=io.StringIO(), force_terminal=terminal, width=100, height=height, highlight=False, soft_wrap=True,
        _environ={"TERM": "xterm-256color"},
    )  # fmt: skip


def written(console: Console) -> str:
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def go(reporter: Reporter, *, epochs: int, of: int) -> None:
    """Report epochs of two steps each."""
    reporter.start(steps=2 * of, epochs=of)
    for epoch in range(1, epochs + 1):
        for step in (2 * epoch - 1, 2 * epoch):
            reporter.step(step_report(step, epoch=epoch, classification=0.5, ner=0.25))
        reporter.evaluating(records=10)
        reporter.evaluated(10)
        reporter.epoch(epoch_report(epoch, score=epoch / 10), is_best=True)


@pytest.fixture
def live() -> Iterator[LiveReporter]:
    reporter = console_reporter(console_of(terminal=True))
    assert isinstance(reporter, LiveReporter)
    yield reporter
    reporter.close()


def shown(reporter: LiveReporter) -> list[str]:
    """What is on the terminal now."""
    console = Console(file=io.StringIO(), width=100)
    console.print(reporter._view())
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_a_pipe_gets_lines() -> None:
    console = console_of(terminal=False)
    reporter = console_reporter(console)
    assert type(reporter) is ConsoleReporter
    go(reporter, epochs=2, of=2)
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]
    lines = written(console).splitlines()
    assert lines[0] == "step 1/4  epoch 1  loss classification 0.500 ner 0.250  lr 1.00e-04"
    assert lines[2].startswith("epoch 1/2  classification loss 0.1250  ner loss 0.1250  classification accuracy 10.00")
    assert lines[2].endswith("frame 25.00  (75.0 s, 100 rows/s, 12,346 tokens/s)")
    reporter.close()
    assert written(console).splitlines()[-1].endswith("1:15 ← best")


def test_a_dumb_terminal_gets_lines() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, _environ={"TERM": "dumb"})
    assert type(console_reporter(console)) is ConsoleReporter


def test_a_terminal_gets_a_row_an_epoch_and_one_that_is_under_way(live: LiveReporter) -> None:
    go(live, epochs=2, of=5)
    live.step(step_report(5, epoch=3, classification=0.75, ner=0.5))
    *_, second, running, blank, bar = shown(live)
    assert second.split() == ["2", "0.1250", "0.1250", "20.00", "20.00", "25.00", "12,346", "1:15", "←", "best"]
    assert running.split()[:3] == ["3", "0.7500", "0.5000"]
    assert re.search(r" 0:00 0:0\d left *$", running)
    assert blank.strip() == ""
    assert bar.startswith("epoch 3 ")
    assert bar.rstrip().endswith(" 50%  5/10")


def test_while_scores_are_computed_there_is_a_bar_for_them(live: LiveReporter) -> None:
    go(live, epochs=1, of=2)
    for _ in range(2):  # averaged weights are scored, too
        live.evaluating(records=80)
    live.evaluated(20)
    bars = [line for line in shown(live) if "━" in line]
    assert [bar.split()[0] for bar in bars] == ["epoch", "dev"]
    assert "20/80" in bars[1]
    live.epoch(epoch_report(2), is_best=False)
    assert len([line for line in shown(live) if "━" in line]) == 1


def test_after_the_last_epoch_none_is_under_way(live: LiveReporter) -> None:
    go(live, epochs=2, of=2)
    assert [line.split()[0] for line in shown(live)[3:5]] == ["1", "2"]
    assert "left" not in "".join(shown(live))


def test_a_low_terminal_shows_the_last_epochs_and_has_all_in_the_end() -> None:
    console = console_of(terminal=True, height=12)
    reporter = LiveReporter(console)
    go(reporter, epochs=20, of=40)
    lines = shown(reporter)
    assert len(lines) <= 12 - 2, "there is room for a second bar and the cursor"
    assert [line.split()[0] for line in lines[3:-2]] == ["17", "18", "19", "20", "21"]
    reporter.close()
    table = written(console).split("epoch   ")[-1]
    assert [line.split()[0] for line in table.splitlines()[1:]] == [str(number) for number in range(1, 21)]


def test_what_is_said_during_a_run_is_said_in_whole_lines() -> None:
    console = console_of(terminal=True)
    reporter = LiveReporter(console)
    go(reporter, epochs=1, of=2)
    reporter.warn("the disk is [nearly] full")
    reporter.info("stop", "no better dev score")
    reporter.close()
    lines = [line.strip() for line in written(console).splitlines()]
    assert "warning: the disk is [nearly] full" in lines
    assert "stop    no better dev score" in lines


@pytest.mark.parametrize("epochs", [0, 1])
def test_the_terminal_is_given_back(epochs: int) -> None:
    console, streams = console_of(terminal=True), (sys.stdout, sys.stderr)
    reporter = LiveReporter(console)
    go(reporter, epochs=epochs, of=3)
    assert console.file.getvalue().count("\x1b[?25l") == 1, "the cursor is hidden"  # type: ignore[attr-defined]
    reporter.close()
    assert console.file.getvalue().count("\x1b[?25h") == 1  # type: ignore[attr-defined]
    assert (sys.stdout, sys.stderr) == streams
    assert ("← best" in written(console).splitlines()[-1]) is bool(epochs), "epochs that were finished are kept"


def test_a_run_that_did_not_begin_leaves_nothing() -> None:
    console = console_of(terminal=True)
    LiveReporter(console).close()
    assert written(console) == ""
