"""Settings from a TOML file, from ``--set key=value`` and from flags, merged."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from polyhead.errors import SettingsError, name_the_known
from polyhead.settings.model import RunSettings
from polyhead.settings.paths import change_paths
from polyhead.settings.problems import settings_problem
from polyhead.settings.ranges import refuse_ranges


def load_settings(
    config: Path | None = None, assignments: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> RunSettings:
    """Merge the sources of settings and check the result.

    Args:
        config: A TOML file; its relative paths start at its own folder.
        assignments: ``training.lr=3e-5`` and the like; they beat the file.
        flags: Dotted key to value; they beat both. A value of `None` counts as not given.

    Raises:
        SettingsError: If the file cannot be read, a key is unknown, or a value is not what it may be.
    """
    merged = merged_settings(config, assignments, flags)
    refuse_ranges(merged, file=str(config or "run.toml"))
    with settings_problem("", RunSettings):
        return RunSettings.model_validate(merged)


def merged_settings(
    config: Path | None = None, assignments: Iterable[str] = (), flags: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Merge the sources of settings, without a check of the result, in which ranges may stand.

    Args:
        config: As `load_settings` takes it, and so are the others.
        assignments: ``training.lr=3e-5`` and the like.
        flags: Dotted key to value.

    Raises:
        SettingsError: If the file cannot be read.
    """
    merged = _read(config) if config else {}
    for assignment in assignments:
        key, value = parse_assignment(assignment)
        _put(merged, key, value)
    for key, value in (flags or {}).items():
        if value is not None:
            _put(merged, key, value)
    return merged


def parse_assignment(assignment: str) -> tuple[str, Any]:
    """Split ``key=value``. The value is read as TOML; what is no TOML is a string.

    Raises:
        SettingsError: If there is no ``=`` or no key.
    """
    key, equals, value = assignment.partition("=")
    if not equals or not key.strip():
        raise SettingsError(f"--set {assignment}: wanted KEY=VALUE, for example --set training.lr=3e-5")
    try:
        parsed = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
    if parsed.keys() != {"value"}:
        raise SettingsError(f"--set {key}: wanted one setting, found several lines; write --set once for each")
    return key.strip(), parsed["value"]


def _put(settings: dict[str, Any], dotted: str, value: Any) -> None:
    *sections, key = dotted.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise SettingsError(f"{dotted}: {section!r} is a setting, not a section")
    settings[key] = value


def _read(config: Path) -> dict[str, Any]:
    try:
        settings = tomllib.loads(config.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"--config {config}: no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--config {config}: cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{config}: not valid TOML: {error}") from error
    for key in settings.keys() - RunSettings.model_fields.keys():
        raise SettingsError(f"{config}: {key}: no such setting; {name_the_known(key, RunSettings.model_fields)}")
    change_paths(settings, lambda path: str(config.parent / path))
    return settings
