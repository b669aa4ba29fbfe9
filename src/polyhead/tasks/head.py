"""What the model must build for a task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from polyhead.encoding import UnitKind

IGNORE = -100
"""The target of a position that has none; `ignore_index` of the losses."""

Pooling = Literal["cls", "mean", "attention"]
Layers = Literal["last", "mix"]


@dataclass(frozen=True)
class Constraints:
    """Which classes may begin a text and which may follow which: the shape of a CRF.

    Attributes:
        start: By class, whether a text may begin with it.
        step: ``step[i][j]`` is true where class j may follow class i.
    """

    start: tuple[bool, ...]
    step: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True)
class HeadSpec:
    """What the model must build for a task.

    Attributes:
        reads: ``sentence``: one state for a row, see `pooling`; ``token``: the state of each unit's first piece;
            ``span``: the states of the first and the last unit's first pieces of a stretch.
        width: Logits that the head gives: of a row, of a unit, or of the stretches that begin at a unit.
        objective: Name of the loss, see `polyhead.model.objectives`.
        unit: What a token or span head labels.
        target: Shape of the target of one row or unit: () for a class or a number.
        is_number: The target is a number (float32, NaN where unknown), not a class (int64, `IGNORE` where unknown).
        pooling: How a sentence head makes one state of a row: that of the first special token, the mean of all, or a
            mean with learnt attention.
        layers: The encoder's last layer, or a learnt mix of all (Peters et al. 2018, section 3.2).
        hidden: Width of a hidden layer before the logits; 0 for none.
        bias: What the bias of the logits begins with.
        class_weights: Weight of each class in the loss; empty where all weigh 1.
        smoothing: Share of a target that is spread over all classes.
        span_pieces: For a span head, the widest stretch: pieces from the first unit's first to the last unit's first.
        constraints: For a CRF.
    """

    reads: Literal["sentence", "token", "span"]
    width: int
    objective: str = "cross_entropy"
    unit: UnitKind = "whitespace"
    target: tuple[int, ...] = ()
    is_number: bool = False
    pooling: Pooling = "cls"
    layers: Layers = "last"
    hidden: int = 0
    bias: float = 0.0
    class_weights: tuple[float, ...] = ()
    smoothing: float = 0.0
    span_pieces: int = 0
    constraints: Constraints | None = None

    @property
    def of_units(self) -> bool:
        """Whether targets and logits are those of units rather than of the row."""
        return self.reads != "sentence"
