"""What a server counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TOKENS = (16, 64, 256, 512, 1024, 2048, 4096, 8192, 16384)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counters of a server."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        ProcessCollector(registry=own)
        self.requests = Counter("polyhead_requests", "Requests answered.", ("path", "status"), registry=own)
        self.refusals = Counter(
            "polyhead_refusals", "Requests refused, by the code of the error.", ("reason",), registry=own
        )
        self.seconds = Histogram(
            "polyhead_request_seconds",
            "Time from a request's head to its answer, of POST /v1/predict with status 200.",
            registry=own,
            buckets=_SECONDS,
        )
        self.waited = Histogram(
            "polyhead_wait_seconds", "Time that a request waited for a batch.", registry=own, buckets=_SECONDS
        )
        self.batch_seconds = Histogram("polyhead_batch_seconds", "Time a batch took.", registry=own, buckets=_SECONDS)
        self.batch_tokens = Histogram("polyhead_batch_tokens", "Tokens in a batch.", registry=own, buckets=_TOKENS)
        self.batch_texts = Histogram("polyhead_batch_texts", "Texts in a batch.", registry=own, buckets=_TEXTS)
        self.texts = Counter("polyhead_texts", "Texts answered.", registry=own)
        self.truncated = Counter(
            "polyhead_truncated_texts", "Texts that were cut because they were too long.", registry=own
        )
        self.gone = Counter("polyhead_clients_gone", "Requests whose client left before the answer.", registry=own)
        self.restarts = Counter(
            "polyhead_process_restarts", "Answering processes that ended by themselves.", registry=own
        )
        self.reloads = Counter("polyhead_reloads", "Models loaded in place of another.", ("result",), registry=own)
        self.generation = Gauge(
            "polyhead_model_generation", "How many models were loaded, this one included.", registry=own
        )
        self._gauges = {
            name: Gauge(f"polyhead_{name}", meaning, registry=own)
            for name, meaning in (
                ("queue_requests", "Requests that wait for a batch."),
                ("queue_tokens", "Tokens that wait for a batch, as estimated from characters."),
                ("in_flight_requests", "Requests to POST /v1/predict that have no answer yet."),
                ("processes_ready", "Processes that answer texts."),
            )
        }

    def watch(self, name: str, value: Callable[[], float]) -> None:
        """Have a gauge ask for its value when it is read.

        Args:
            name: The gauge's, without ``polyhead_``.
            value: Gives it.
        """
        self._gauges[name].set_function(value)

    def text(self) -> bytes:
        """Return all of it as Prometheus reads it."""
        return generate_latest(self._registry)
