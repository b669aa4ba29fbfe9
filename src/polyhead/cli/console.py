"""Where the commands write: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from polyhead.notices import Notices

_COLOURS = {"warning": "yellow", "error": "red", "worse": "red"}


def output_console() -> Console:
    """Return a console for answers."""
    return Console(file=sys.stdout, highlight=False, soft_wrap=True)


def error_console() -> Console:
    """Return a console for messages and progress."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=True)


def announce(console: Console, word: str, message: str) -> None:
    """Write a message that must be noticed; nothing in it is taken as mark-up.

    Args:
        console: Where to.
        word: ``warning``, ``error`` or ``worse``.
        message: The message.
    """
    # In one piece: where a live display stands below, half a line would be overwritten by it.
    console.print(Text.assemble((f"{word}:", f"bold {_COLOURS[word]}"), " ", message))


def plain(text: str) -> Text:
    """Return a stranger's text, of which no character moves the cursor and nothing is taken as mark-up."""
    return Text("".join(character if character.isprintable() else "\ufffd" for character in text))


def progress_bar(console: Console, *, time_left: bool = True) -> Progress:
    """Make a bar that goes away when it is done, and stays out of files and pipes altogether.

    Args:
        console: Where to.
        time_left: Show the time left.
    """
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        *([TimeRemainingColumn()] if time_left else []),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def going_through_data(word: str, *, strict: bool) -> Iterator[tuple[Notices, Callable[[int], None]]]:
    """Show a bar while records are gone through, and then write what was odd in them.

    Args:
        word: What is done with them.
        strict: Treat what is odd as an error.

    Yields:
        What hears of odd things, and what is called with the number of records done since the last call.
    """
    console, notices = error_console(), Notices(strict=strict)
    with progress_bar(console) as bar:
        task = bar.add_task(word, total=None)
        yield notices, lambda count: bar.update(task, advance=count)
    for line in notices.lines():
        announce(console, "warning", line)
