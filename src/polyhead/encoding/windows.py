"""Texts longer than the encoder takes are cut into overlapping windows; nothing is truncated."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text's pieces that goes through the encoder in one row.

    Attributes:
        start: First piece.
        stop: One past the last piece.
        own_start: First piece that this window answers for. The own parts of a text's windows share no piece and
            leave none out, so that merging needs no removal of duplicates.
        own_stop: One past the last piece that this window answers for.
        second: First piece, and one past the last, of the second text that stands in the same row.
    """

    start: int
    stop: int
    own_start: int
    own_stop: int
    second: tuple[int, int] = (0, 0)


def cut_windows(pieces: int, *, capacity: int, overlap: int) -> tuple[Window, ...]:
    """Cut a text into windows, each piece owned by the window in which it has the most context.

    Args:
        pieces: Pieces in the text, without special tokens.
        capacity: Pieces that one window takes; at least 1.
        overlap: Pieces that neighbouring windows share; below `capacity`.

    Returns:
        At least one window, also for a text without pieces.
    """
    if pieces <= capacity:
        return (Window(0, pieces, 0, pieces),)
    starts = [0]
    while starts[-1] + capacity < pieces:
        starts.append(min(starts[-1] + capacity - overlap, pieces - capacity))
    stops = [min(start + capacity, pieces) for start in starts]
    seams = [(start + stop + 1) // 2 for start, stop in zip(starts[1:], stops[:-1], strict=True)]
    bounds = [0, *seams, pieces]
    return tuple(Window(*edges) for edges in zip(starts, stops, bounds[:-1], bounds[1:], strict=True))


def cut_pairs(pieces: int, second: int, *, room: int, overlap: int) -> tuple[Window, ...]:
    """Cut two texts that are read together; each part of the first meets each part of the second.

    A second text that takes up to half a row, or what the first leaves of it, stays whole. Where it is cut, the first
    text's pieces are answered for by the windows with the beginning of the second.

    Args:
        pieces: Pieces in the first text.
        second: Pieces in the second text.
        room: Pieces that a row takes, without special tokens; at least 2.
        overlap: Pieces that neighbouring windows share, at most; a quarter of a smaller window.
    """
    # A short first text leaves the second more than its half.
    of_second = _parts(second, capacity=max(room // 2, room - pieces), overlap=overlap)
    longest = max(part.stop - part.start for part in of_second)
    of_first = _parts(pieces, capacity=room - longest, overlap=overlap)
    beginning, *rest = ((part.start, part.stop) for part in of_second)
    with_rest = [Window(part.start, part.stop, part.start, part.start, beside) for beside in rest for part in of_first]
    return (*(replace(part, second=beginning) for part in of_first), *with_rest)


def _parts(pieces: int, *, capacity: int, overlap: int) -> tuple[Window, ...]:
    return cut_windows(pieces, capacity=capacity, overlap=min(overlap, capacity // 4))
