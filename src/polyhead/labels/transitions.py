"""Which BIO tag may follow which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def allowed_transitions(tags: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which tags may begin a text and which tag may follow which, so that tags always read back as spans.

    Args:
        tags: BIO tags: ``O``, ``B-x``, ``I-x``.

    Returns:
        ``start`` of shape (tags,), and ``step`` of shape (tags, tags) with ``step[i, j]`` true where tag j may
        follow tag i. ``I-x`` may follow ``B-x`` and ``I-x`` only.
    """
    start = np.array([not tag.startswith("I-") for tag in tags], dtype=np.bool_)
    types = np.array([tag[1:] for tag in tags], dtype=np.str_)
    step = start[None, :] | (types[:, None] == types[None, :])
    return start, step
