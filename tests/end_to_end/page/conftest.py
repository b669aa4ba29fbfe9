"""A browser, the double on a port of its own, and a page that tells of everything that it must not do."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.end_to_end.page.double import Double, make_app

pytest.importorskip("playwright", reason="the tests of the page need playwright (extra dev)")
uvicorn = pytest.importorskip("uvicorn", reason="the tests of the page need the extra serve")
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright  # noqa: E402

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 15_000
"""Milliseconds to wait for anything: the machine may be busy."""
expect.set_options(timeout=PATIENCE)


@dataclass
class Seen:
    """What a page did that it must not do.

    Attributes:
        hosts: What it asked for elsewhere.
        troubles: Violations of the policy, uncaught errors, and what was written to the console as an error.
    """

    hosts: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Run an app on a port of its own; yield its address."""
    taken = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        taken.close()


@pytest.fixture(scope="module")  # its loop runs as long as it lives, and other tests have loops of their own
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"the tests of the page need a browser: none of {', '.join(NAMES)} is installed")
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Double], str]]:
    """Run doubles until the test ends."""
    with ExitStack() as stack:
        yield lambda double: stack.enter_context(running(make_app(double)))


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def address(serve: Callable[[Double], str], double: Double) -> str:
    return serve(double)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a page; when the test ends, none of those opened may have broken the rules."""
    opened: list[tuple[BrowserContext, Seen]] = []

    def _open(address: str, *, allowed: tuple[str, ...] = (), **context: Any) -> Page:
        made = browser.new_context(**{"viewport": {"width": 1200, "height": 900}, **context})
        made.set_default_timeout(PATIENCE)
        seen = Seen()
        opened.append((made, seen))
        page = made.new_page()
        root = address.partition("/docs")[0]
        page.on("request", lambda asked: _ask(asked.url, root, seen))
        page.on("pageerror", lambda error: seen.troubles.append(str(error)))
        page.on("console", lambda said: _note(said, seen, allowed))
        page.goto(address)
        return page

    yield _open
    for context, seen in opened:
        context.close()
        assert seen.hosts == []
        assert seen.troubles == []


def _ask(url: str, root: str, seen: Seen) -> None:
    if not url.startswith((root, f"blob:{root}")):
        seen.hosts.append(url)


def _note(said: Any, seen: Seen, allowed: tuple[str, ...]) -> None:
    """Keep errors; that an answer had an error's status is noted by the browser itself, and is no trouble."""
    refused = "Failed to load resource" in said.text and "/v1/" in said.location.get("url", "")
    if said.type == "error" and not refused and not any(part in said.text for part in allowed):
        seen.troubles.append(said.text)
