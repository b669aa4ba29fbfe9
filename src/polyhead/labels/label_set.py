"""An ordered set of labels: label ↔ index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from polyhead.records import Label


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of labels. The integer 1 and the string "1" are two labels.

    Attributes:
        values: The labels; a label's place is its index in the logits.
    """

    values: tuple[Label, ...]

    @classmethod
    def observed(cls, labels: Iterable[Label]) -> LabelSet:
        """Collect the labels of some data: integers by value, then strings by code point."""
        return cls(tuple(sorted(set(labels), key=lambda label: (isinstance(label, str), label))))

    @cached_property
    def _index(self) -> dict[Label, int]:
        return {label: index for index, label in enumerate(self.values)}

    def index(self, label: Label) -> int:
        """Return the label's index; `KeyError` where it is not in the set."""
        return self._index[label]

    def __contains__(self, label: object) -> bool:
        return label in self._index

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Label]:
        return iter(self.values)

    def __getitem__(self, index: int) -> Label:
        return self.values[index]
