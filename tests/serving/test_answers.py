"""Answers over HTTP are those of the predictor, alone and among others."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from polyhead import Predictor
from tests.end_to_end.many_kinds import WHOLE
from tests.serving.live import Server

WAY = ("--runtime", "onnxruntime", "--precision", "fp32")
TEXTS = [
    *(str(record["sentence"]) for record in WHOLE),
    "", " ", "\0", "a\0b", "Zoë\u0301 \U0001f600 我 住 在", "[SEP] [CLS]", "<script>alert(1)</script>", "x" * 3000,
    "one two three " * 80, "\n\n", "\u202etxet", "a" * 200 + " Berlin",
]  # fmt: skip


@pytest.fixture(scope="module")
def predictor(every_kind: Path) -> Predictor:
    return Predictor.load(every_kind, runtime="onnxruntime", precision="fp32")


@pytest.fixture(scope="module")
def server(every_kind: Path) -> Iterator[Server]:
    # On a machine with much else to do, too, each request is to have its answer.
    with Server(every_kind, *WAY, "--max-body-bytes", 30_000_000, "--deadline-seconds", 60) as server:
        yield server.ready()


@pytest.fixture(scope="module")
def wanted(predictor: Predictor) -> dict[str, dict[str, Any]]:
    """By text, what the predictor says of it alone."""
    return {text: _said(predictor, text) for text in TEXTS}


def _said(predictor: Predictor, text: str, confidence: float = 0.0, top_k: int | None = None) -> dict[str, Any]:
    (result,) = predictor([text], top_k=top_k)
    answers = {name: answer.at_least(confidence).to_json() for name, answer in result.predictions.items()}
    about = {"text": text, "windows": result.windows, "truncated": False}
    value: dict[str, Any] = json.loads(json.dumps({**about, **answers}))
    return value


def near(found: Any, wanted: Any) -> bool:
    """Whether answers are the same but for the last digit: a batch of another shape adds up in another order."""
    if isinstance(wanted, float) and isinstance(found, float):
        return abs(found - wanted) <= 2e-6 * max(1.0, abs(wanted))
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(near(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(near, found, wanted))
    return bool(found == wanted)


def difference(found: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return what differs, both ways, by task."""
    return {key: (found.get(key), own) for key, own in wanted.items() if not near(found.get(key), own)}


def test_one_text_at_a_time(server: Server, wanted: dict[str, dict[str, Any]]) -> None:
    for text in TEXTS:
        answer = server.predict(text).json()
        assert answer["results"] == [wanted[text]]
    assert any(one["windows"] > 1 for one in wanted.values())
    assert server.ask("/v1/model").json()["model"] == answer["model"]


def test_many_clients_at_a_time(server: Server, wanted: dict[str, dict[str, Any]]) -> None:
    def ask(number: int) -> list[Any]:
        chance = random.Random(number)
        texts = chance.choices(TEXTS, k=chance.choice([1, 1, 2, 5, 40]))
        results = server.predict(*texts).json()["results"]
        assert len(results) == len(texts)
        return [difference(one, wanted[text]) for one, text in zip(results, texts, strict=True)]

    with ThreadPoolExecutor(32) as pool:
        assert not [found for own in pool.map(ask, range(96)) for found in own if found]
    assert server.metric("polyhead_batch_texts_sum") / server.metric("polyhead_batch_texts_count") > 2, "batches"
    assert server.metric("polyhead_queue_tokens") == 0


def test_tasks_and_confidence(server: Server, predictor: Predictor) -> None:
    text = TEXTS[0]
    (result,) = server.predict(text, tasks=["stars", "topic"]).json()["results"]
    assert list(result) == ["text", "windows", "truncated", "stars", "topic"]
    for confidence in (0.3, 0.9, 1.0):
        (result,) = server.predict(text, min_confidence=confidence).json()["results"]
        assert result == _said(predictor, text, confidence)
    assert result != _said(predictor, text)


def test_best_classes(server: Server, predictor: Predictor) -> None:
    for text in TEXTS:
        for top_k, confidence in ((1, 0.0), (2, 0.0), (100, 0.0), (100, 0.1), (3, 1.0), (None, 0.0)):
            (result,) = server.predict(text, top_k=top_k, min_confidence=confidence).json()["results"]
            assert result == _said(predictor, text, confidence, top_k)
            assert ("classes" in result["topic"]) == ("classes" in result["themes"]) == (top_k is not None)
            if top_k and result["topic"]["label"] is not None:
                assert result["topic"]["classes"][0] == {key: result["topic"][key] for key in ("label", "score")}
    assert len(_said(predictor, TEXTS[0], top_k=2)["topic"]["classes"]) == 2


def test_each_request_of_a_batch_has_as_many_classes_as_it_asked_for(server: Server, predictor: Predictor) -> None:
    before = server.metric("polyhead_batch_texts_sum"), server.metric("polyhead_batch_texts_count")

    def ask(number: int) -> list[Any]:
        top_k = (None, 1, 2, 3)[number % 4]
        texts = TEXTS[: 1 + number % 8]
        results = server.predict(*texts, top_k=top_k).json()["results"]
        wanted = [_said(predictor, text, top_k=top_k) for text in texts]
        return [difference(one, own) for one, own in zip(results, wanted, strict=True)]

    with ThreadPoolExecutor(16) as pool:
        assert not [found for own in pool.map(ask, range(64)) for found in own if found]
    texts, batches = (server.metric(f"polyhead_batch_texts_{name}") for name in ("sum", "count"))
    assert (texts - before[0]) > (batches - before[1]), "some batches had several texts"


def test_what_predict_prints(every_kind: Path, server: Server) -> None:
    command = [sys.executable, "-m", "polyhead", "predict", str(every_kind), *WAY, "--json", TEXTS[1]]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    (result,) = server.predict(TEXTS[1]).json()["results"]
    assert {"windows": 1, "truncated": False, **printed} == result


def test_what_is_too_long_is_refused_or_cut(server: Server, predictor: Predictor) -> None:
    limit = server.ask("/v1/model").json()["limits"]["characters"]
    assert limit == 100_000
    refused = server.predict("a", "b " * limit)
    assert (refused.status, refused.json()["error"]["field"]) == (422, "texts[1]")
    assert "100,000" in refused.json()["error"]["message"]
    whole, cut = server.predict("a", "b" * (limit + 1), tasks=["topic"], truncate=True).json()["results"]
    assert (whole["truncated"], cut["truncated"], len(cut["text"])) == (False, True, limit)
    assert server.metric("polyhead_truncated_texts_total") == 1


def test_one_long_word_is_answered(live: Server) -> None:
    for text in ("a" * 99_999, "é" * 99_999, "a\0" * 20_000, "\U0001f600" * 50_000):
        start = time.monotonic()
        assert live.predict(text).status == 200
        assert time.monotonic() - start < 8


def test_a_hundred_thousand_words_are_answered_or_told_to_take_too_long(live: Server) -> None:
    for text in ("我" * 99_999, "-" * 99_999):  # each character is a word to the tokenizer
        start = time.monotonic()
        assert live.predict(text).status in (200, 504)
        assert time.monotonic() - start < 12
        assert live.ask("/v2/health/live").status == 200


def test_ten_megabytes_are_answered_or_refused_at_once(server: Server) -> None:
    word, words = "a" * 10_000_000, "word " * 2_000_000
    for text in (word, words):
        start = time.monotonic()
        assert server.predict(text).status == 422
        assert time.monotonic() - start < 1
    start = time.monotonic()
    (result,) = server.predict(word, tasks=["topic"], truncate=True).json()["results"]
    assert (len(result["text"]), result["truncated"]) == (100_000, True)
    assert time.monotonic() - start < 10
    start = time.monotonic()
    assert server.ask("/v1/predict", b"x" * 31_000_000).status == 413
    assert time.monotonic() - start < 1


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"texts": []}, "texts", "at least 1"),
        ({"texts": ["a"] * 257}, "texts", "has 257 texts, a request may have 256"),
        ({"texts": ["a", "b", "c", 4]}, "texts[3]", "a text is a string, or a pair of strings"),
        ({"texts": ["a", None]}, "texts[1]", "a text is a string"),
        ({"texts": [["a"]]}, "texts[0]", "a pair is a list of two strings"),
        ({"texts": [["a", "b"]]}, "texts[0]", "the model reads one text"),
        ({"texts": "a"}, "texts", "list"),
        ({}, "texts", "required"),
        ({"texts": ["a"], "task": ["x"]}, "task", "did you mean 'tasks'"),
        ({"texts": ["a"], "tasks": ["topic", "tpic"]}, "tasks[1]", "did you mean 'topic'"),
        ({"texts": ["a"], "tasks": []}, "tasks", "at least 1"),
        ({"texts": ["a"], "tasks": "topic"}, "tasks", "list"),
        ({"texts": ["a"], "min_confidence": 1.5}, "min_confidence", "less than or equal to 1"),
        ({"texts": ["a"], "min_confidence": "1"}, "min_confidence", "number"),
        ({"texts": ["a"], "top_k": 0}, "top_k", "greater than or equal to 1"),
        ({"texts": ["a"], "top_k": 101}, "top_k", "less than or equal to 100"),
        ({"texts": ["a"], "top_k": "5"}, "top_k", "integer"),
        ({"texts": ["a"], "truncate": 1}, "truncate", "boolean"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], field: str, said: str, server: Server) -> None:
    answer = server.ask("/v1/predict", body)
    assert (answer.status, answer.code) == (422, "invalid")
    assert answer.json()["error"]["field"] == field
    assert said in answer.json()["error"]["message"]


def test_nothing_of_the_server_imports_torch(server: Server) -> None:
    libraries = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "onnxruntime" not in libraries, "the process that speaks HTTP loads no model"
    for process in (server.process, *server.children):
        assert "/torch/" not in Path(f"/proc/{process.pid}/maps").read_text()


def test_a_damaged_model_and_other_mistakes_are_told_in_a_line(
    two_tasks: Path, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    import shutil

    broken = Path(shutil.copytree(two_tasks, tmp_path / "broken"))
    (broken / "model.onnx").write_bytes(b"junk")
    (tmp_path / "short").write_text("abc\n")
    for arguments, said in (
        ((broken,), "model.onnx"),
        ((tmp_path / "nothing",), "nothing"),
        ((two_tasks, "--api-key-file", tmp_path / "none"), "--api-key-file"),
        ((two_tasks, "--api-key-file", tmp_path / "short"), "line 1"),
        ((two_tasks, "--runtime", "onnxrun"), "onnxrun"),
        ((two_tasks, "--host", "256.1.1.1"), "--host 256.1.1.1"),
    ):
        server = serve(*arguments)
        assert server.process.wait(60) == 2
        server._reader.join(5)
        told = "".join(line for line in server.lines if not line.startswith("{"))
        assert said in told.replace("\n", ""), told
        assert "Traceback" not in told
        assert "unexpected" not in told


def test_without_the_extra_the_cure_is_named() -> None:
    for missing in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        code = f"import sys; sys.modules[{missing!r}] = None; from polyhead.cli.app import main; main(['serve', 'x'])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "polyhead[serve]" in done.stderr.replace("\n", ""), done.stderr


@pytest.mark.parametrize("name", ["damaged", "gone"])
def test_reloading_a_model_from_its_place(
    name: str, two_tasks: Path, every_kind: Path, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    import shutil

    place = tmp_path / "place"
    shutil.copytree(two_tasks, place)
    (tmp_path / "keys").write_text("k" * 20)
    server = serve(place, *WAY, "--api-key-file", tmp_path / "keys").ready()
    key = {"authorization": "Bearer " + "k" * 20}
    shutil.rmtree(place)
    if name == "damaged":
        shutil.copytree(every_kind, place)
        (place / "model.onnx").write_bytes((place / "model.onnx").read_bytes()[:-100])
    refused = server.ask("/v1/reload", method="POST", headers=key)
    assert (refused.status, refused.code) == (422, "model_refused")
    assert server.ask("/v1/predict", {"texts": ["a"]}, headers=key).status == 200
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(every_kind, place)
    told = server.ask("/v1/reload", method="POST", headers=key).json()
    assert [task["name"] for task in told["tasks"]] == ["topic", "themes", "slots", "pos", "places", "stars"]
    (result,) = server.ask("/v1/predict", {"texts": ["a"]}, headers=key).json()["results"]
    assert "stars" in result
