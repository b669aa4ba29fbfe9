"""When a request is sent again: exponential back-off with full jitter, never before the server wants it.

Full jitter is the method of M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): a wait is drawn
from nothing to the back-off, so that clients that were refused together do not come back together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from polyhead.errors import SettingsError

_FIRST, _MOST = 0.25, 8.0
"""Seconds of the first back-off, and of the longest."""


@dataclass(frozen=True)
class Policy:
    """How long one asks.

    Attributes:
        retries: Times that a request is sent again.
        max_wait: Seconds that a request may wait between attempts, all together.
        draw: Gives a number from 0 to 1.
    """

    retries: int = 8
    max_wait: float = 60.0
    draw: Callable[[], float] = field(default=random.random)

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise SettingsError(f"retries: must be 0 or more, found {self.retries}")
        if not (self.max_wait >= 0 and math.isfinite(self.max_wait)):
            raise SettingsError(f"max_wait: must be 0 or more seconds, found {self.max_wait}")

    def wait(self, *, attempt: int, waited: float, asked: float) -> float | str:
        """Say how long to wait before the next attempt, or why there is none.

        Args:
            attempt: Attempts so far, from 1.
            waited: Seconds waited so far.
            asked: Seconds that the server asked for.

        Returns:
            Seconds, at least those asked for; or what kept us from another attempt.
        """
        if attempt > self.retries:
            return f"retries is {self.retries}"
        backoff = min(_MOST, _FIRST * 2.0 ** min(attempt - 1, 16))
        wait = asked + backoff * self.draw()
        if waited + wait > self.max_wait:
            wants = f", and the server asks for {asked:g} s more" if asked else ""
            return f"max_wait is {self.max_wait:g} s, {waited:.1f} of which are gone{wants}"
        return wait


def asked_for(headers: Mapping[str, str]) -> float:
    """Return the seconds of ``Retry-After``, which proxies also write as a date; 0 where there are none."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
