"""The page for people at `/`, and the schema as a page at `/docs`: static files, served under a strict policy.

static/index.html   the page; app.js wires it, api.js talks to the server, one file draws each shape of answer
static/docs.html    /openapi.json as a page
files.py            reads them once, and knows their types and ETags
routes.py           GET /, /docs, /assets/{name}
"""

from __future__ import annotations

from polyhead.serving.page.routes import page_routes

__all__ = ["page_routes"]
