"""One setting that is searched: which values it may take, as its range in the settings file says."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyhead.errors import SettingsError, name_the_known
from polyhead.settings.ranges import CHOICES, RANGE, Path, dotted

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_KEYS = {RANGE: (RANGE, "scale", "step", "default"), CHOICES: (CHOICES, "unset", "default")}
_SCALES = ("linear", "log")
_DIGITS = 3
"""Of a number that is tried: more would say nothing, and be hard to read."""


@dataclass(frozen=True)
class Dimension(ABC):
    """One setting that is searched.

    Attributes:
        path: Its place in the settings.
        default: What the first trial takes; `None`: the first trial leaves the setting out.
    """

    path: Path
    default: Any

    @property
    def name(self) -> str:
        """The setting's name, such as ``training.lr``."""
        return dotted(self.path)

    @abstractmethod
    def ends(self) -> Iterator[tuple[str, Any]]:
        """Yield the values that must be valid so that all are, each with what it is."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Whether the search could come to a value."""

    @property
    @abstractmethod
    def size(self) -> int | None:
        """How many values there are; `None` where they cannot be counted."""

    @abstractmethod
    def distribution(self) -> BaseDistribution:
        """Return what Optuna draws from."""

    @abstractmethod
    def value_of(self, drawn: Any) -> Any:
        """Return the value that something drawn stands for."""

    @abstractmethod
    def drawn(self, value: Any) -> Any:
        """Return what would have been drawn for a value of the range."""

    @abstractmethod
    def describe(self) -> str:
        """Return what is searched, in a few words."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return what is searched, as JSON."""


@dataclass(frozen=True)
class Numbers(Dimension):
    """Numbers between two ends, which belong to them.

    Attributes:
        low: The lower end.
        high: The upper end.
        log: Whether equal factors count alike, rather than equal distances.
        step: How far values are apart, from the lower end on; `None`: any number, of a setting that counts any integer.
        whole: Whether the setting takes integers only.
    """

    low: float
    high: float
    log: bool
    step: float | None
    whole: bool

    def ends(self) -> Iterator[tuple[str, Any]]:
        """Yield both ends."""
        yield "the lower end of its range", self.low
        yield "the upper end of its range", self.high

    def holds(self, value: Any) -> bool:
        """Whether a number is between the ends, and at one of the steps where there are some."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not self.low <= value <= self.high:
            return False
        if self.whole and value != int(value):
            return False
        if self.step is None:
            return True
        steps = (value - self.low) / self.step
        return math.isclose(steps, round(steps), abs_tol=1e-6)

    @property
    def size(self) -> int | None:
        """How many steps there are; integers have steps of 1."""
        step = self.step or (1 if self.whole else None)
        return None if step is None else int((self.high - self.low) / step + 1e-9) + 1

    def distribution(self) -> BaseDistribution:
        """Return a distribution of integers or of any numbers."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def value_of(self, drawn: Any) -> float:
        """Return a number of the range that is short to write, near the one that was drawn."""
        if self.whole:
            return int(drawn)
        if self.step is not None:
            return float(round(drawn, 10))
        return min(max(float(f"{drawn:.{_DIGITS}g}"), self.low), self.high)

    def drawn(self, value: Any) -> Any:
        """Return the number itself."""
        return value

    def describe(self) -> str:
        """Return the ends, and how they are gone through."""
        step = f", step {self.step:g}" if self.step else ""
        return f"{self.low:.4g} to {self.high:.4g}{', log' if self.log else ''}{step}"

    def to_json(self) -> dict[str, Any]:
        """Return the range as a settings file has it."""
        step = {} if self.step is None else {"step": self.step}
        scale = {"scale": "log"} if self.log else {}
        return {"setting": self.name, RANGE: [self.low, self.high], **scale, **step, "default": self.default}


@dataclass(frozen=True)
class Choices(Dimension):
    """Some values; `None` stands for leaving the setting out.

    Attributes:
        values: The values.
    """

    values: tuple[Any, ...]

    def ends(self) -> Iterator[tuple[str, Any]]:
        """Yield each choice."""
        yield from (("one of its choices", value) for value in self.values if value is not None)

    def holds(self, value: Any) -> bool:
        """Whether a value is one of the choices."""
        return any(_same(value, own) for own in self.values)

    def distribution(self) -> BaseDistribution:
        """Return a distribution of places, since choices may be what Optuna does not take."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(tuple(range(len(self.values))))

    def value_of(self, drawn: Any) -> Any:
        """Return the choice at a place."""
        return self.values[drawn]

    def drawn(self, value: Any) -> int:
        """Return the place of a choice."""
        return next(at for at, own in enumerate(self.values) if _same(value, own))

    def describe(self) -> str:
        """Return the choices."""
        return ", ".join("left out" if value is None else str(value) for value in self.values)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.values)

    def to_json(self) -> dict[str, Any]:
        """Return the choices as a settings file has them."""
        unset = {"unset": True} if None in self.values else {}
        values = [value for value in self.values if value is not None]
        return {"setting": self.name, CHOICES: values, **unset, "default": self.default}


def parsed(path: Path, table: Mapping[str, Any]) -> Dimension:
    """Make a dimension of a range in a settings file; whether its setting takes such values is not looked at.

    Args:
        path: The setting.
        table: What stands there.

    Raises:
        SettingsError: If it is no range.
    """
    name = dotted(path)
    sort = RANGE if isinstance(table.get(RANGE), list | tuple) else CHOICES
    for key in table:
        if key not in _KEYS[sort]:
            raise SettingsError(f"{name}: {sort!r} has no {key!r}; {name_the_known(key, _KEYS[sort])}")
    return _numbers(path, name, table) if sort == RANGE else _choices(path, name, table)


def _numbers(path: Path, name: str, table: Mapping[str, Any]) -> Numbers:
    ends = table[RANGE]
    if len(ends) != 2 or not all(map(_is_number, ends)):
        raise SettingsError(f"{name}: a range is two numbers, the lower first, found {list(ends)!r}")
    low, high = ends
    if not low < high:
        raise SettingsError(f"{name}: the lower end of a range must be below the upper, found {list(ends)!r}")
    scale, step = table.get("scale", _SCALES[0]), table.get("step")
    if scale not in _SCALES:
        raise SettingsError(f"{name}: no scale {scale!r}; {name_the_known(scale, _SCALES)}")
    log = scale == "log"
    if log and low <= 0:
        raise SettingsError(f"{name}: with scale 'log' both ends must be above 0, found {list(ends)!r}")
    if step is not None:
        if not _is_number(step) or not 0 < step <= high - low:
            raise SettingsError(f"{name}: a step must be above 0, and no more than the range is wide, found {step!r}")
        if log:
            raise SettingsError(f"{name}: scale 'log' has no steps; leave 'step' out, or give choices")
    return Numbers(path, table.get("default"), low, high, log, step, whole=False)


def _choices(path: Path, name: str, table: Mapping[str, Any]) -> Choices:
    unset = table.get("unset", False)
    if not isinstance(unset, bool):
        raise SettingsError(f"{name}: 'unset' must be true or false, found {unset!r}")
    values = [*table[CHOICES], *([None] if unset else [])]
    if len(values) < 2:
        raise SettingsError(f"{name}: choices must be two or more, found {list(table[CHOICES])!r}")
    for at, value in enumerate(values):
        if any(_same(value, other) for other in values[:at]):
            raise SettingsError(f"{name}: each choice must be another, found {value!r} twice")
    return Choices(path, table.get("default"), tuple(values))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one: `True` is not 1, but 1.0 is."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
