"""From the first socket to the last answer: signals, reloads, and processes that end, at full load."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.serving.live import DOUBLE, Answer, Server, eventually
from tests.serving.load import Clients

Serve = Callable[..., Server]
KEY = "0123456789abcdef0123"


@pytest.fixture
def with_key(serve_double: Serve, tmp_path: Path) -> Server:
    """A server that takes reloads."""
    (tmp_path / "keys").write_text(f"# ours\n{KEY}\n")
    return serve_double("--api-key-file", tmp_path / "keys")


def reload(server: Server) -> Answer:
    return server.ask("/v1/reload", method="POST", headers={"authorization": f"Bearer {KEY}"})


def kill(server: Server) -> None:
    (child,) = server.children
    child.kill()


def ended_well(server: Server) -> None:
    assert not server.logged("fault"), server.logged("fault")
    assert not server.logged("library"), server.logged("library")
    assert all(line.startswith("{") for line in server.lines), server.lines


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_at_full_load_the_end_breaks_no_answer(wish: signal.Signals, serve_double: Serve) -> None:
    server = serve_double()
    children = server.children
    with Clients(server.port) as clients:
        time.sleep(0.5)
        assert server.end(wish, seconds=10) == 0
    assert not clients.broken, clients.broken[:5]
    assert clients.answers["200"] > 50
    assert clients.answers.keys() <= {"200", "503 draining", "refused", "closed"}, clients.answers
    assert clients.answers["503 draining"] >= 1, "each client is told"
    assert server.wait_for("ended")["without_answer"] == 0
    assert not any(child.is_running() for child in children)
    ended_well(server)


def test_what_is_in_flight_is_answered_and_nothing_more_is_taken(serve_double: Serve) -> None:
    server = serve_double()
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(server.predict, "slow") for _ in range(6)]
        eventually(lambda: server.metric("polyhead_in_flight_requests") == 6)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        ready, live, late = server.ask("/v2/health/ready"), server.ask("/v2/health/live"), server.predict("late")
        server.process.send_signal(signal.SIGTERM)  # a second one is the same wish
        assert [answer.result().status for answer in answers] == [200] * 6
    assert (ready.status, ready.json()) == (503, {"ready": False})
    assert live.status == 200
    assert (late.status, late.code) == (503, "draining")
    assert (late.headers["retry-after"], late.headers["connection"]) == ("1", "close")
    assert server.process.wait(10) == 0
    ended_well(server)


def test_what_takes_longer_than_it_may_is_told_so(serve_double: Serve) -> None:
    server = serve_double("--drain-seconds", "0.7", "--deadline-seconds", "50")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(server.predict, "hang")
        eventually(lambda: server.metric("polyhead_in_flight_requests") == 1)
        start = time.monotonic()
        assert server.end() == 0
        assert time.monotonic() - start < 5
        assert (answer.result().status, answer.result().code) == (503, "draining")
    assert server.wait_for("ended")["without_answer"] == 1


def test_a_second_ctrl_c_does_not_wait(serve_double: Serve) -> None:
    server = serve_double("--deadline-seconds", "50")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(server.predict, "hang")
        eventually(lambda: server.metric("polyhead_in_flight_requests") == 1)
        server.process.send_signal(signal.SIGINT)
        server.wait_for("draining")
        assert server.end(signal.SIGINT, seconds=5) == 0
        assert answer.result().code == "draining"


@pytest.mark.parametrize("wish", [signal.SIGTERM, signal.SIGINT])
def test_the_end_while_it_loads(wish: signal.Signals, serve: Serve) -> None:
    server = serve("model", command=DOUBLE, environment={"DOUBLE_LOADS": "30"})
    server.wait_for("listening")
    eventually(lambda: bool(server.children))
    (child,) = server.children
    ready, answer = server.ask("/v2/health/ready"), server.predict("early")
    assert (ready.status, ready.json()) == (503, {"ready": False})
    assert (answer.status, answer.code) == (503, "not_ready")
    assert server.end(wish, seconds=10) == 0
    eventually(lambda: not child.is_running())
    ended_well(server)


def test_reloads_at_full_load_break_no_answer(with_key: Server, tmp_path: Path) -> None:
    first = with_key.children
    answers = []
    headers = {"authorization": f"Bearer {KEY}"}

    def ask() -> None:
        while not stop.is_set():
            answers.append(with_key.ask("/v1/predict", {"texts": ["slow", "a"]}, headers=headers))

    stop = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    eventually(lambda: len(answers) > 3)
    (tmp_path / "model").write_text("second")
    told = reload(with_key)
    assert (told.status, told.json()["model"], told.json()["generation"]) == (200, "second", 2)
    seen = len(answers)
    eventually(lambda: len(answers) > seen + 12)
    (tmp_path / "model").write_text("third")
    with_key.process.send_signal(signal.SIGHUP)
    with_key.wait_for("model_loaded", count=3)
    seen = len(answers)
    eventually(lambda: len(answers) > seen + 12)
    stop.set()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}
    models = [answer.json()["model"] for answer in answers]
    assert list(dict.fromkeys(models)) == ["first", "second", "third"]
    assert set(models[-6:]) == {"third"}
    eventually(lambda: len(with_key.children) == 1)
    assert not any(child.is_running() for child in first)
    assert with_key.metric("polyhead_model_generation") == 3
    assert with_key.metric("polyhead_reloads_total") == 2
    ended_well(with_key)


def test_a_model_that_cannot_be_used_leaves_the_old_one(with_key: Server, tmp_path: Path) -> None:
    before = with_key.children
    (tmp_path / "model").write_text("damaged")
    told = reload(with_key)
    assert (told.status, told.code) == (422, "model_refused")
    assert "it is damaged" in told.json()["error"]["message"]
    with_key.process.send_signal(signal.SIGHUP)
    with_key.wait_for("not_reloaded")
    assert with_key.logged("not_reloaded")[0]["reason"] == "model_refused"
    about = with_key.ask("/v1/model", headers={"x-api-key": KEY}).json()
    assert (about["model"], about["generation"]) == ("first", 1)
    eventually(lambda: with_key.children == before)
    assert with_key.metric("polyhead_reloads_total") == 2


def test_one_reload_at_a_time(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    (tmp_path / "model").write_text("first")
    options = (tmp_path / "model", "--api-key-file", tmp_path / "keys")
    server = serve(*options, command=DOUBLE, environment={"DOUBLE_LOADS": "0.7"}).ready()
    with ThreadPoolExecutor() as pool:
        told = [pool.submit(reload, server) for _ in range(4)]
        codes = sorted(answer.result().status for answer in told)
    assert codes == [200, 409, 409, 409]


def test_a_reload_needs_a_key(serve_double: Serve, with_key: Server) -> None:
    answer = serve_double().ask("/v1/reload", method="POST")
    assert (answer.status, answer.code) == (403, "reload_needs_key")
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {KEY}"}, {"x-api-key": KEY[:-1]}):
        for path, method in (("/v1/reload", "POST"), ("/v1/predict", "POST"), ("/v1/model", "GET"), ("/v1/x", "GET")):
            answer = with_key.ask(path, method=method, headers=headers)
            assert (answer.status, answer.code) == (401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"
    assert with_key.ask("/v1/x", headers={"x-api-key": KEY}).status == 404
    for path in ("/v2/health/live", "/v2/health/ready", "/metrics", "/openapi.json"):
        assert with_key.ask(path).status == 200


def test_an_end_during_a_reload(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("first")
    server = serve(tmp_path / "model", command=DOUBLE, environment={"DOUBLE_LOADS": "1"}).ready()
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: len(server.children) == 2)
    children = server.children
    assert server.end(seconds=10) == 0
    eventually(lambda: not any(child.is_running() for child in children))
    ended_well(server)


def test_a_killed_process_breaks_no_answer(serve_double: Serve) -> None:
    server = serve_double()
    with Clients(server.port, count=16, texts=("a", "b")) as clients:
        for again in range(4):
            time.sleep(0.4)
            kill(server)
            server.wait_for("process_started", count=again + 1)
        time.sleep(0.3)
    assert not clients.broken, clients.broken[:5]
    assert clients.answers.keys() == {"200"}, clients.answers
    assert server.metric("polyhead_process_restarts_total") == 4
    assert server.metric("polyhead_queue_tokens") == 0
    assert server.ask("/v2/health/ready").status == 200


def test_a_text_that_ends_its_process_costs_nobody_else_an_answer(serve_double: Serve) -> None:
    server = serve_double()
    with Clients(server.port) as clients:
        time.sleep(0.2)
        poison = [server.predict("die", "with it") for _ in range(2)]
        time.sleep(0.2)
    assert [(answer.status, answer.code) for answer in poison] == [(500, "internal")] * 2
    assert not clients.broken, clients.broken[:5]
    assert clients.answers.keys() == {"200"}, clients.answers
    assert server.metric("polyhead_process_restarts_total") == 4, "two attempts each"


@pytest.mark.parametrize("text", ["fail", "junk"])
def test_a_batch_that_fails_costs_nobody_else_an_answer(text: str, serve_double: Serve) -> None:
    server = serve_double("--log-requests")
    with Clients(server.port) as clients:
        time.sleep(0.1)
        answer = server.predict(text, "a secret")
        time.sleep(0.1)
    assert (answer.status, answer.code) == (500, "internal")
    assert not clients.broken, clients.broken[:5]
    assert clients.answers.keys() == {"200"}, clients.answers
    assert not any("secret" in line for line in server.lines)


def test_a_process_that_is_stuck_is_ended(serve: Serve, tmp_path: Path) -> None:
    server = serve("model", command=DOUBLE, environment={"DOUBLE_STUCK": "0.4"}).ready()
    with Clients(server.port, count=4) as clients:
        time.sleep(0.1)
        answer = server.predict("hang")
        time.sleep(0.1)
    assert (answer.status, answer.code) == (500, "internal")
    assert not clients.broken, clients.broken[:5]
    assert clients.answers.keys() == {"200"}, clients.answers
    assert server.logged("process_stuck")


def test_without_a_process_it_is_not_ready_and_says_so(serve_double: Serve, tmp_path: Path) -> None:
    server = serve_double()
    (tmp_path / "model").write_text("damaged")
    kill(server)
    server.wait_for("process_not_started")
    answer = server.predict("a")
    assert (answer.status, answer.code) == (503, "not_ready")
    assert server.ask("/v2/health/ready").status == 503
    assert server.ask("/v2/health/live").status == 200
    (tmp_path / "model").write_text("mended")
    server.wait_for("process_started")
    assert server.predict("a").json()["model"] == "mended"
    assert server.logged("model_changed")


def test_a_killed_server_leaves_no_process_behind(serve_double: Serve) -> None:
    server = serve_double("--workers", "2")
    children = server.children
    assert len(children) == 2
    server.process.kill()
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children)


def test_several_processes_share_the_work(serve_double: Serve) -> None:
    server = serve_double("--workers", "2")
    with Clients(server.port, count=8) as clients:
        time.sleep(0.4)
        server.children[0].kill()
        time.sleep(0.4)
    assert clients.answers.keys() == {"200"}
    assert not clients.broken
    eventually(lambda: server.metric("polyhead_processes_ready") == 2)
    assert server.end() == 0


def test_a_deadline_is_kept(serve_double: Serve) -> None:
    server = serve_double("--deadline-seconds", "0.3")
    start = time.monotonic()
    answer = server.predict("hang")
    assert (answer.status, answer.code) == (504, "deadline")
    assert 0.3 <= time.monotonic() - start < 2


def test_a_full_queue_is_429(serve_double: Serve) -> None:
    server = serve_double("--queue-requests", "3", "--batch-tokens", "10")
    with ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(server.predict, "slow", "a" * 100) for _ in range(12)]
        statuses = [answer.result().status for answer in answers]
        told = next(answer.result() for answer in answers if answer.result().status == 429)
    assert set(statuses) == {200, 429}
    assert told.code == "queue_full"
    assert int(told.headers["retry-after"]) >= 1
    assert server.metric("polyhead_refusals_total") == statuses.count(429)


def test_no_text_is_logged_unless_asked_for(serve_double: Serve) -> None:
    quiet, open_ = serve_double(), serve_double("--log-texts")
    for server in (quiet, open_):
        server.predict("a secret")
        server.ask("/v1/predict", {"texts": ["a secret"], "a secret": 1})
        server.ask("/v1/predict", {"texts": ["a secret"], "tasks": ["a secret"]})
        server.ask("/v1/predict", b'{"texts": ["a secret"')
        server.ask("/v1/predict", {"texts": ["a secret" * 1000]})
        server.wait_for("request", count=5)
    assert not any("secret" in line for line in quiet.lines)
    assert open_.logged("request")[0]["asked"] == ["a secret"]
    lines = [one for one in quiet.logged("request") if one["status"] == 422]
    assert {line["reason"] for line in lines} == {"invalid"}
    assert all(len(line["id"]) == 16 for line in lines)


def test_a_port_that_is_taken(serve: Serve) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = Server("model", command=("bash", "-c", f'exec "${{@:1:$#-1}}" {port}', "-", *DOUBLE))
        assert server.process.wait(30) == 2
        server._reader.join(5)
        said = "".join(server.lines)
    assert f"--port {port}: cannot listen there" in said
    assert "take another --port" in said
    assert "Traceback" not in said


def test_a_client_names_its_requests(serve_double: Serve) -> None:
    server = serve_double()
    body = json.dumps({"texts": ["a"]}).encode()
    assert server.ask("/v1/predict", body, headers={"x-request-id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("a b", "ü", "x" * 65, '"', ""):
        assert server.ask("/v1/predict", body, headers={"x-request-id": bad}).headers["x-request-id"] != bad
