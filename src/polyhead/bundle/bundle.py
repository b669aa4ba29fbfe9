"""A trained model, opened but not yet loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polyhead.bundle.about import About
from polyhead.encoding import TextEncoder
from polyhead.errors import BundleError
from polyhead.formats import Limits
from polyhead.tasks import Task


@dataclass(frozen=True)
class Bundle:
    """A trained model, opened but not yet loaded.

    Attributes:
        about: Tasks, encoding, settings, scores.
        tokenizer_json: The content of `tokenizer.json`.
        config_json: The content of the encoder's `config.json`.
        weights: The safetensors file; or name to tensor, for a model that came in one file.
        path: The folder or file that it was opened from.
    """

    about: About
    tokenizer_json: str
    config_json: str
    weights: Path | Mapping[str, Any]
    path: Path | None = None

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks, in the order of training."""
        return self.about.restore_tasks()

    @cached_property
    def config(self) -> dict[str, Any]:
        """The encoder's settings.

        Raises:
            BundleError: If they cannot be read, or ask for code that came with the model.
        """
        try:
            config = json.loads(self.config_json)
        except json.JSONDecodeError as error:
            raise BundleError(f"config.json cannot be read: {error}") from error
        if not isinstance(config, dict) or "auto_map" in config:
            raise BundleError("config.json asks for code of its own (auto_map), which polyhead never runs")
        return config

    def limits(self) -> Limits:
        """Return what the model's training data were held to; where data sets differed, what they agree on."""
        data = self.about.settings.get("data", {})
        sets = (data.get("sets") or {"data": data}).values()
        fields = [(own.get("text_field"), own.get("second_field")) for own in sets]
        return Limits.agreed(data.get("max_characters", Limits.max_characters), fields)

    def feeds(self) -> list[frozenset[str]]:
        """Return, for each data set of the model's training, the tasks that it fed."""
        settings, added = self.about.settings, self.about.settings.get("added_heads", {})
        trained = frozenset(task.name for task in self.tasks if task.name not in added)
        sets = settings.get("data", {}).get("sets") or {"data": {}}
        of_sets = [trained if own.get("tasks") is None else frozenset(own["tasks"]) for own in sets.values()]
        return [*of_sets, *(frozenset({name}) for name in added)]

    def text_encoder(self) -> TextEncoder:
        """Set up the tokenizer."""
        encoding = self.about.encoding
        return TextEncoder(
            self.tokenizer_json,
            max_pieces=encoding.max_pieces,
            pad_id=encoding.pad_id,
            overlap=encoding.overlap,
        )
