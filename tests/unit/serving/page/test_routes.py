"""What `/`, `/docs` and `/assets/…` answer: types, policy, ETags, and nothing but what the page has."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="the page needs the extra serve")
from starlette.applications import Starlette
from starlette.testclient import TestClient

from polyhead.serving.page import page_routes
from polyhead.serving.page.files import static_files


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=list(page_routes())))


PATHS = {
    "/": "text/html; charset=utf-8",
    "/docs": "text/html; charset=utf-8",
    "/assets/app.js": "text/javascript; charset=utf-8",
    "/assets/app.css": "text/css; charset=utf-8",
    "/assets/icon.svg": "image/svg+xml",
}


@pytest.mark.parametrize("path", PATHS)
def test_answers_carry_the_policy(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == PATHS[path]
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("path", PATHS)
def test_what_a_browser_has_already_is_not_sent_again(client: TestClient, path: str) -> None:
    etag = client.get(path).headers["etag"]
    for condition in (etag, f'"other", W/{etag}', "*"):
        answer = client.get(path, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag
        assert "content-security-policy" in answer.headers
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
    head = client.head(path)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)


def test_etags_tell_files_apart() -> None:
    files = static_files().values()
    assert len({file.etag for file in files}) == len(files)


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets/missing.js",
        "/assets/index.html",  # a page has one address
        "/assets/../routes.py",
        "/assets/..%2froutes.py",
        "/assets/%2e%2e%2froutes.py",
        "/assets/....//routes.py",
        "/assets//etc/passwd",
        "/assets/%2fetc%2fpasswd",
        "/assets/app.js%00",
        "/assets/app.js/",
        "/assets/APP.JS",
        "/assets/..\\routes.py",
        "/assets/__init__.py",
    ],
)
def test_nothing_else_is_found(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    if answer.status_code == 307:  # a slash too many: the address without it
        assert client.get(path.rstrip("/")).status_code == 200
        return
    assert answer.status_code == 404
    assert b"polyhead" not in answer.content


def test_pages_are_only_read(client: TestClient) -> None:
    for path in PATHS:
        assert client.post(path).status_code == 405
