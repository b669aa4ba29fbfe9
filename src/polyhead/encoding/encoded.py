"""One text as the encoder sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polyhead.encoding.units import UnitKind, Units, find_units
from polyhead.encoding.windows import Window
from polyhead.labels.tags import Extent


@dataclass(frozen=True)
class Encoded:
    """One text, tokenised whole, with the windows it is cut into.

    Attributes:
        text: The text.
        ids: Shape (pieces,): the pieces' ids, without special tokens.
        pieces: Start and end character of each piece, in the text as it was given.
        windows: At least one.
        second: A second text that is read together with it; `None` where there is none.
        second_ids: Shape (its pieces,).
    """

    text: str
    ids: NDArray[np.int64]
    pieces: tuple[Extent, ...]
    windows: tuple[Window, ...]
    second: str | None = None
    second_ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _units: dict[str, Units] = field(default_factory=dict, repr=False, compare=False)

    def units(self, kind: UnitKind) -> Units:
        """Return the text's units of a kind, found at the first call."""
        if kind not in self._units:
            self._units[kind] = find_units(kind, self.text, self.pieces)
        return self._units[kind]
