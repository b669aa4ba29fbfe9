"""`polyhead.json`: what a model is, as far as it is not weights, encoder or tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from polyhead.errors import BundleError
from polyhead.tasks import Task, restore_task

FORMAT_VERSION = 2
"""Rises when a bundle can no longer be read by what read the one before."""


class EncodingState(BaseModel):
    """How texts become rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pieces: int
    """Pieces in a row, special tokens included."""
    pad_id: int
    """The id that fills rows up."""
    overlap: int | None
    """Pieces that neighbouring windows share; a quarter of a window where `None`."""


class About(BaseModel):
    """The content of `polyhead.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int
    encoder: str
    """The encoder's name, as it was given for training."""
    tasks: tuple[dict[str, Any], ...]
    """What `polyhead.tasks.task_state` gave for each task."""
    encoding: EncodingState
    epoch: int
    """The epoch after which this was saved, from 1."""
    dev: dict[str, Any] | None
    """The dev scores of that epoch, where dev data were there."""
    settings: dict[str, Any]
    """The run's settings, with the values that were worked out."""
    versions: dict[str, str]
    """Versions of polyhead and of what trained the model."""
    temperatures: dict[str, float] = {}
    """By task that was calibrated, what its logits are divided by."""

    @classmethod
    def parse(cls, text: str) -> About:
        """Read the content of `polyhead.json`.

        Raises:
            BundleError: If it is of another version, or not what was written.
        """
        try:
            state = json.loads(text)
            found = state.get("format_version") if isinstance(state, Mapping) else None
            if found != FORMAT_VERSION:
                raise BundleError(
                    f"polyhead.json has format_version {found!r}, this version of polyhead reads {FORMAT_VERSION}"
                )
            return cls.model_validate(state)
        except (json.JSONDecodeError, ValidationError) as error:
            raise BundleError(f"polyhead.json cannot be read: {error}") from error

    def dump(self) -> str:
        """Return the content of `polyhead.json`."""
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"

    def restore_tasks(self) -> tuple[Task, ...]:
        """Return the tasks."""
        return tuple(restore_task(state) for state in self.tasks)
