"""Keys that open the API, compared in constant time."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from pathlib import Path

from polyhead.errors import SettingsError

_FEWEST = 16
"""Characters of a key: a shorter one can be guessed."""
_MOST_BYTES = 65_536
_BEARER = b"bearer "


class Keys:
    """The keys of a server.

    Args:
        keys: The keys; without any, the API is open.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._keys = [key.encode() for key in keys]

    @classmethod
    def read(cls, path: Path) -> Keys:
        """Read keys from a file: one a line; blank lines, and those that begin with ``#``, are none.

        Raises:
            SettingsError: If there is no such file, or no key in it, or one that is too short or has blanks.
        """
        where = f"--api-key-file: {path}"
        try:
            with path.open("rb") as file:
                content = file.read(_MOST_BYTES + 1)
            text = content.decode("ascii")
        except OSError as error:
            raise SettingsError(f"{where}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{where}: a key has letters, digits and signs of ASCII alone") from error
        if len(content) > _MOST_BYTES:
            raise SettingsError(f"{where}: has more than {_MOST_BYTES:,} bytes; is it the file with the keys?")
        found: list[str] = []
        for number, line in enumerate(text.splitlines(), start=1):
            key = line.strip()
            if not key or key.startswith("#"):
                continue
            if len(key) < _FEWEST or not key.isprintable() or " " in key:
                raise SettingsError(
                    f"{where}, line {number}: a key has {_FEWEST} characters or more, none of them blank"
                )
            found.append(key)
        if not found:
            raise SettingsError(f"{where}: holds no key; write one on a line, made by `openssl rand -hex 32`, say")
        return cls(found)

    def __bool__(self) -> bool:
        return bool(self._keys)

    def open(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether the head of a request holds a key, as ``Authorization: Bearer KEY`` or ``X-API-Key: KEY``."""
        given = b""
        for name, value in headers:
            if name == b"authorization" and value[: len(_BEARER)].lower() == _BEARER:
                given = value[len(_BEARER) :].strip()
            elif name == b"x-api-key":
                given = value.strip()
        # All are compared, so that the time does not say which one was near.
        same = [hmac.compare_digest(given, key) for key in self._keys]
        return any(same)
