"""What is read again of a run's settings, which a bundle keeps; the rest is for people."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class SetFacts(_Facts):
    """Of one data set."""

    text_field: str | None = None
    second_field: str | None = None
    tasks: dict[str, str | None] | None = None


class DataFacts(SetFacts):
    """Of `[data]`."""

    max_characters: int = Field(default=100_000, ge=1)
    sets: dict[str, SetFacts] = {}

    def all_sets(self) -> dict[str, SetFacts]:
        """Return the data sets by name; files that were given without a set make one."""
        return self.sets or {"data": self}


class TrainingFacts(_Facts):
    """Of `[training]`."""

    epochs: int
    strategy: str
    batch_size: int
    lr: float
    precision: str
    seed: int


class SavingFacts(_Facts):
    """Of `[saving]`."""

    examples: tuple[str, ...] = ()


class HeadFacts(_Facts):
    """Of a head that was added later."""

    training: TrainingFacts


class AdapterFacts(_Facts):
    """Of `[adapters]`."""

    rank: int | None = None
    targets: tuple[str, ...] | str = ()
    merge: bool | None = None


class RunFacts(_Facts):
    """Of a run's settings."""

    data: DataFacts = DataFacts()
    training: TrainingFacts | None = None
    saving: SavingFacts = SavingFacts()
    adapters: AdapterFacts = AdapterFacts()
    added_heads: dict[str, HeadFacts] = {}


class DevFacts(_Facts):
    """Of the dev scores of an epoch."""

    tasks: dict[str, dict[str, Any]] = {}
    frame_accuracy: float | None = None
