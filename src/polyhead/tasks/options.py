"""Settings that several kinds of task share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Literal

from pydantic import Field

from polyhead.errors import SettingsError, name_the_known
from polyhead.records import Label
from polyhead.tasks.base import TaskOptions
from polyhead.tasks.head import Layers, Pooling

ClassWeights = Literal["balanced"] | dict[str, Annotated[float, Field(ge=0.0)]]


class HeadOptions(TaskOptions):
    """Settings of any head."""

    hidden: int = Field(default=0, ge=0)
    """Width of a hidden layer between the encoder's states and the logits; 0: none, the head is linear."""
    layers: Layers = "last"
    """``last``: the head reads the encoder's last layer. ``mix``: a learnt mix of all layers."""


class SentenceOptions(HeadOptions):
    """Settings of a head that reads the whole text."""

    pooling: Pooling = "cls"
    """``cls``: the state of the first special token. ``mean``: the mean of all states. ``attention``: their mean with
    learnt weights."""


def weights_of_classes(
    wanted: ClassWeights | None, classes: Collection[Label], shown: Mapping[Label, int], *, where: str
) -> tuple[float, ...]:
    """Work out the weight of each class in the loss.

    Args:
        wanted: The setting. ``balanced`` weighs a class by the inverse of how often the data show it, 1 on average
            over the data (King and Zeng 2001); a table weighs the classes that it names, the others by 1.
        classes: The classes, in the order of the logits.
        shown: How often the data show each.
        where: The setting's name, for messages.

    Returns:
        One weight a class; empty where all weigh 1.

    Raises:
        SettingsError: If a table names a class that there is not.
    """
    if wanted is None:
        return ()
    if isinstance(wanted, str):
        total = sum(shown.values())
        return tuple(total / (len(classes) * shown[name]) for name in classes)
    check_known(wanted, classes, where=where)
    return tuple(wanted.get(str(name), 1.0) for name in classes)


def check_known(named: Iterable[str], classes: Iterable[Label], *, where: str) -> None:
    """See that a table in the settings names classes that there are.

    Raises:
        SettingsError: If it does not.
    """
    known = [str(name) for name in classes]
    for name in named:
        if name not in known:
            raise SettingsError(f"{where}.{name}: the data show no such label; {name_the_known(name, known)}")
