"""Things in the data that a user must hear of once, counted, with the first place shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from polyhead.errors import DataError
from polyhead.records import Source


@dataclass
class _Notice:
    first: str
    count: int = 0


@dataclass
class Notices:
    """Collects what is odd in the data but can be used; says each kind of it once.

    Attributes:
        strict: Raise the first notice as a `DataError` instead of collecting it.
    """

    strict: bool = False
    _by_rule: dict[str, _Notice] = field(default_factory=dict)

    def add(self, rule: str, source: Source | None, found: str, count: int = 1) -> None:
        """Count one case, or several of which `found` is the first.

        Args:
            rule: What the case is an instance of, as it reads after a count. It begins with what differs between
                several and one, in braces: ``{records have|record has} fewer tags than words``.
            source: Where it stood.
            found: What was found there.
            count: How many cases there are.

        Raises:
            DataError: If notices are errors.
        """
        place = f"{source}: " if source else ""
        if self.strict:
            raise DataError(f"{place}{found} (--strict: {_in_number(rule, 2)})")
        self._by_rule.setdefault(rule, _Notice(f"{place}{found}")).count += count

    def state(self) -> list[tuple[str, str, int]]:
        """Return what was collected, as JSON: rule, first case, count."""
        return [(rule, notice.first, notice.count) for rule, notice in self._by_rule.items()]

    def repeat(self, state: Iterable[tuple[str, str, int]]) -> None:
        """Hear again what other notices collected, as if it came now.

        Raises:
            DataError: If notices are errors.
        """
        for rule, first, count in state:
            self.add(rule, None, first, count)

    def lines(self) -> list[str]:
        """Return one line a rule, with the count and the first case."""
        return [
            f"{notice.count} {_in_number(rule, notice.count)}; first: {notice.first}"
            for rule, notice in self._by_rule.items()
        ]


def _in_number(rule: str, count: int) -> str:
    """Choose between several and one at the beginning of a rule."""
    return re.sub(r"^\{(.*?)\|(.*?)\}", r"\2" if count == 1 else r"\1", rule)
