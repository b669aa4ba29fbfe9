"""What the process that speaks HTTP and those that answer say to each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


@dataclass(frozen=True)
class Order:
    """What a process is to do.

    Attributes:
        model: Path of the model.
        runtime: What runs it.
        precision: In which precision.
    """

    model: str
    runtime: str
    precision: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as it is sent."""
        return asdict(self)


class Answer(NamedTuple):
    """What became of a batch.

    Attributes:
        parts: By part, its results.
        tokens: In all texts.
        seconds: From the batch's arrival.
    """

    parts: list[bytes]
    tokens: int
    seconds: float
