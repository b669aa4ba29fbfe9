"""A record as formats exchange it: its annotations by what they are, whatever its file calls them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from polyhead.records import Label, Source, Spans


@dataclass(frozen=True, slots=True)
class Annotated:
    """A text with what is known of it. `None` is unknown, which differs from empty.

    Attributes:
        text: The text.
        label: Its class, where it has one.
        labels: Its classes, where it may have several.
        spans: Its entities.
        rest: Whatever else its record holds, by field: JSON values.
        source: Where it stood.
    """

    text: str
    label: Label | None = None
    labels: tuple[Label, ...] | None = None
    spans: Spans | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)
    source: Source | None = None

    def fields(self) -> dict[str, Any]:
        """Return the fields of a record of ours."""
        known: dict[str, Any] = {"text": self.text}
        if self.label is not None:
            known["label"] = self.label
        if self.labels is not None:
            known["labels"] = list(self.labels)
        if self.spans is not None:
            known["entities"] = [
                {"start": span.start, "end": span.end, "label": span.label} for span in self.spans.spans
            ]
        return known | dict(self.rest)
