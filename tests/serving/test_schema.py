"""The server against its own schema: nothing undocumented, and no fault, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from hypothesis import settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as of_openapi

from tests.serving.live import Server

KEY = "0123456789abcdef0123"
CHECKS = (
    checks.not_a_server_error,
    of_openapi.status_code_conformance,
    of_openapi.content_type_conformance,
    of_openapi.response_schema_conformance,
    of_openapi.response_headers_conformance,
    of_openapi.unsupported_method,
)


@pytest.fixture(scope="module", params=["open", "with a key"])
def server(
    request: pytest.FixtureRequest, two_tasks: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.write_text(KEY)
    own = ("--api-key-file", keys) if request.param == "with a key" else ()
    with Server(two_tasks, "--runtime", "onnxruntime", "--precision", "fp32", *own) as server:
        yield server.ready()


def _examine(server: Server, examples: int) -> None:
    url = f"http://127.0.0.1:{server.port}"
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    with_key = "--api-key-file" in server.process.args
    count = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path == "/v1/reload" and with_key:
            continue  # loads a model each time; the tests of reloading have it
        for mode in schemathesis.GenerationMode:
            strategy = operation.as_strategy(generation_mode=mode)

            @hypothesis.seed(1)
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=False,
                phases=(hypothesis.Phase.generate,),
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=strategy)
            def ask(case: schemathesis.Case) -> None:
                nonlocal count
                count += 1
                headers = {"Authorization": f"Bearer {KEY}"} if with_key and count % 5 else {}
                response = case.call(base_url=url, headers=headers)
                case.validate_response(response, checks=list(CHECKS))

            with suppress(hypothesis.errors.Unsatisfiable):  # nothing about it can be wrong
                ask()
    assert count > examples
    assert server.ask("/v2/health/ready").status == 200
    assert not server.logged("fault")


def test_what_the_schema_allows_and_what_not(server: Server) -> None:
    _examine(server, 60)


@pytest.mark.slow  # two thousand requests for each operation
def test_much_of_what_the_schema_allows_and_what_not(server: Server) -> None:
    _examine(server, 1000)
