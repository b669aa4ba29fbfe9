"""Runs a graph with OpenVINO."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.bundle import Bundle, Graph
from polyhead.bundle.exported import Precision
from polyhead.errors import BundleError, SettingsError
from polyhead.inference.graphs import Ports, check_ports
from polyhead.inference.runtime import Purpose
from polyhead.inference.shapes import rounded
from polyhead.machine import cores
from polyhead.telemetry import no_telemetry

with no_telemetry():
    import openvino

_FIRST = threading.Lock()
"""Held while a model runs for the first time. The library makes things of its own then, for which every thread waits,
one with Python's lock in hand that their maker needs: two threads that begin at once would wait for ever."""
_TYPES = {"fp32": "f32", "bf16": "bf16"}


class OpenVinoRuntime:
    """Runs a graph with OpenVINO on the processor.

    It makes products for each shape of a batch when it first meets it, for a quarter of the batch's time, and keeps
    them: so batches are given few shapes (`polyhead.inference.shapes`), or memory would grow with each new one.

    For throughput there are as many streams as cores, each a core of its own, and a batch runs in one of them. Twice as
    many batches are given at once: the next stands ready while the thread that gave one waits for Python's lock.

    Args:
        bundle: The model.
        graph: Which of its graphs.
        precision: fp32, or bf16, where the processor has it.
        purpose: What to set up for.

    Raises:
        BundleError: If OpenVINO cannot open the graph, or it is not of the model's tasks.
        SettingsError: If bf16 is asked for where the processor does not have it.
    """

    def __init__(self, bundle: Bundle, graph: Graph, precision: Precision, purpose: Purpose) -> None:
        assert bundle.path is not None and bundle.exported is not None  # noqa: S101, PT018
        core, many, path = _core(), purpose == "throughput", bundle.path / graph.file
        if precision == "bf16" and not has_bf16():
            raise SettingsError("precision bf16: this processor does not have it; take fp32 or int8")
        wanted = {
            "INFERENCE_PRECISION_HINT": _TYPES[precision],
            "INFERENCE_NUM_THREADS": cores(),
            "NUM_STREAMS": cores() if many else 1,
            "ENABLE_CPU_PINNING": False,  # cores may be others' too: the system knows better which is free
        }
        try:
            self._model: Any = core.compile_model(core.read_model(str(path)), "CPU", wanted)
        except RuntimeError as error:
            raise BundleError(f"{path}: OpenVINO cannot open it: {str(error)[:500]}") from error
        self._ports = Ports.of(bundle.exported, bundle.tasks)
        check_ports(graph, bundle, inputs=_shapes(self._model.inputs), outputs=_shapes(self._model.outputs))
        self.tables: Mapping[str, NDArray[np.float32]] = bundle.tables
        self._pad_id, self._longest = bundle.about.encoding.pad_id, bundle.about.encoding.max_pieces
        self._of_units = {task.name: task.head().of_units for task in bundle.tasks}
        self.parallel = 2 * cores() if many else 0
        self._own = threading.local()  # a request is one thread's
        with _FIRST:
            self.run(Batch(np.zeros((1, 2), dtype=np.int64), np.ones((1, 2), dtype=np.int64)))

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task."""
        if (request := getattr(self._own, "request", None)) is None:
            request = self._own.request = self._model.create_infer_request()
        given = rounded(batch, pad_id=self._pad_id, longest=self._longest)
        found = request.infer(self._ports.feeds(given), share_inputs=True, share_outputs=True)
        rows, length = batch.ids.shape
        part = {True: np.s_[:rows, :length], False: np.s_[:rows]}
        # What is shared is overwritten by the next batch.
        return {
            task: np.array(found[name][part[self._of_units[task]]], dtype=np.float32)
            for task, name in self._ports.outputs.items()
        }


@cache
def _core() -> Any:
    """Return the library, loaded once and for as long as the process lives.

    Its part for processors gives the thread that loads it a stack for signals, and frees that when it is unloaded, from
    whatever thread that happens in: then the next signal that the first one hears ends the process.
    """
    return openvino.Core()


def has_bf16() -> bool:
    """Whether the processor computes in bf16, and OpenVINO knows it."""
    return "BF16" in _core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _shapes(ports: Any) -> dict[str, list[int | None]]:
    return {
        port.get_any_name(): [side.get_length() if side.is_static else None for side in port.get_partial_shape()]
        for port in ports
    }
