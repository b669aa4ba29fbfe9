"""A server with a tiny exported model, and one whose answering processes load none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from polyhead.export import export
from tests.end_to_end.many_kinds import TASKS
from tests.export.conftest import write_bundle
from tests.serving.live import DOUBLE, Server

__all__ = ["write_bundle"]


@pytest.fixture(scope="session")
def every_kind(write_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model with a task of every kind, whose heads have random weights. Do not change it: copy it."""
    return export(write_bundle("bert"), tmp_path_factory.mktemp("exported") / "model").folder


@pytest.fixture(scope="session")
def two_tasks(write_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model with classes and tags. Do not change it: copy it."""
    own = {name: TASKS[name] for name in ("topic", "slots")}
    return export(write_bundle("bert", own), tmp_path_factory.mktemp("exported") / "model").folder


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers, which end with the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **more: stack.enter_context(Server(*arguments, **more))


@pytest.fixture
def serve_double(serve: Callable[..., Server], tmp_path: Path) -> Callable[..., Server]:
    """Start servers whose answering processes load no model, and wait until they are ready."""
    (tmp_path / "model").write_text("first")

    def _serve(*arguments: object, **environment: str) -> Server:
        return serve(tmp_path / "model", *arguments, command=DOUBLE, environment=environment).ready()

    return _serve


@pytest.fixture(scope="session")
def live(two_tasks: Path) -> Iterator[Server]:
    """A server with a tiny model, whose patience is short; shared."""
    with Server(two_tasks, "--runtime", "onnxruntime", "--precision", "fp32") as server:
        yield server.ready()
