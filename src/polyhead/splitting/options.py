"""How records are to be split."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from polyhead.errors import SettingsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_USUAL = {2: ("train", "test"), 3: ("train", "dev", "test")}


@dataclass(frozen=True)
class Options:
    """How records are to be split.

    Attributes:
        shares: Of the parts, in any unit.
        names: Of the parts.
        group: Records of which this field has one value stay together.
        near_duplicates: Texts at least so near stay together (Jaccard index of their pieces of five characters).
        unseen_entities: The last part gets entities that the others do not have, as far as possible.
        seed: The split is a function of the records and this.
    """

    shares: tuple[float, ...]
    names: tuple[str, ...]
    group: str | None = None
    near_duplicates: float | None = None
    unseen_entities: bool = False
    seed: int = 42

    def __post_init__(self) -> None:
        if len(self.names) != len(self.shares):
            raise SettingsError(f"--names: wanted {len(self.shares)} names, one a share, found {list(self.names)}")
        for name in self.names:
            if not _NAME.fullmatch(name):
                raise SettingsError(f"--names: {name!r} cannot be a part's name: letters, digits, '_' and '-'")
        if len({name.casefold() for name in self.names}) < len(self.names):
            raise SettingsError(f"--names: each part needs a name of its own, found {list(self.names)}")
        if self.near_duplicates is not None and not 0.5 <= self.near_duplicates <= 1:
            raise SettingsError(f"--near-duplicates: wanted a number from 0.5 to 1, found {self.near_duplicates}")
        if self.seed < 0:
            raise SettingsError(f"--seed: wanted 0 or more, found {self.seed}")

    def to_json(self) -> dict[str, Any]:
        """Return the options as JSON."""
        return {**asdict(self), "shares": list(self.shares), "names": list(self.names)}


def parse_shares(text: str | Sequence[float]) -> tuple[float, ...]:
    """Read ``80/10/10``.

    Raises:
        SettingsError: If it is none.
    """
    try:
        shares = tuple(float(share) for share in (text.split("/") if isinstance(text, str) else text))
    except ValueError as error:
        raise SettingsError(
            f"--shares: wanted numbers with a slash between, such as 80/10/10, found {text!r}"
        ) from error
    if len(shares) < 2 or not all(0 < share < float("inf") for share in shares):
        raise SettingsError(f"--shares: wanted two or more shares above 0, such as 80/10/10, found {text!r}")
    return shares


def names_for(shares: Sequence[float], names: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of parts: those given, or the usual ones of two or three parts.

    Raises:
        SettingsError: If there are more parts, and no names.
    """
    if isinstance(names, str):
        return tuple(name.strip() for name in names.split(","))
    if names is not None:
        return tuple(names)
    if len(shares) not in _USUAL:
        raise SettingsError(f"--names: name the {len(shares)} parts, such as --names train,dev,test")
    return _USUAL[len(shares)]
