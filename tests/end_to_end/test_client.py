"""Both clients against `polyhead serve`."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polyhead import AsyncClient, Client, Predictor
from polyhead.errors import RequestRefusedError, ServerUnavailableError
from polyhead.export import export
from polyhead.training import TrainedRun
from tests.conftest import RECORDS
from tests.end_to_end.served import LIMIT, Serving

KEY = "0123456789abcdef0123456789abcdef"
TEXTS = [f"{record['sentence']} {number}" for number in range(5) for record in RECORDS]


@pytest.fixture(scope="module")
def model(trained: TrainedRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(trained.folder, tmp_path_factory.mktemp("served") / "exported").folder


@pytest.fixture(scope="module")
def server(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server with a key that takes few texts at once, and chooses the runtime by itself."""
    keys = tmp_path_factory.mktemp("keys") / "keys.txt"
    keys.write_text(f"{KEY}\n", encoding="utf-8")
    serving = Serving(model, "--api-key-file", keys, "--max-texts", 7, "--max-characters", 200).ready()
    yield serving
    assert serving.close() == 0
    assert {"listening", "loading", "model_loaded", "ready", "draining", "ended"} <= {
        event["event"] for event in serving.events
    }


def near(value: Any) -> Any:
    """The same with scores as near as other batches may bring them."""
    if isinstance(value, dict):
        return {key: near(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [near(inner) for inner in value]
    return pytest.approx(value, abs=1e-4) if isinstance(value, float) else value


def test_answers_are_those_of_the_predictor(server: Serving, model: Path) -> None:
    wanted = [
        {"windows": 1, "truncated": False, **one.to_json()} for one in Predictor.load(model, precision="fp32")(TEXTS)
    ]
    with Client(server.url, api_key=KEY) as client:
        assert client.predict(TEXTS) == near(wanted)

    async def main() -> list[dict[str, Any]]:
        async with AsyncClient(server.url, api_key=KEY) as client:
            return await client.predict(TEXTS)

    assert asyncio.run(main()) == near(wanted)


def test_best_classes_are_those_of_the_predictor(server: Serving, model: Path) -> None:
    predictor = Predictor.load(model, precision="fp32")
    wanted = [{"windows": 1, "truncated": False, **one.to_json()} for one in predictor(TEXTS, top_k=3)]
    assert all(len(one["classification"]["classes"]) == 3 for one in wanted)
    with Client(server.url, api_key=KEY) as client:
        assert client.predict(TEXTS, top_k=3) == near(wanted)
        with pytest.raises(RequestRefusedError, match=r"422 invalid: top_k: input should be less than or equal to 100"):
            client.predict(TEXTS, top_k=101)

    async def main() -> list[dict[str, Any]]:
        async with AsyncClient(server.url, api_key=KEY) as client:
            return [one async for one in client.stream(TEXTS, top_k=3)]

    assert asyncio.run(main()) == near(wanted)


def test_tasks_confidence_and_truncation(server: Serving) -> None:
    with Client(server.url, api_key=KEY) as client:
        assert [task["name"] for task in client.model()["tasks"]] == ["classification", "ner"]
        (found,) = client.predict(["Anna works. " * 100], tasks=["classification"], min_confidence=1.0, truncate=True)
    assert set(found) == {"text", "windows", "truncated", "classification"}
    assert found["truncated"] is True
    assert len(found["text"]) == 200
    assert found["classification"]["label"] is None


def test_what_is_refused_is_named_by_its_place_among_all_texts(server: Serving) -> None:
    with Client(server.url, api_key=KEY) as client:
        with pytest.raises(RequestRefusedError, match=r"422 invalid: texts\[20\]: has 201 characters") as caught:
            client.predict([*TEXTS[:20], "a" * 201, *TEXTS[20:]])
        assert caught.value.field == "texts[20]"
        assert caught.value.request_id
        with pytest.raises(RequestRefusedError, match=r"tasks\[0\]: the model has no task 'nre'; .*did you mean 'ner'"):
            client.predict(["Anna"], tasks=["nre"])
        with pytest.raises(RequestRefusedError, match="reads one text, found a pair") as caught:
            client.predict([*TEXTS[:9], ("Anna", "John")])
        assert caught.value.field == "texts[9]"


def test_the_key(server: Serving) -> None:
    for key in (None, "f" * 32):
        with Client(server.url, api_key=key) as client:
            assert client.live()
            assert client.ready()
            with pytest.raises(RequestRefusedError, match=r"401 unauthorized.*api_key"):
                client.predict(["Anna"])
            with pytest.raises(RequestRefusedError, match="401 unauthorized"):
                client.reload()


def test_a_reload_in_the_middle_loses_nothing(server: Serving) -> None:
    with Client(server.url, api_key=KEY, texts_per_request=2) as client, Client(server.url, api_key=KEY) as other:
        before = other.model()["generation"]
        stream = client.stream(TEXTS * 5)
        found = [next(stream)["text"]]
        assert other.reload()["generation"] == before + 1
        found += [one["text"] for one in stream]
    assert found == TEXTS * 5


def test_a_server_that_is_killed_and_comes_back_in_the_middle_loses_nothing(model: Path) -> None:
    options = ("--runtime", "onnxruntime", "--precision", "fp32", "--no-log-requests")
    first = Serving(model, *options).ready()
    port = int(first.url.rpartition(":")[2])
    with Client(first.url, texts_per_request=2, concurrency=2, retries=99, max_wait=LIMIT) as client:
        stream = client.stream(TEXTS * 5)
        found = [next(stream)["text"]]
        first.close(signal.SIGKILL)
        second = Serving(model, *options, port=port)
        found += [one["text"] for one in stream]
    assert found == TEXTS * 5
    assert second.close() == 0


def test_no_server(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", retries=1, max_wait=1.0) as client:
        assert not client.ready()
        with pytest.raises(ServerUnavailableError, match="Is the server up"):
            client.model()
