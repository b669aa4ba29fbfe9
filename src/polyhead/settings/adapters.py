"""`[adapters]`: small matrices beside the encoder's own, which learn in its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from polyhead.settings.section import Section


def _listed(value: Any) -> Any:
    """Read ``intent,topic`` as a list; ``attention`` and ``all`` stay words."""
    if not isinstance(value, str) or value in {"attention", "all"}:
        return value
    return [name.strip() for name in value.split(",")]


class AdapterSettings(Section):
    """`[adapters]`: LoRA (Hu et al. 2021), by PEFT: adapters and heads learn, the encoder stays as it is."""

    rank: int | None = Field(default=None, ge=1, le=1024)
    """Rank of the matrices, 8 or 16 say; none: no adapters, the encoder itself learns."""
    alpha: float | None = Field(default=None, gt=0.0)
    """What an adapter adds is multiplied by alpha / rank; by default twice the rank."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Dropout before the adapters, beside that of the encoder. On a processor training is slower with it."""
    targets: Annotated[Literal["attention", "all"] | tuple[str, ...], BeforeValidator(_listed)] = "all"
    """The linear layers that get an adapter: ``all`` of those in the encoder's layers; ``attention``: those of queries
    and values (of keys, too, where an encoder has them in one), as in Hu et al., which is a fifth of the weights; or a
    list of their names, such as ``["query", "key", "value"]``."""
    share: Literal["shared", "own"] = "shared"
    """``shared``: one adapter for all tasks, and one pass of the encoder. ``own``: one a task, so that tasks cannot be
    in each other's way; the encoder then runs once a task, in training and whenever the model answers."""
    groups: tuple[tuple[str, ...], ...] | None = Field(default=None, min_length=1)
    """The tasks that share an adapter, each task once: ``[["intent", "slots"], ["topic"]]`` has two, and two passes."""
    merge: bool | None = None
    """Add the adapter to the encoder's weights when a bundle is saved, so that it is a bundle like any other; only for
    a single adapter, where it is the default. Else adapters are kept in a file of their own beside the encoder, which
    stays bit for bit what it was."""

    @model_validator(mode="after")
    def _shared_in_one_way(self) -> Self:
        if self.groups is not None and self.share == "own":
            raise ValueError("'share' and 'groups' cannot both be given: groups say which tasks share")
        if self.merge and (self.share == "own" or (self.groups is not None and len(self.groups) > 1)):
            raise ValueError("'merge' goes with one adapter for all tasks; several are kept beside the encoder")
        if self.targets == ():
            raise ValueError("'targets' names no layer; leave it out for those of attention")
        return self
