"""A place in the file of another tool: what stands there is checked, and what is not taken over is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polyhead.errors import DataError
from polyhead.formats.json_values import json_type
from polyhead.formats.losses import How, Loss, Lost
from polyhead.records import Source


@dataclass(frozen=True)
class At:
    """One place in a file.

    Attributes:
        source: The place.
        lost: Hears of what is not taken over.
    """

    source: Source
    lost: Lost

    def lose(self, how: How, what: object, reason: str) -> None:
        """Tell that something there does not come through.

        Args:
            how: What becomes of it.
            what: The thing; it is shown cut.
            reason: As `Loss` has it.
        """
        self.lost(Loss(how, self.source, str(what)[:80], reason))

    def drop(self, what: object, reason: str) -> None:
        """Tell that something there is left out."""
        self.lose("dropped", what, reason)

    def error(self, rule: str) -> DataError:
        """Return a complaint about this place."""
        return DataError(f"{self.source}: {rule}")

    def string(self, value: Any, what: str) -> str:
        """Return a value, which must be a string.

        Raises:
            DataError: If it is something else.
        """
        if isinstance(value, str):
            return value
        raise self._must_be("a string", value, what)

    def integer(self, value: Any, what: str) -> int:
        """Return a value, which must be a whole number.

        Raises:
            DataError: If it is something else.
        """
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._must_be("a whole number", value, what)

    def items(self, value: Any, what: str) -> list[Any]:
        """Return a value, which must be a list.

        Raises:
            DataError: If it is something else.
        """
        if isinstance(value, list):
            return value
        raise self._must_be("a list", value, what)

    def fields(self, value: Any, what: str) -> dict[str, Any]:
        """Return a value, which must be an object.

        Raises:
            DataError: If it is something else.
        """
        if isinstance(value, dict):
            return value
        raise self._must_be("an object", value, what)

    def objects(self, value: Any, what: str) -> list[dict[str, Any]]:
        """Return a value, which must be a list of objects; nothing, or null, is an empty one.

        Raises:
            DataError: If it is something else.
        """
        return [self.fields(each, f"each of {what}") for each in self.items([] if value is None else value, what)]

    def _must_be(self, wanted: str, value: Any, what: str) -> DataError:
        found = "nothing" if value is None else json_type(value)
        return self.error(f"{what} must be {wanted}, found {found}")


def entity(start: Any, end: Any, label: Any) -> Mapping[str, Any]:
    """Return an entity as a raw record has it."""
    return {"start": start, "end": end, "label": label}
