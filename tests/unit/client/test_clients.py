"""What both clients do, against a server that keeps to the contract."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import httpx
import pytest

from polyhead.client.retrying import Policy
from polyhead.errors import RequestRefusedError, ServerError, ServerUnavailableError, SettingsError
from tests.unit.client.fake_server import Awaited, Blocking, FakeServer, answer, away, busy, error, slow

Make = Callable[..., Any]


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture(params=[Blocking, Awaited])
def make(request: pytest.FixtureRequest, server: FakeServer) -> Make:
    return lambda **options: request.param(server, **options)


def requests(server: FakeServer, path: str = "/v1/predict") -> list[Any]:
    return [texts for _, seen, texts in server.seen if seen == path]


def test_answers_come_in_the_order_of_the_texts(make: Make, server: FakeServer) -> None:
    texts = [f"text {number}" for number in range(1000)]
    assert make(texts_per_request=7, concurrency=5).predict(texts) == [answer(text) for text in texts]
    assert sorted(chain.from_iterable(requests(server))) == sorted(texts)


def test_limits_are_asked_for_once_and_kept_to(make: Make, server: FakeServer) -> None:
    server.texts = 10
    client = make()
    for _ in range(2):
        client.predict(["text"] * 25)
    assert sorted(map(len, requests(server))) == [5, 5, 10, 10, 10, 10]
    assert len(requests(server, "/v1/model")) == 1


def test_no_request_is_larger_than_the_server_takes(make: Make, server: FakeServer) -> None:
    server.body_bytes = 400
    texts = ["wört" * 12, "x", 'quo"tes\\' * 8, *["a" * 90] * 9]
    assert make(concurrency=1).predict(texts, tasks=["length"]) == [answer(text) for text in texts]
    assert 2 < len(requests(server)) < len(texts)


def test_no_texts_no_request(make: Make, server: FakeServer) -> None:
    assert make().predict([]) == []
    assert server.seen == []


def test_pairs(make: Make, server: FakeServer) -> None:
    found = make().predict([("A man sleeps.", "Nobody is awake."), "one", ["a", "b"]])
    assert found == [answer(["A man sleeps.", "Nobody is awake."]), answer("one"), answer(["a", "b"])]
    assert requests(server) == [[["A man sleeps.", "Nobody is awake."], "one", ["a", "b"]]]


def test_what_is_asked_is_passed_on(make: Make, server: FakeServer) -> None:
    bodies = []
    server.pending.append(
        lambda request: bodies.append(json.loads(request.content)) or server.react(request, bodies[-1])
    )  # type: ignore[func-returns-value]
    make().predict(["a"], tasks=["ner", "intent"], min_confidence=0.5, truncate=True)
    assert bodies == [{"texts": ["a"], "tasks": ["ner", "intent"], "min_confidence": 0.5, "truncate": True}]


def test_best_classes_are_asked_for_where_they_are_wanted_and_not_otherwise(make: Make, server: FakeServer) -> None:
    """A server that does not know of them answers who does not want them."""
    bodies = []
    for _ in range(3):
        server.pending.append(
            lambda request: bodies.append(json.loads(request.content)) or server.react(request, bodies[-1])  # type: ignore[func-returns-value]
        )
    client = make()
    client.predict(["a"], top_k=3)
    list(client.stream(["a"], top_k=1))
    client.predict(["a"])
    assert [body.get("top_k", "none") for body in bodies] == [3, 1, "none"]


@pytest.mark.parametrize("top_k", [0, -1, True, 2.5, "3"])
def test_a_number_of_classes_that_is_none_is_refused(make: Make, server: FakeServer, top_k: object) -> None:
    with pytest.raises(SettingsError, match="top_k: must be a whole number of at least 1, found"):
        make().predict(["a"], top_k=top_k)
    assert server.seen == []


def test_more_classes_than_a_server_takes_are_refused_by_name(make: Make, server: FakeServer) -> None:
    server.pending.append(error(422, "invalid", message="input should be less than or equal to 100", field="top_k"))
    with pytest.raises(RequestRefusedError, match="top_k: input should be less than or equal to 100") as caught:
        make().predict(["a"], top_k=101)
    assert caught.value.field == "top_k"


def test_a_text_that_was_cut_says_so(make: Make) -> None:
    assert [found["truncated"] for found in make().predict(["a" * 1001, "a"], truncate=True)] == [True, False]


def test_a_single_string_is_refused(make: Make, server: FakeServer) -> None:
    with pytest.raises(
        TypeError, match=r"texts must be a list of strings, found one string; write client.predict\(\[text\]\)"
    ):
        make().predict("text")
    with pytest.raises(TypeError, match="tasks must be a list of names"):
        make().predict(["text"], tasks="ner")
    assert server.seen == []


@pytest.mark.parametrize(
    ("text", "found"), [(1, "int"), (None, "NoneType"), (("a",), "1 of them"), (("a", 1), "2 of them")]
)
def test_what_is_no_text_is_named(make: Make, text: object, found: str) -> None:
    with pytest.raises(TypeError, match=rf"texts\[1\] must be a string, or two that are read together; found {found}"):
        make().predict(["a", text])


@pytest.mark.parametrize("text", ["ab\ud800", ("fine", "ab\udfff")])
def test_half_a_surrogate_pair_is_refused_here_and_named(make: Make, server: FakeServer, text: object) -> None:
    with pytest.raises(RequestRefusedError, match=r"texts\[70\]: is not valid Unicode: character 2 is half") as caught:
        make().predict(["a"] * 70 + [text, "b"])
    assert (caught.value.field, caught.value.status, caught.value.attempts) == ("texts[70]", None, ())
    assert sum(map(len, requests(server))) == 70


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan")])
def test_a_confidence_that_is_none_is_refused(make: Make, confidence: float) -> None:
    with pytest.raises(SettingsError, match="min_confidence: must lie between 0 and 1, found"):
        make().predict(["a"], min_confidence=confidence)


def test_a_busy_server_is_asked_again(make: Make, server: FakeServer) -> None:
    server.pending.extend([busy(), error(503, "draining"), away, lambda request: httpx.Response(502, text="<html>")])
    client = make()
    assert client.predict(["text"]) == [answer("text")]
    assert len(requests(server)) == 5
    assert all(0 <= wait <= most for wait, most in zip(client.waits, [0.25, 0.5, 1, 2], strict=True))


def test_never_before_the_server_wants_it(make: Make, server: FakeServer) -> None:
    server.pending.extend([busy(3), busy(2)])
    client = make()
    client.predict(["text"])
    assert 3 <= client.waits[0] <= 3.25
    assert 2 <= client.waits[1] <= 2.5


def test_it_gives_up_after_so_many_times(make: Make, server: FakeServer) -> None:
    server.pending.extend([busy(), away, busy(), *[busy()] * 9])
    with pytest.raises(ServerUnavailableError) as caught:
        make(retries=3).predict(["text"])
    assert len(requests(server)) == 4
    found = caught.value
    assert (found.status, found.code, found.request_id) == (429, "queue_full", "r-1")
    assert found.attempts == ("429 queue_full", "ConnectError: connection refused", *["429 queue_full"] * 2)
    assert "the server answered 429 queue_full: no; asked 4 times (429 queue_full x 3, ConnectError: connection" in str(
        found
    )
    assert "not again, for retries is 3" in str(found)


def test_it_gives_up_when_the_server_wants_more_time_than_there_is(make: Make, server: FakeServer) -> None:
    server.pending.extend([busy(4), busy(4), busy(4)])
    client = make(max_wait=10.0)
    with pytest.raises(
        ServerUnavailableError, match=r"max_wait is 10 s, .* of which are gone, and the server asks for 4 s more"
    ):
        client.predict(["text"])
    assert len(client.waits) == 2
    assert sum(client.waits) <= 10


def test_no_server_at_all(make: Make, server: FakeServer) -> None:
    server.pending.extend([away] * 2)
    with pytest.raises(
        ServerUnavailableError, match="no answer: ConnectError: connection refused; asked 2 times"
    ) as caught:
        make(retries=1).predict(["text"])
    assert (caught.value.status, caught.value.code) == (None, "no_connection")


@pytest.mark.parametrize(
    ("reaction", "sort", "code", "said"),
    [
        (error(401, "unauthorized"), RequestRefusedError, "unauthorized", "give the server's key as api_key"),
        (error(404, "not_found"), RequestRefusedError, "not_found", "address"),
        (error(408, "body_too_slow"), RequestRefusedError, "body_too_slow", "texts_per_request"),
        (error(500, "internal"), ServerError, "internal", "log"),
        (error(504, "deadline"), ServerUnavailableError, "deadline", "--deadline-seconds"),
        (slow, ServerUnavailableError, "too_slow", "raise timeout"),
        (lambda _: httpx.Response(418, text="teapot"), RequestRefusedError, "http_418", "'teapot'"),
        (
            lambda _: httpx.Response(307, headers={"location": "https://x"}),
            ServerError,
            "http_307",
            "sends us to 'https://x'",
        ),
        (lambda _: httpx.Response(200, text="hello"), ServerError, "bad_answer", "is no JSON: it begins with 'hello'"),
        (lambda _: httpx.Response(200, json=[1]), ServerError, "bad_answer", "is no JSON object"),
        (
            lambda _: httpx.Response(200, json={"results": []}),
            ServerError,
            "bad_answer",
            "a result for each of 1 texts",
        ),
        (lambda _: httpx.Response(422, json={"error": ["odd"]}), RequestRefusedError, "http_422", "odd"),
    ],
)
def test_what_asking_again_does_not_change_is_not_asked_again(
    make: Make, server: FakeServer, reaction: Any, sort: type[ServerError], code: str, said: str
) -> None:
    server.pending.append(reaction)
    client = make()
    with pytest.raises(ServerError) as caught:
        client.predict(["text"])
    assert type(caught.value) is sort
    assert caught.value.code == code
    assert said in str(caught.value)
    assert len(requests(server)) == 1
    assert client.waits == []


def test_a_refused_text_is_named_by_its_place_among_all(make: Make, server: FakeServer) -> None:
    texts = ["a"] * 130 + ["a" * 1001] + ["a"] * 70
    with pytest.raises(RequestRefusedError, match=r"texts\[130\] has 1001 characters, the limit is 1000") as caught:
        make().predict(texts)
    assert (caught.value.status, caught.value.field, caught.value.code) == (422, "texts[130]", "invalid")
    assert caught.value.request_id == "r-1"


def test_a_server_that_takes_fewer_texts_now_gets_fewer(make: Make, server: FakeServer) -> None:
    client = make()
    client.predict(["a"])
    server.texts = 5
    texts = [f"{number}" for number in range(100)]
    assert client.predict(texts) == [answer(text) for text in texts]
    assert list(map(len, requests(server))).count(5) == 19


def test_a_server_that_always_says_too_many_is_not_asked_for_ever(make: Make, server: FakeServer) -> None:
    server.pending.extend([error(422, "invalid", field="texts")] * 3)
    with pytest.raises(RequestRefusedError):
        make().predict(["a", "b"])
    assert len(requests(server)) == 1


def test_a_proxy_with_a_smaller_limit_gets_smaller_requests(make: Make, server: FakeServer) -> None:
    server.pending.extend([lambda request: httpx.Response(413, text="<html>")] * 3)
    texts = [f"{number}" for number in range(64)]
    assert make().predict(texts) == [answer(text) for text in texts]
    assert min(map(len, requests(server))) < 64


def test_a_text_too_large_by_itself_is_named(make: Make, server: FakeServer) -> None:
    server.body_bytes = 300
    with pytest.raises(RequestRefusedError, match=r"^texts\[1\]: the server answered 413 body_too_large") as caught:
        make().predict(["a", "b" * 300, "c"])
    assert caught.value.field == "texts[1]"


def test_limits_are_asked_for_again_when_another_model_answers(make: Make, server: FakeServer) -> None:
    client = make()
    client.predict(["a"])
    server.model, server.texts = "two", 3
    client.predict(["a"])
    client.predict(["a"] * 7)
    assert list(map(len, requests(server)))[-3:].count(3) == 2
    assert len(requests(server, "/v1/model")) == 2


def test_the_key(make: Make, server: FakeServer) -> None:
    server.key = "secret"
    assert make(api_key="secret").predict(["a"]) == [answer("a")]
    with pytest.raises(RequestRefusedError, match="401 unauthorized") as caught:
        make(api_key="wrong").predict(["a"])
    assert caught.value.status == 401
    assert "wrong" not in str(caught.value)


def test_reload(make: Make, server: FakeServer) -> None:
    with pytest.raises(RequestRefusedError, match=r"403 reload_needs_key.*--api-key-file"):
        make().reload()
    server.key = "secret"
    client = make(api_key="secret")
    client.predict(["a"])
    server.texts = 2
    assert client.reload()["limits"]["texts"] == 2
    client.predict(["a"] * 4)
    assert len(requests(server, "/v1/model")) == 1


def test_model(make: Make, server: FakeServer) -> None:
    assert make().model() == server.described()
    server.described = lambda: {"name": "other"}  # type: ignore[method-assign]
    with pytest.raises(ServerError, match="/v1/model has no limits that we know"):
        make().model()


class Health:
    def __init__(self, reaction: Any) -> None:
        self.reaction = reaction

    def __call__(self, request: httpx.Request) -> httpx.Response:
        return self.reaction(request)


@pytest.mark.parametrize("kind", [Blocking, Awaited])
@pytest.mark.parametrize("name", ["ready", "live"])
def test_health(kind: Any, name: str) -> None:
    assert getattr(kind(FakeServer()), name)() is True
    for reaction in (lambda _: httpx.Response(503, json={"ready": False}), away, slow):
        client = kind(Health(reaction))
        assert getattr(client, name)() is False
        assert client.waits == []
    with pytest.raises(ServerError, match="404"):
        getattr(kind(Health(error(404, "not_found"))), name)()


def test_a_stream_reads_no_more_than_it_must(make: Make, server: FakeServer) -> None:
    taken = 0

    def source() -> Iterator[str]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield str(number)

    stream = make(texts_per_request=10, concurrency=3).stream(source())
    assert taken == 0
    assert [next(stream) for _ in range(10)] == [answer(str(number)) for number in range(10)]
    assert taken <= 30
    stream.close()
    assert len(requests(server)) <= 3


def test_what_stands_before_a_line_that_cannot_be_read_is_answered(make: Make) -> None:
    def source() -> Iterator[str]:
        yield from ["a", "b", "c"]
        raise OSError("the disk is gone")

    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        found.extend([one["text"] for one in make(texts_per_request=2).stream(source())])
    stream = make(texts_per_request=2).stream(source())
    assert [next(stream)["text"] for _ in range(3)] == ["a", "b", "c"]
    with pytest.raises(OSError, match="the disk is gone"):
        next(stream)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"timeout": 0}, "timeout: must be more than 0 seconds"),
        ({"timeout": float("nan")}, "timeout: must be more than 0 seconds"),
        ({"concurrency": 0}, "concurrency: must be 1 or more"),
        ({"texts_per_request": 0}, "texts_per_request: must be 1 or more"),
        ({"retries": -1}, "retries: must be 0 or more"),
        ({"max_wait": float("inf")}, "max_wait: must be 0 or more seconds"),
        ({"api_key": "key\n"}, r"api_key: .*strip\(\)"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "schlüssel"}, "api_key: must be printable ASCII"),
    ],
)
def test_settings_that_cannot_be_are_refused(make: Make, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        make(**options)
    assert "schlüssel" not in str(caught.value)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "", "http://", "http://x:port", "http://me:secret@host"])
def test_addresses_that_are_none(url: str) -> None:
    from polyhead import AsyncClient, Client

    for client in (Client, AsyncClient):
        with pytest.raises(SettingsError, match="url: ") as caught:
            client(url)
        assert "secret" not in str(caught.value)


def test_a_path_that_leads_to_the_server_is_kept() -> None:
    from polyhead import Client

    seen = []
    transport = httpx.MockTransport(lambda request: seen.append(str(request.url)) or httpx.Response(200))  # type: ignore[func-returns-value]
    with Client("https://proxy.test/models/hotel", transport=transport) as client:
        assert client.live()
    assert seen == ["https://proxy.test/models/hotel/v2/health/live"]


def test_the_back_off_doubles_to_a_bound_and_uses_all_of_it() -> None:
    most = [Policy(draw=lambda: 1.0, max_wait=1e9, retries=99).wait(attempt=n, waited=0, asked=0) for n in range(1, 9)]
    assert most == [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert Policy(draw=lambda: 0.0).wait(attempt=5, waited=0, asked=0) == 0
