"""What a disk that is full or broken makes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from polyhead.errors import TrainingError


@contextmanager
def saving(path: Path, *, what: str = "saved") -> Iterator[None]:
    """Turn what goes wrong while something is written into one sentence that says what is left and what to do.

    Args:
        path: What is written.
        what: What is done to it.

    Raises:
        TrainingError: If it could not be.
    """
    try:
        yield
    except (OSError, SafetensorError, RuntimeError) as error:  # RuntimeError: how torch says it of a .pt file
        raise TrainingError(
            f"{path} could not be {what}: {_reason(error)}. What was saved before is as it was. Make room or mend the "
            f"disk, and go on with the same command and --resume"
        ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        place = f" ({error.filename})" if error.filename else ""
        return f"{os.strerror(error.errno)}{place}"
    return f"{str(error).strip() or type(error).__name__}".splitlines()[0]
