"""A server from its first socket to its last answer."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from polyhead.bundle import locate
from polyhead.errors import SettingsError
from polyhead.serving.app import create_app
from polyhead.serving.connection import Connection
from polyhead.serving.descriptors import room_for
from polyhead.serving.keys import Keys
from polyhead.serving.limits import ServerLimits
from polyhead.serving.logs import Log
from polyhead.serving.orders import Order
from polyhead.serving.refusals import Refusal
from polyhead.serving.service import Service

_BACKLOG = 2048
_LAST_WORDS_SECONDS = 1.0
"""Time in which connections are closed once nothing is in flight any more."""


@dataclass(frozen=True)
class ServerOptions:
    """How a model is served.

    Attributes:
        host: Where to listen; by default for this machine alone.
        port: At which port; 0: any that is free.
        runtime: What runs the model.
        precision: In which precision; the fastest where `None`.
        processes: How many processes answer, each with its share of the cores.
        api_key_file: File with the keys that open the API; it is open without one.
        examples: Texts that the page offers.
        limits: What is taken.
        log_requests: Whether each request has a line in the log.
        log_texts: Whether it has the texts.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    runtime: str = "auto"
    precision: str | None = None
    processes: int = 1
    api_key_file: Path | None = None
    examples: Sequence[str] = ()
    limits: ServerLimits = field(default_factory=ServerLimits)
    log_requests: bool = True
    log_texts: bool = False


def serve(model: str | Path, options: ServerOptions | None = None, *, log: Log | None = None) -> None:
    """Serve a model until SIGTERM or Ctrl-C.

    SIGTERM: the server is no longer ready, takes nothing more, finishes what is in flight, and returns. SIGHUP: the
    model is loaded anew from its place.

    Args:
        model: A bundle, an exported bundle, the output folder of a run, or a ``.pt`` file.
        options: How.
        log: Hears of what happens; lines of JSON on standard error where not given.

    Raises:
        PolyheadError: If the model cannot be used, there is no such key file, or the port is taken.
    """
    options = options or ServerOptions()
    keys = Keys() if options.api_key_file is None else Keys.read(options.api_key_file)
    locate(model)
    log = log or Log(requests=options.log_requests, texts=options.log_texts)
    log.take_over()
    options = replace(options, limits=_within_the_system(options.limits, log))
    order = Order(str(model), options.runtime, options.precision)
    with _listen(options.host, options.port) as listening:
        if not keys and not ip_address(listening.getsockname()[0].partition("%")[0]).is_loopback:
            log.event("open", level="warning", message="anyone who reaches this address may use it: no --api-key-file")
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_Running(order, options, keys, log).run(listening))


class _Running:
    """A server while it runs."""

    def __init__(self, order: Order, options: ServerOptions, keys: Keys, log: Log) -> None:
        self._options, self._log = options, log
        self._service = Service(
            order, limits=options.limits, processes=options.processes, examples=options.examples, log=log
        )
        app = create_app(self._service, keys)
        config = uvicorn.Config(
            app,
            http=Connection.of(options.limits, app.tell),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=int(options.limits.idle_seconds),
            timeout_graceful_shutdown=int(_LAST_WORDS_SECONDS),
        )
        self._server = uvicorn.Server(config)
        self._end, self._at_once = asyncio.Event(), asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, listening: socket.socket) -> None:
        """Load, serve, drain."""
        self._hear()
        host, port = listening.getsockname()[:2]
        self._log.event("listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}")
        # Not `serve`, which would take the signals, and end with theirs instead of with status 0.
        serving = asyncio.create_task(self._server._serve([listening]))
        loading = asyncio.create_task(self._service.load())
        ending = asyncio.create_task(self._end.wait())
        try:
            await asyncio.wait((loading, ending, serving), return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                self._log.event("ready")
            await asyncio.wait((ending, serving), return_when=asyncio.FIRST_COMPLETED)
            await self._drain()
        finally:
            self._server.should_exit = True
            ending.cancel()
            loading.cancel()
            await asyncio.gather(loading, ending, return_exceptions=True)
            await asyncio.gather(serving, self._service.close())

    async def _drain(self) -> None:
        seconds = self._options.limits.drain_seconds
        self._log.event("draining", in_flight=self._service.in_flight, seconds=seconds)
        left = await self._service.drain(seconds, self._at_once)
        self._log.event("ended", level="warning" if left else "info", without_answer=left)

    def _hear(self) -> None:
        """Take signals as what they ask for."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end.set)  # a second one changes nothing: both may be one wish
        loop.add_signal_handler(signal.SIGINT, self._interrupted)
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _interrupted(self) -> None:
        """Take Ctrl-C; a second one is from a person who will not wait."""
        if self._end.is_set():
            self._at_once.set()
        self._end.set()

    def _reload(self) -> None:
        async def reload() -> None:
            try:
                await self._service.reload()
            except Refusal as refusal:  # the log has it already where the model was at fault
                self._log.event("not_reloaded", level="warning", reason=refusal.reason.code)

        task = asyncio.create_task(reload())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _within_the_system(limits: ServerLimits, log: Log) -> ServerLimits:
    connections = room_for(limits.connections)
    if connections < limits.connections:
        log.event("fewer_connections", level="warning", connections=connections, wanted=limits.connections)
    return replace(limits, connections=connections)


def _listen(host: str, port: int) -> socket.socket:
    """Take the port, before anything else that takes time.

    Raises:
        SettingsError: If it cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        raise SettingsError(
            f"--host {host} --port {port}: cannot listen there: {error}; take another --port"
        ) from error
    listening.setblocking(False)
    return listening


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a faster loop, where it is installed."""
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
