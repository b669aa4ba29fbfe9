"""Where the commands write: answers to standard output, everything else to standard error."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

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
    console.print(f"{word}:", style=f"bold {_COLOURS[word]}", end=" ")
    console.print(message, markup=False)


def progress_bar(console: Console) -> Progress:
    """Make a bar that goes away when it is done, and stays out of files and pipes altogether."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
