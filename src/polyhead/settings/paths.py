"""The settings that are places in the file system: relative to the file that names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[str], str]

_FILES = ("train", "dev", "test")
_PATH_KEYS = (("output",), *(("data", key) for key in _FILES), ("teacher", "models"), ("teacher", "data"))
_HUB = "hf:"
"""What the name of a data set on the Hub begins with, which stands beside no file."""


def change_paths(settings: dict[str, Any], change: Change) -> None:
    """Change each path that settings name, in place.

    An encoder in a folder beside the file, as opposed to a name on the Hub, is said by a leading dot, and is changed
    where it has one; of several choices (`polyhead.settings.ranges`), each.

    Args:
        settings: As a file has them, checked or not.
        change: Gives what stands there instead.
    """
    for sections in _places(settings):
        _change_at(settings, sections, change)
    data = settings.get("data")
    if isinstance(data, dict) and isinstance(folder := data.get("cache"), str) and folder != "off":
        data["cache"] = change(folder)
    if "encoder" in settings:
        settings["encoder"] = _of_encoder(settings["encoder"], change)


def _places(settings: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    yield from _PATH_KEYS
    data = settings.get("data")
    sets = data.get("sets") if isinstance(data, dict) else None
    if isinstance(sets, dict):
        yield from (("data", "sets", name, key) for name in sets for key in _FILES)


def _change_at(settings: dict[str, Any], sections: tuple[str, ...], change: Change) -> None:
    *outer, key = sections
    for section in outer:
        inner = settings.get(section)
        if not isinstance(inner, dict):
            return  # absent, or wrong and then refused by the check of the whole
        settings = inner
    value = settings.get(key)
    if isinstance(value, str | Path):
        settings[key] = _changed(str(value), change)
    elif isinstance(value, list | tuple):
        settings[key] = [_changed(str(part), change) if isinstance(part, str | Path) else part for part in value]


def _changed(path: str, change: Change) -> str:
    return path if path.startswith(_HUB) else change(path)


def _of_encoder(encoder: Any, change: Change) -> Any:
    if isinstance(encoder, str) and encoder.startswith("."):
        return change(encoder)
    if isinstance(encoder, dict):
        return {key: _of_encoder(value, change) for key, value in encoder.items()}
    return [_of_encoder(part, change) for part in encoder] if isinstance(encoder, list) else encoder
