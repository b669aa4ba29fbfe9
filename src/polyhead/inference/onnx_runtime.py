"""Runs a graph with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.bundle import Bundle, Graph
from polyhead.bundle.exported import Precision
from polyhead.errors import BundleError
from polyhead.inference.graphs import Ports, check_ports
from polyhead.inference.runtime import Purpose
from polyhead.machine import cores
from polyhead.telemetry import no_telemetry

with no_telemetry():
    import onnxruntime

_ERRORS_ONLY = 3


class OnnxRuntime:
    """Runs a graph with ONNX Runtime on the processor.

    Its own pool of threads would be as large as the host, whatever this process may use: the cores are counted here.
    For throughput each batch runs in the thread that gives it, several side by side, and no two threads wait for each
    other inside a batch.

    Args:
        bundle: The model.
        graph: Which of its graphs.
        precision: Not looked at: it is that of the graph.
        purpose: What to set up for.
    """

    def __init__(self, bundle: Bundle, graph: Graph, precision: Precision, purpose: Purpose) -> None:  # noqa: ARG002
        assert bundle.path is not None and bundle.exported is not None  # noqa: S101, PT018
        options = onnxruntime.SessionOptions()
        many = purpose == "throughput"
        options.intra_op_num_threads = 1 if many else cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        path = bundle.path / graph.file
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library has no tree of errors
            raise BundleError(f"{path}: ONNX Runtime cannot open it: {str(error)[:500]}") from error
        self._ports = Ports.of(bundle.exported, bundle.tasks)
        check_ports(
            graph, bundle, inputs=_shapes(self._session.get_inputs()), outputs=_shapes(self._session.get_outputs())
        )
        self._names = list(self._ports.outputs.values())
        self.tables: Mapping[str, NDArray[np.float32]] = bundle.tables
        self.parallel = cores() if many else 0

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task."""
        found = self._session.run(self._names, self._ports.feeds(batch))
        return dict(zip(self._ports.outputs, found, strict=True))


def _shapes(nodes: list[onnxruntime.NodeArg]) -> dict[str, list[int | None]]:
    return {node.name: [side if isinstance(side, int) else None for side in node.shape] for node in nodes}
