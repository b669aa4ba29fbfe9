"""Lengths of time as people write them: ``90s``, ``30m``, ``1h``, ``1h30m``."""

from __future__ import annotations

import re

from polyhead.errors import SettingsError

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_PARTS = re.compile(r"(?:(?P<h>\d+(?:\.\d+)?)h)?(?:(?P<m>\d+(?:\.\d+)?)m)?(?:(?P<s>\d+(?:\.\d+)?)s)?")


def seconds_of(text: str, *, where: str) -> float:
    """Return how many seconds a length of time has.

    Args:
        text: Hours, minutes and seconds, in this order, each with its letter.
        where: The option that has it, for the message.

    Raises:
        SettingsError: If it is none, or nothing.
    """
    found = _PARTS.fullmatch(text.strip().lower())
    parts = {unit: value for unit, value in found.groupdict().items() if value} if found else {}
    seconds = sum(float(value) * _SECONDS[unit] for unit, value in parts.items())
    if not seconds:
        raise SettingsError(f"{where}: wanted a length of time such as 90s, 30m, 1h or 1h30m, found {text!r}")
    return seconds
