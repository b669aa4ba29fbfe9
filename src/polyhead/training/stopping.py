"""Ctrl-C, SIGTERM, SIGHUP: the first is a wish, which the run grants after its step; the system grants the second."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

from polyhead.errors import TrainingStoppedError

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
Handler = Callable[[int, FrameType | None], Any] | int | None


class StopRequest:
    """Hears the first Ctrl-C, SIGTERM or SIGHUP while it is entered; a second one ends the process at once.

    Outside a process's main thread, where Python hears no signals, it does nothing. A signal that the process ignores,
    as SIGHUP under ``nohup``, stays ignored.
    """

    def __init__(self) -> None:
        self._signal: int | None = None
        self._before: dict[int, Handler] = {}

    def check(self) -> None:
        """Stop the run where this was asked for.

        Raises:
            TrainingStoppedError: If it was.
        """
        if self._signal is not None:
            raise TrainingStoppedError(self._signal)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._hear) for number in heard}
        return self

    def __exit__(self, *ending: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number
        for each in self._before:
            signal.signal(each, signal.SIG_DFL)
