"""The page for people; a place for it."""

from __future__ import annotations

from starlette.routing import Route


def page_routes() -> list[Route]:
    """Return the routes of the page."""
    return []
