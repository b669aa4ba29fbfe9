"""httpx, as both clients use it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from polyhead.client.replies import BAD_ANSWER, NO_CONNECTION, TOO_SLOW, Reply, Trouble
from polyhead.client.steps import Send
from polyhead.errors import MissingExtraError, SettingsError

if TYPE_CHECKING:
    from types import ModuleType

    import httpx

_CONNECT = 5.0
"""Seconds in which a connection must stand: a server that is there takes it at once."""
_KEPT = 3.0
"""Seconds that an idle connection is kept: less than servers do (uvicorn 5), so that none is used as it is closed."""


def library() -> ModuleType:
    """Return httpx.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import httpx
    except ImportError as error:
        raise MissingExtraError("asking a server", "client") from error
    return httpx


def options(
    url: str, *, api_key: str | None, timeout: float, concurrency: int, texts_per_request: int, transport: Any
) -> dict[str, Any]:
    """Check what a caller gave, and return what `httpx.Client` and `httpx.AsyncClient` are made with.

    Raises:
        SettingsError: If one of them cannot be.
        MissingExtraError: If httpx is not installed.
    """
    httpx = library()
    if not (timeout > 0 and math.isfinite(timeout)):
        raise SettingsError(f"timeout: must be more than 0 seconds, found {timeout}")
    for name, value in (("concurrency", concurrency), ("texts_per_request", texts_per_request)):
        if value < 1:
            raise SettingsError(f"{name}: must be 1 or more, found {value}")
    headers = {"accept": "application/json"}
    if api_key is not None:
        _check_key(api_key)
        headers["authorization"] = f"Bearer {api_key}"
    _check_url(url)
    return {
        "base_url": url,
        "headers": headers,
        "timeout": httpx.Timeout(timeout, connect=min(_CONNECT, timeout), pool=None),
        "limits": httpx.Limits(max_keepalive_connections=concurrency, keepalive_expiry=_KEPT),
        "transport": transport,
    }


def request_of(client: httpx.Client | httpx.AsyncClient, send: Send) -> httpx.Request:
    """Make a request."""
    headers = {"content-type": "application/json"} if send.body is not None else {}
    timeout = client.timeout if send.timeout is None else send.timeout
    return client.build_request(send.method, send.path, content=send.body, headers=headers, timeout=timeout)


def reply_of(response: httpx.Response) -> Reply:
    """Return what was said; the body must have been read."""
    return Reply(
        response.status_code, {name.lower(): value for name, value in response.headers.items()}, response.content
    )


def trouble_of(error: httpx.RequestError) -> Trouble:
    """Say what an error of httpx means for asking again."""
    httpx = library()
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout):
        return Trouble(what, TOO_SLOW)
    again = httpx.ConnectTimeout | httpx.NetworkError | httpx.RemoteProtocolError | httpx.ProxyError
    return Trouble(what, NO_CONNECTION if isinstance(error, again) else BAD_ANSWER)


def _check_url(url: str) -> None:
    httpx = library()
    try:
        found = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise SettingsError(f"url: {url!r} is no address: {error}; write http://HOST:PORT") from error
    if found.scheme not in ("http", "https") or not found.host:
        raise SettingsError(f"url: must be http://HOST:PORT or https://HOST, found {url!r}")
    if found.userinfo:
        raise SettingsError("url: holds a name or password; give a server's key as api_key")


def _check_key(key: str) -> None:
    """Refuse what no header can carry; the key itself is in no message."""
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            "api_key: must be printable ASCII without white space; what was read from a file may end in a new line: "
            "strip() it"
        )
