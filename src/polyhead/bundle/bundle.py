"""A trained model, opened but not yet loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.bundle.about import About
from polyhead.bundle.encoder_config import parse_config
from polyhead.bundle.exported import Exported, read_tables
from polyhead.encoding import TextEncoder
from polyhead.formats import Limits
from polyhead.tasks import Task


@dataclass(frozen=True)
class Bundle:
    """A trained model, opened but not yet loaded.

    Attributes:
        about: Tasks, encoding, settings, scores.
        tokenizer_json: The content of `tokenizer.json`.
        config_json: The content of the encoder's `config.json`.
        weights: The safetensors file; or name to tensor, for a model that came in one file; `None` for one that was
            exported.
        exported: The graphs that a model was exported to.
        adapters: The safetensors file of adapters that are kept beside the encoder, where there are some.
        path: The folder or file that it was opened from.
    """

    about: About
    tokenizer_json: str
    config_json: str
    weights: Path | Mapping[str, Any] | None
    path: Path | None = None
    exported: Exported | None = None
    adapters: Path | None = None

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
        return parse_config(self.config_json)

    def limits(self) -> Limits:
        """Return what the model's training data were held to; where data sets differed, what they agree on."""
        data = self.about.run.data
        fields = [(own.text_field, own.second_field) for own in data.all_sets().values()]
        return Limits.agreed(data.max_characters, fields)

    def feeds(self) -> list[frozenset[str]]:
        """Return, for each data set of the model's training, the tasks that it fed."""
        added = self.about.run.added_heads
        trained = frozenset(task.name for task in self.tasks if task.name not in added)
        sets = self.about.run.data.all_sets().values()
        of_sets = [trained if own.tasks is None else frozenset(own.tasks) for own in sets]
        return [*of_sets, *(frozenset({name}) for name in added)]

    @cached_property
    def tables(self) -> dict[str, NDArray[np.float32]]:
        """What decoding needs beside logits, by task, of an exported model.

        Raises:
            BundleError: If the file with them is not of tables of these tasks.
        """
        if self.exported is None or not self.exported.tables or self.path is None:
            return {}
        return read_tables(self.path, {task.name: len(task.outputs()) for task in self.tasks})

    def text_encoder(self) -> TextEncoder:
        """Return the tokenizer, set up."""
        return self._text_encoder

    @cached_property
    def _text_encoder(self) -> TextEncoder:
        encoding = self.about.encoding
        return TextEncoder(
            self.tokenizer_json,
            max_pieces=encoding.max_pieces,
            pad_id=encoding.pad_id,
            overlap=encoding.overlap,
        )
