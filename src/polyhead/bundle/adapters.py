"""Adapters that are kept beside an encoder: what `polyhead.json` says of each.

adapters.safetensors   the weights of all of them, by the names that they have in the encoder
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from polyhead.errors import BundleError

ADAPTERS = "adapters.safetensors"

_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_.]+$")]


class AdapterState(BaseModel):
    """An adapter, less its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    key: str = Field(pattern=r"^adapter_[0-9]{1,4}$")
    """Its name among the weights."""
    tasks: tuple[str, ...] = Field(min_length=1)
    """The tasks that read the encoder with it."""
    rank: int = Field(ge=1, le=1024)
    """Rank of its matrices."""
    alpha: float = Field(gt=0.0, le=1e6)
    """What it adds is multiplied by alpha / rank."""
    targets: tuple[_Name, ...] = Field(min_length=1, max_length=256)
    """The last parts of the names of the encoder's linear layers that it stands beside."""


def check_adapters(adapters: Sequence[AdapterState], tasks: Collection[str]) -> None:
    """See that each adapter has a name and tasks of its own.

    Raises:
        BundleError: If two have one, or a task is none of the model's.
    """
    keys = [own.key for own in adapters]
    named = [name for own in adapters for name in own.tasks]
    if len(set(keys)) < len(keys) or len(set(named)) < len(named) or not set(named) <= set(tasks):
        raise BundleError("polyhead.json: each adapter has a name of its own, and tasks of the model that no other has")


def passes_of(adapters: Sequence[AdapterState], tasks: Collection[str]) -> list[tuple[str | None, list[str]]]:
    """Return the passes of the encoder that answer some tasks, one a group of tasks that share an adapter.

    Args:
        adapters: The model's.
        tasks: The tasks, in order.

    Returns:
        The name of each pass's adapter and its tasks; tasks without an adapter read the encoder as it is, first.
    """
    adapted = {name for own in adapters for name in own.tasks}
    plain = [name for name in tasks if name not in adapted]
    found: list[tuple[str | None, list[str]]] = [(None, plain)] if plain or not adapters else []
    for own in adapters:
        if names := [name for name in tasks if name in own.tasks]:
            found.append((own.key, names))
    return found
