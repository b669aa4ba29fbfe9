"""What a format, or the way into another, does not keep: each thing with its place, so that nothing goes unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from polyhead.notices import Notices
from polyhead.records import Source

How = Literal["snapped", "split", "changed", "dropped"]
"""``snapped``: moved to the nearest boundary that can be said. ``split``: one became several.
``changed``: written as something like it. ``dropped``: left out."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that did not come through as it was.

    Attributes:
        how: What became of it.
        source: Where it stood; `None` where it stood nowhere.
        what: The thing itself, as a person recognises it: ``[New York]LOC``, ``relation R1``.
        reason: Why, as it reads after a count: ``an entity of several parts (each became one of its own)``. It is the
            same for all things that are lost for the same reason.
    """

    how: How
    source: Source | None
    what: str
    reason: str


Lost = Callable[[Loss], None]
"""Hears of each loss."""


def telling(notices: Notices) -> Lost:
    """Return what passes losses on as notices: one a reason, counted, with the first place."""

    def tell(loss: Loss) -> None:
        notices.add(f"{{times|time}} {loss.reason} was {loss.how}", loss.source, loss.what)

    return tell


def ignore(loss: Loss) -> None:
    """Hear of a loss and say nothing: where the same file is read again, and its losses were told the first time."""
