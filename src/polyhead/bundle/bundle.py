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
    """

    about: About
    tokenizer_json: str
    config_json: str
    weights: Path | Mapping[str, Any]

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
        """Return what the model's training data were held to."""
        data = self.about.settings.get("data", {})
        known = {key: data[key] for key in ("max_characters", "text_field") if key in data}
        return Limits(**known)

    def text_encoder(self) -> TextEncoder:
        """Set up the tokenizer."""
        encoding = self.about.encoding
        return TextEncoder(
            self.tokenizer_json,
            max_pieces=encoding.max_pieces,
            pad_id=encoding.pad_id,
            overlap=encoding.overlap,
        )
