"""Every error that polyhead raises on purpose.

    PolyheadError
    ├── SettingsError       a setting, flag or option is unknown or out of range
    ├── DataError           a data file: says which file, which line, what was found
    │   └── AnnotationError one field's value; the reader adds file and line
    ├── EncoderError        an encoder cannot be found or used
    ├── BundleError         a saved model is missing, damaged or unsafe to open
    ├── TrainingError       training cannot go on
    │   └── NonFiniteError  a loss or gradient is no number; the weights are those before its batch
    ├── ExportError         a model cannot be exported, or its graph does not answer as it does
    ├── TrainingStoppedError    Ctrl-C or SIGTERM came while a model was trained
    ├── ServerError         a server was asked and gave no answer: status, code, field, request id
    │   ├── RequestRefusedError     it refuses this request: asking again changes nothing
    │   └── ServerUnavailableError  it is busy, going down, or not there, and stayed so while it was asked again
    └── MissingExtraError   a part of the package needs an extra that is not installed

Each message names the parameter or the place, the rule, what was found, and what to do about it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PolyheadError(Exception):
    """Base of all errors raised on purpose; the command line prints them without a traceback."""


class SettingsError(PolyheadError):
    """A setting, flag or option is unknown or out of range."""


class DataError(PolyheadError):
    """A data file cannot be used; the message begins with ``file:line``."""


class AnnotationError(DataError):
    """One field's value breaks a rule. Raised where file and line are not known; the reader adds them."""


class EncoderError(PolyheadError):
    """An encoder cannot be found, loaded or used."""


class BundleError(PolyheadError):
    """A saved model is missing, damaged, of an unknown version, or unsafe to open."""


class TrainingError(PolyheadError):
    """Training cannot go on, because a loss is no number any more, say."""


class NonFiniteError(TrainingError):
    """A loss or gradient is infinite or no number at all. No step was taken with it.

    Attributes:
        weights_are_finite: Whether the weights are worth keeping. They are not if an earlier step broke them.
    """

    def __init__(self, message: str, *, weights_are_finite: bool = True) -> None:
        super().__init__(message)
        self.weights_are_finite = weights_are_finite


class ExportError(PolyheadError):
    """A model cannot be exported, or the graph that came of it does not answer as the model does."""


class TrainingStoppedError(PolyheadError):
    """Ctrl-C or SIGTERM came while a model was trained; what there was is saved.

    Attributes:
        signal: The signal's number.
    """

    def __init__(self, signal: int, message: str = "stopped") -> None:
        super().__init__(message)
        self.signal = signal


class ServerError(PolyheadError):
    """A server was asked and gave no answer.

    Attributes:
        status: The HTTP status of what it said last; `None` where nothing came, or nothing was sent.
        code: Its name for the error, such as ``queue_full``; ours where it gave none: ``no_connection``, ``too_slow``,
            ``bad_answer``, ``http_404``.
        field: What of the request is wrong, such as ``texts[3]``, counted as the caller counts; `None` for the whole.
        request_id: By which its log knows the request.
        attempts: What came of each time it was asked, in their order.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "bad_answer",
        field: str | None = None,
        request_id: str | None = None,
        attempts: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.field = field
        self.request_id = request_id
        self.attempts = attempts


class RequestRefusedError(ServerError):
    """The request cannot be answered as it is: a text is too long, a key is wrong. Asking again changes nothing."""


class ServerUnavailableError(ServerError):
    """The server is busy, going down, or not there, and stayed so for as long as it was asked again."""


class MissingExtraError(PolyheadError):
    """A part of the package was asked for whose extra is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra '{extra}': pip install 'polyhead[{extra}]'")


def name_the_known(found: object, known: Iterable[object]) -> str:
    """Say which options exist, and which of them was probably meant.

    Args:
        found: What the user wrote.
        known: The options there are.

    Returns:
        For example ``known: joint, alternating (did you mean 'joint'?)``.
    """
    names = [str(option) for option in known]
    return f"known: {', '.join(names) or 'none'}{did_you_mean(found, names)}"


def did_you_mean(found: object, names: Iterable[str]) -> str:
    """Return `` (did you mean 'joint'?)`` where an option is close to what the user wrote, else nothing."""
    close = difflib.get_close_matches(str(found), list(names), n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""
