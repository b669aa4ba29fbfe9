"""Where things are kept that can be made again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path | None:
    """Return the folder of `$POLYHEAD_CACHE`, else the user's usual place; `None` where the user has no home."""
    if own := os.environ.get("POLYHEAD_CACHE"):
        return Path(own)
    if around := os.environ.get("XDG_CACHE_HOME"):
        return Path(around) / "polyhead"
    try:
        return Path.home() / ".cache" / "polyhead"
    except RuntimeError:
        return None
