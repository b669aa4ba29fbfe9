"""What no client library would send: each has its answer, and the server is well afterwards."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.live import DOUBLE, Server, eventually
from tests.serving.wire import Wire, exchange, post, predict, took

GET = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n\r\n"
LIMITS = {"header_seconds": 0.6, "body_seconds": 0.6, "stalled_seconds": 1.0, "idle_seconds": 3}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file for all texts that reach a batch."""
    return tmp_path_factory.mktemp("seen") / "texts"


@pytest.fixture(scope="module")
def server(seen: Path) -> Iterator[Server]:
    """A server of little patience whose answering process loads no model."""
    environment = {"DOUBLE_LIMITS": json.dumps(LIMITS), "DOUBLE_SEEN": str(seen)}
    with Server("model", "--max-body-bytes", "100000", command=DOUBLE, environment=environment) as server:
        yield server.ready()


@pytest.fixture
def port(server: Server) -> Iterator[int]:
    """Where it listens; whatever a test did there, the server must be well after it, and have no more files open."""
    eventually(lambda: server.open_files() <= server.__dict__.setdefault("files", server.open_files()))
    yield server.port
    eventually(lambda: server.predict("well").status == 200)  # 429 while what a test sent is still being answered
    assert server.ask("/v2/health/ready").json() == {"ready": True}
    eventually(lambda: server.metric("polyhead_in_flight_requests") == 0, seconds=10)
    eventually(lambda: server.open_files() <= server.files, seconds=10)
    assert not server.logged("fault"), server.logged("fault")
    assert not server.logged("library"), server.logged("library")
    assert all(line.startswith("{") for line in server.lines), "a line that is no JSON"


MALFORMED = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50,
    "both lengths": post(b'{"texts":["a"]}', b"transfer-encoding: chunked"),
    "two lengths": post(b"{}", b"content-length: 3"),
    "a negative length": post(b"", b"content-length: -1", length=False),
    "a length that is no number": post(b"", b"content-length: 1e3", length=False),
    "a length beyond all": post(b"", b"content-length: 99999999999999999999999", length=False),
    "a chunk's bad length": post(b"zz\r\n{}\r\n0\r\n\r\n", b"transfer-encoding: chunked", length=False),
    "a chunk longer than it says": post(b"1\r\n{}\r\n0\r\n\r\n", b"transfer-encoding: chunked", length=False),
    "an unknown method": GET.replace(b"GET", b"GRAB"),
    "another version": GET.replace(b"1.1", b"9.9"),
    "a blank in a name": GET.replace(b"host", b"ho st"),
    "no name": GET.replace(b"host", b""),
    "NUL in a field": GET.replace(b": a", b": a\0b"),
    "a folded field": GET.replace(b": a", b": a\r\n b"),
    "bytes in a path": GET.replace(b"/v2", b"/\xff\xfe"),
    "a blank in a path": GET.replace(b"/v2", b"/v 2"),
    "CONNECT": b"CONNECT example.org:443 HTTP/1.1\r\nhost: a\r\n\r\n",
    "another coding": post(b'{"texts":["a"]}', b"transfer-encoding: gzip", length=False),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "half a head, then the end": b"GET / HTTP/1.1\r\nhost",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_http_is_400(name: str, port: int) -> None:
    with Wire(port) as wire:
        wire.send(MALFORMED[name])
        if "end" in name:
            wire.end()
        answer = wire.read()
        assert (answer.status, answer.code) == (400, "malformed")
        assert answer.headers["x-request-id"] == answer.json()["error"]["request_id"]
        assert wire.closed()


BODIES = {
    "no JSON": b"{",
    "nothing": b"",
    "no object": b"[]",
    "null": b"null",
    "invalid UTF-8": b'{"texts":["\xff"]}',
    "an overlong NUL": b'{"texts":["\xc0\x80"]}',
    "half a pair, as bytes": b'{"texts":["\xed\xa0\x80"]}',
    "half a pair, escaped": b'{"texts":["\\ud800"]}',
    "the other half": b'{"texts":["a","\\udc00 b"]}',
    "UTF-16": '{"texts":["a"]}'.encode("utf-16"),
    "a mark at the beginning": b'\xef\xbb\xbf{"texts":["a"]}',
    "NUL as a byte": b'{"texts":["\0"]}',
    "nesting": b'{"texts":' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    "objects in objects": b'{"a":' * 15_000 + b"1" + b"}" * 15_000,
    "a number of many digits": b'{"texts":["a"],"min_confidence":' + b"9" * 50_000 + b"}",
    "a number beyond all": b'{"texts":["a"],"min_confidence":1e999}',
    "no number": b'{"texts":["a"],"min_confidence":NaN}',
    "a key twice": b'{"texts":["a"],"texts":["b"]}',
    "many keys": b"{" + b",".join(b'"%d":1' % at for at in range(8000)) + b"}",
    "many keys, one twice": b"{" + b",".join(b'"%d":1' % at for at in range(8000)) + b',"0":1}',
    "many wrong texts": b'{"texts":[' + b"1," * 40_000 + b"1]}",
    "a string": b'{"texts":"a"}',
    "a prototype": b'{"texts":["a"],"__proto__":{}}',
    "behind the end": b'{"texts":["a"]} x',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_none_is_422(name: str, port: int) -> None:
    start = time.monotonic()
    answer = exchange(port, post(BODIES[name]))
    assert (answer.status, answer.code) == (422, "invalid"), answer
    assert took(start) < 2
    assert len(answer.body) < 500


@pytest.mark.parametrize("text", ["\0", "a\0b", "\U0001f600", "\ufeff", "\u202e", "</script>", "\x1b[2J", "\r\n"])
def test_odd_texts_come_back_as_they_were(text: str, port: int) -> None:
    (result,) = exchange(port, predict(text)).json()["results"]
    assert result["text"] == text


def test_a_head_that_dribbles_is_408_though_others_are_answered(port: int, server: Server) -> None:
    wires = [Wire(port) for _ in range(50)]
    start = time.monotonic()
    head = b"GET /v2/health/live HTTP/1.1\r\nhost: a\r\n" + b"x: y\r\n" * 1000
    while took(start) < LIMITS["header_seconds"] + 0.3:
        for at, wire in enumerate(wires):
            wire.send_while_it_may(head[:1] if at % 2 else b"x")
        head = head[1:]
        eventually(lambda: server.predict("meanwhile").status == 200)
    statuses = {wire.read().status for wire in wires}
    assert statuses <= {408, 400}, "the second is for an `xxx…` that is no method"
    assert statuses >= {408}
    assert took(start) < 10


def test_the_head_of_a_second_request_has_no_longer(port: int) -> None:
    with Wire(port) as wire:
        assert wire.send(GET).read().status == 200
        time.sleep(LIMITS["header_seconds"] + 0.3)  # between requests there is more time
        assert wire.send(GET).read().status == 200
        answer = wire.send(GET[:20]).read()
        assert (answer.status, answer.code) == (408, "head_too_slow")


def test_a_connection_without_a_byte_is_closed_without_a_word(port: int) -> None:
    with Wire(port) as wire:
        assert wire.closed(5)
    with Wire(port) as wire:
        wire.send(GET).read()
        assert wire.closed(LIMITS["idle_seconds"] + 5)


def test_a_body_that_dribbles_is_408(port: int) -> None:
    with Wire(port) as wire:
        start = time.monotonic()
        wire.send(post(b"x" * 1000)[:-990])
        for _ in range(9):
            time.sleep(0.1)
            wire.send_while_it_may(b"x")
        answer = wire.read()
        assert (answer.status, answer.code) == (408, "body_too_slow")
        assert answer.headers["connection"] == "close"
        assert took(start) < 5
        assert wire.closed()


@pytest.mark.parametrize("path", [b"/v2/health/live", b"/nothing", b"/v1/reload"])
def test_a_body_that_nobody_reads_keeps_no_connection_open(path: bytes, port: int) -> None:
    with Wire(port) as wire:
        assert wire.send(b"GET %b HTTP/1.1\r\nhost: a\r\ncontent-length: 100000000\r\n\r\n" % path).read().status < 500
        start = time.monotonic()
        while took(start) < 10:
            try:
                wire.socket.sendall(b"x" * 10_000)
            except OSError:
                break
            time.sleep(0.02)
        assert took(start) < 6


def test_what_is_too_large_is_413_and_the_client_can_read_it(port: int) -> None:
    start = time.monotonic()
    told = exchange(port, post(b"", b"content-length: 100001", length=False))
    assert (told.status, told.code) == (413, "body_too_large")
    assert took(start) < 1, "nothing of the body was needed for that"
    sent = exchange(port, post(b"x" * 20_000_000))
    assert (sent.status, sent.code) == (413, "body_too_large")
    chunks = (b"2710\r\n" + b"x" * 10_000 + b"\r\n") * 11
    chunked = exchange(port, post(chunks + b"0\r\n\r\n", b"transfer-encoding: chunked", length=False))
    assert (chunked.status, chunked.code) == (413, "body_too_large")
    endless = exchange(port, post(chunks * 100, b"transfer-encoding: chunked", length=False))
    assert (endless.status, endless.code) == (413, "body_too_large")


def test_a_client_that_asks_first_need_not_send_what_is_too_large(port: int) -> None:
    with Wire(port) as wire:
        wire.send(post(b"", b"content-length: 200000", b"expect: 100-continue", length=False))
        assert wire.read().status == 413
    with Wire(port) as wire:
        body = b'{"texts":["a"]}'
        wire.send(post(b"", b"content-length: %d" % len(body), b"expect: 100-continue", length=False))
        assert wire.socket.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert wire.send(body).read().status == 200


def test_chunks_are_taken(port: int) -> None:
    body = b'{"texts":["' + "Zoë".encode() + b'"]}'
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    answer = exchange(port, post(chunks, b"transfer-encoding: chunked", length=False))
    assert answer.json()["results"][0]["text"] == "Zoë"


def test_a_head_that_is_too_large_is_431(port: int) -> None:
    for head in (
        GET[:-2] + b"x: " + b"a" * 40_000 + b"\r\n\r\n",
        GET[:-2] + b"x: a\r\n" * 8000 + b"\r\n",
        GET.replace(b"/live", b"/" + b"a" * 40_000),
        GET[:-2] + b"x: " + b"a" * 1_000_000,
        b"a" * 100 + b"/" * 40_000,
    ):
        answer = exchange(port, head)
        assert (answer.status, answer.code) in ((431, "head_too_large"), (400, "malformed"))
        assert answer.status == 431 or not head.startswith(b"GET")


def test_half_closed_clients_have_an_answer(port: int) -> None:
    with Wire(port) as wire:  # what needs no model is answered
        assert wire.send(GET).end().read().status == 200
        assert wire.closed()
    with Wire(port) as wire:  # texts are not run for a client that has left, as far as one can see
        wire.send(predict("slow"))
        time.sleep(0.05)
        answer = wire.end().read()
        assert (answer.status, answer.code) == (400, "client_gone")
        assert wire.closed()
    with Wire(port) as wire:
        answer = wire.send(post(b"x" * 1000)[:-990]).end().read()
        assert (answer.status, answer.code) == (400, "malformed")
    with Wire(port) as wire:
        assert wire.end().closed()


def test_a_client_that_leaves_is_dropped_before_its_text_is_run(port: int, server: Server, seen: Path) -> None:
    before = server.metric("polyhead_clients_gone_total")
    busy = []
    for at in range(2):  # as many batches as are under way at a time
        busy.append(Wire(port).send(predict("slow", f"busy {at}")))
        time.sleep(0.03)
    gone = [Wire(port).send(predict(f"gone {at}")) for at in range(20)]
    time.sleep(0.05)
    for at, wire in enumerate(gone):
        if at % 2:
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        wire.socket.close()
    for wire in busy:
        assert wire.read().status == 200
    eventually(lambda: server.metric("polyhead_clients_gone_total") >= before + 20, seconds=10)
    assert not any(line.startswith("gone") for line in seen.read_text().splitlines())
    assert server.metric("polyhead_queue_tokens") == 0
    for wire in busy:
        wire.socket.close()


def test_requests_in_one_go_are_answered_in_order(port: int) -> None:
    with Wire(port) as wire:
        wire.send(b"".join(predict("slow" if at == 0 else f"text {at}") for at in range(20)))
        texts = [wire.read().json()["results"][0]["text"] for _ in range(20)]
        assert texts == ["slow", *(f"text {at}" for at in range(1, 20))]
    with Wire(port) as wire:
        answers = wire.send_while_it_may(predict("slow") + GET * 5000).read()
        assert (answers.status, answers.code) == (400, "malformed")


def test_what_is_smuggled_behind_a_body_is_a_request_of_its_own(port: int) -> None:
    with Wire(port) as wire:
        wire.send(post(b'{"texts":["a"]}') + b"GET /nothing HTTP/1.1\r\nhost: a\r\n\r\n")
        assert [wire.read().status for _ in range(2)] == [200, 404]


def test_older_and_other_ways_of_asking(port: int) -> None:
    with Wire(port) as wire:
        assert wire.send(b"GET /v2/health/live HTTP/1.0\r\n\r\n").read().status == 200
        assert wire.closed()
    assert exchange(port, b"GET /v2/health/live\r\n\r\n").status == 200
    upgrade = b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: eA==\r\nsec-websocket-version: 13\r\n"
    with Wire(port) as wire:
        for _ in range(2):  # neither ends the connection, nor costs the body
            assert wire.send(GET[:-2] + upgrade + b"\r\n").read().status == 200
            asked = post(b'{"texts":["a"]}', *upgrade.split(b"\r\n")[:-1])
            wire.send(asked[:-5])
            time.sleep(0.05)
            assert wire.send(asked[-5:]).read().status == 200
    assert exchange(port, GET.replace(b"/v2", b"http://a/v2")).status == 200
    assert exchange(port, GET.replace(b"/v2", b"/%76%32")).status == 200
    assert exchange(port, GET.replace(b"/v2", b"/v2/../v2")).status == 404
    assert exchange(port, GET.replace(b"/v2/health", b"//v2/health")).status == 404
    assert exchange(port, GET.replace(b"live", b"live/")).status == 404
    assert exchange(port, GET.replace(b"live", b"live?x=%00&y")).status == 200
    assert exchange(port, GET.replace(b"live", b"live%00")).status == 404
    for method in (b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"PATCH", b"POST"):
        answer = exchange(port, GET.replace(b"GET", method))
        assert (answer.status, answer.code, answer.headers["allow"]) == (405, "method_not_allowed", "GET")
    with Wire(port) as wire:
        wire.send(GET.replace(b"GET", b"HEAD"))
        head = wire.socket.recv(4096)
        assert head.startswith(b"HTTP/1.1 405 ")
        assert head.endswith(b"\r\n\r\n")
    with Wire(port) as wire:
        assert exchange(port, b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").status in (400, 404, 405)
        assert wire.send(b"\r\n\r\n" + GET).read().status == 200, "blank lines before a request"


def test_a_reader_that_takes_nothing_is_cut_off(port: int, server: Server) -> None:
    wires = []
    for _ in range(5):
        wire = Wire(port)
        wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        wire.socket.settimeout(0.2)
        wire.send_while_it_may(predict("a" * 900, *["a" * 300] * 255) * 60)
        wires.append(wire)
    assert server.predict("meanwhile").status == 200
    eventually(lambda: server.open_files() <= server.files, seconds=15)
    for wire in wires:
        wire.socket.close()


def test_two_thousand_idle_connections(port: int, server: Server) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 3000)), hard))
    wires = []
    try:
        for at in range(2000):
            wires.append(Wire(port))
            if at % 100 == 0:
                assert server.predict(f"among {at}").status == 200
        start = time.monotonic()
        assert server.predict("among all").status == 200
        assert took(start) < 2
    finally:
        for wire in wires:
            wire.socket.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_more_connections_than_there_may_be_are_503() -> None:
    limits = {"DOUBLE_LIMITS": json.dumps({"connections": 20})}
    with Server("model", command=DOUBLE, environment=limits) as server:
        server.ready()
        wires = [Wire(server.port).send(GET) for _ in range(20)]
        assert [wire.read().status for wire in wires] == [200] * 20
        with Wire(server.port) as one_more:
            answer = one_more.read()
            assert (answer.status, answer.code) == (503, "too_many_connections")
            assert answer.headers["retry-after"] == "1"
        wires[0].socket.close()
        time.sleep(0.2)
        assert exchange(server.port, GET).status == 200
        for wire in wires:
            wire.socket.close()


def test_few_files_are_as_many_connections() -> None:
    command = ["bash", "-c", 'ulimit -n 200; exec "$@"', "-", sys.executable, "-m", "tests.serving.serve_double"]
    with Server("model", command=command) as server:
        server.ready()
        assert server.wait_for("fewer_connections")["connections"] == 200 - 128
        wires = [Wire(server.port) for _ in range(110)]
        with Wire(server.port) as one_more:
            assert one_more.read().status == 503
        for wire in wires:
            wire.socket.close()
        eventually(lambda: server.open_files() < 60)
        assert server.predict("well").status == 200
