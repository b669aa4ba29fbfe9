"""GET `/`, `/docs` and `/assets/{name}`, with the headers that keep the page to itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polyhead.serving.page.files import StaticFile, static_files

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may do: run, draw and ask what comes from this server, and nothing else. No inline script or style."""

_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    # Names of assets stay the same over versions, so that each use asks whether they are still true: 304 costs little.
    "Cache-Control": "no-cache",
}
_PAGES = {"/": "index.html", "/docs": "docs.html"}


def page_routes() -> list[Route]:
    """Make the routes of the page; they need no key, and hold nothing of the model.

    An asset that there is not raises starlette's `HTTPException` 404: the app answers it as it does any unknown path.

    Returns:
        GET (and HEAD) `/`, `/docs` and `/assets/{name}`.
    """
    known = static_files()
    assets = {name: file for name, file in known.items() if name not in _PAGES.values()}

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in assets:
            raise HTTPException(404, "the page has no such file")
        return _answer(request, assets[name])

    pages = [Route(path, _page(known[name]), name=f"page {path}") for path, name in _PAGES.items()]
    return [*pages, Route("/assets/{name}", asset, name="page assets")]


def _page(file: StaticFile) -> Callable[[Request], Awaitable[Response]]:
    async def page(request: Request) -> Response:
        return _answer(request, file)

    return page


def _answer(request: Request, file: StaticFile) -> Response:
    headers = {**_HEADERS, "ETag": file.etag}
    if _names(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.content_type)


def _names(condition: str, etag: str) -> bool:
    """Say whether `If-None-Match` names an ETag, compared weakly as RFC 9110, 13.1.2, asks."""
    named = [part.strip().removeprefix("W/") for part in condition.split(",")]
    return "*" in named or etag in named
