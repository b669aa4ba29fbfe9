"""`polyhead.json`: what a model is, as far as it is not weights, encoder or tokenizer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from polyhead.bundle.adapters import AdapterState, check_adapters, passes_of
from polyhead.bundle.run_facts import DevFacts, RunFacts
from polyhead.errors import BundleError
from polyhead.strict_json import JsonError, parse_json
from polyhead.tasks import Task, restore_task

FORMAT_VERSION = 2
"""Rises when a bundle can no longer be read by what read the one before."""


class EncodingState(BaseModel):
    """How texts become rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_pieces: int = Field(ge=3, le=2**20)
    """Pieces in a row, special tokens included."""
    pad_id: int = Field(ge=0, lt=2**24)
    """The id that fills rows up."""
    overlap: int | None = Field(ge=0)
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
    temperatures: dict[str, Annotated[float, Field(ge=1e-6, le=1e6)]] = {}
    """By task that was calibrated, what its logits are divided by."""
    adapters: tuple[AdapterState, ...] = Field(default=(), max_length=64)
    """Adapters that are kept beside the encoder. Not written where there is none: what read bundles before there were
    adapters reads these still."""

    @classmethod
    def parse(cls, text: str) -> About:
        """Read the content of `polyhead.json`.

        Raises:
            BundleError: If it is of another version, or not what was written.
        """
        try:
            state = parse_json(text)
            found = state.get("format_version") if isinstance(state, Mapping) else None
            if found != FORMAT_VERSION:
                raise BundleError(
                    f"polyhead.json has format_version {found!r}, this version of polyhead reads {FORMAT_VERSION}"
                )
            about = cls.model_validate(state)
            _ = about.run, about.dev_facts  # checked now, not when they are asked for
        except (JsonError, ValidationError) as error:
            raise BundleError(f"polyhead.json cannot be read: {str(error)[:1000]}") from error
        return about

    @cached_property
    def run(self) -> RunFacts:
        """What is read again of the run's settings."""
        return RunFacts.model_validate(self.settings)

    @cached_property
    def dev_facts(self) -> DevFacts | None:
        """What is read again of the dev scores."""
        return None if self.dev is None else DevFacts.model_validate(self.dev)

    def dump(self) -> str:
        """Return the content of `polyhead.json`."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return self.model_dump(mode="json", exclude=None if self.adapters else {"adapters"})

    def passes(self) -> list[tuple[str | None, list[str]]]:
        """Return the passes of the encoder that answer all tasks: of each its adapter, if any, and its tasks."""
        return passes_of(self.adapters, [task["name"] for task in self.tasks])

    def restore_tasks(self) -> tuple[Task, ...]:
        """Return the tasks.

        Raises:
            BundleError: If the JSON of one is not of a task, or two have one name.
        """
        tasks = tuple(restore_task(state) for state in self.tasks)
        if not tasks or len({task.name for task in tasks}) < len(tasks):
            raise BundleError("polyhead.json: a model has at least one task, and no two of one name")
        check_adapters(self.adapters, [task.name for task in tasks])
        return tasks
