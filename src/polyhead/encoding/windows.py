"""Texts longer than the encoder takes are cut into overlapping windows; nothing is truncated."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text's pieces that goes through the encoder in one row.

    Attributes:
        start: First piece.
        stop: One past the last piece.
        own_start: First piece that this window answers for. The own parts of a text's windows share no piece and
            leave none out, so that merging needs no removal of duplicates.
        own_stop: One past the last piece that this window answers for.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int


def cut_windows(pieces: int, *, capacity: int, overlap: int) -> tuple[Window, ...]:
    """Cut a text into windows, each piece owned by the window in which it has the most context.

    Args:
        pieces: Pieces in the text, without special tokens.
        capacity: Pieces that one window takes; at least 1.
        overlap: Pieces that neighbouring windows share; below `capacity`.

    Returns:
        At least one window, also for a text without pieces.
    """
    starts = [0]
    while starts[-1] + capacity < pieces:
        starts.append(min(starts[-1] + capacity - overlap, pieces - capacity))
    stops = [min(start + capacity, pieces) for start in starts]
    seams = [(start + stop + 1) // 2 for start, stop in zip(starts[1:], stops[:-1], strict=True)]
    bounds = [0, *seams, pieces]
    return tuple(Window(*edges) for edges in zip(starts, stops, bounds[:-1], bounds[1:], strict=True))
