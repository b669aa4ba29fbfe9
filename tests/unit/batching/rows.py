"""A text whose pieces and windows are set by hand."""

from __future__ import annotations

import numpy as np

from polyhead.batching import Row
from polyhead.encoding import Encoded, cut_windows

TEXT = "ab cd ef g"
PIECES = ((0, 1), (1, 2), (3, 5), (6, 7), (7, 8), (9, 10))
"""Words ab = 0 1, cd = 2, ef = 3 4, g = 5."""


def rows(*, capacity: int = 6, overlap: int = 0, specials: int = 2) -> list[Row]:
    """One row a window; ids are 10, 11, …"""
    windows = cut_windows(len(PIECES), capacity=capacity, overlap=overlap)
    encoded = Encoded(TEXT, np.arange(10, 10 + len(PIECES)), PIECES, windows)
    return [Row(encoded, window, window.stop - window.start + specials) for window in windows]
