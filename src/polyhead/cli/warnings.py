"""Notices about data, on the terminal."""

from __future__ import annotations

from rich.console import Console

from polyhead.notices import Notices


def print_notices(console: Console, notices: Notices) -> None:
    """Write each notice as a warning."""
    for line in notices.lines():
        console.print("warning:", style="bold yellow", end=" ")
        console.print(line, markup=False)
