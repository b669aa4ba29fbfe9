"""Data sets by their names on the Hugging Face Hub: ``hf:owner/name``, ``hf:owner/name/config:split``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from polyhead.errors import DataError, MissingExtraError, SettingsError
from polyhead.formats.arrow_rows import each_readable, records_of
from polyhead.formats.losses import Lost
from polyhead.formats.raw import RawRecord

_PREFIX = "hf:"
_SAFE = 4  # from here on the library has no way to run code of a data set
_BATCH = 1024


def is_on_hub(path: str | Path) -> bool:
    """Whether this is the name of a data set on the Hub, and no file."""
    return str(path).startswith(_PREFIX) and not Path(path).exists()


def hub_records(path: str | Path, lost: Lost) -> Iterator[RawRecord]:
    """Yield the rows of a data set that the `datasets` library loads; it runs no code that comes with a data set.

    Args:
        path: ``hf:name``, ``hf:owner/name`` or ``hf:owner/name/config``, and perhaps ``:split`` behind it.
        lost: Hears of columns that are not taken.

    Raises:
        MissingExtraError: If `datasets` is not installed.
        DataError: If it has several splits and none is named, or cannot be loaded.
        SettingsError: If this is no such name.
    """
    name, config, split = _parsed(str(path))
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError(f"{path}: to load a data set by its name", "hub") from error
    if int(datasets.__version__.partition(".")[0]) < _SAFE:
        what = f"{path}: `datasets` {datasets.__version__} may run code that comes with a data set, version {_SAFE}"
        raise MissingExtraError(f"{what} does not; it", "hub")
    try:
        loaded: Any = datasets.load_dataset(name, config, split=split)
    except Exception as error:  # whatever goes wrong at the library, the disk or the network
        said = " ".join(str(error).split())[:300]
        raise DataError(f"{path}: cannot be loaded: {type(error).__name__}: {said}") from error
    if isinstance(loaded, Mapping):
        if len(loaded) != 1:
            names = ", ".join(f"{path}:{own}" for own in loaded)
            raise DataError(f"{path}: has several splits; name one: {names}")
        (loaded,) = loaded.values()
    tables = loaded.with_format("arrow").iter(_BATCH)  # tables, which do all that is asked of a batch
    rows = records_of(tables, str(path), lost, loaded.features.to_dict())
    yield from each_readable(rows, str(path), "a data set")


def _parsed(path: str) -> tuple[str, str | None, str | None]:
    whole, _, split = path.removeprefix(_PREFIX).partition(":")
    parts = whole.split("/")
    if not all(parts) or len(parts) > 3:
        raise SettingsError(f"{path}: must be hf:owner/name or hf:owner/name/config, and perhaps :split behind it")
    return "/".join(parts[:2]), parts[2] if len(parts) == 3 else None, split or None
