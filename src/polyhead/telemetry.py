"""The runtimes tell their makers nothing of who uses them."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ONNX_RUNTIME = "ORT_DISABLE_TELEMETRY"
"""Read by ONNX Runtime when it is first imported, and never again. Without it, its wheels (1.29 and later) keep a
number of this machine in the user's cache, and send their maker events of the process and its models."""
_OPENVINO = "openvino_telemetry"
"""What OpenVINO sends an event with each time it is imported; where it cannot be imported, none is sent. It knows no
variable of the environment, only a file in the user's home, which is not ours to write."""
_LOCK = threading.RLock()
"""Two threads may import two runtimes at once; the first to end must not uncover for the other."""


@contextmanager
def no_telemetry() -> Iterator[None]:
    """Import ONNX Runtime and OpenVINO inside this, and they send nothing and leave nothing in the user's home.

    Who wants it otherwise sets ``ORT_DISABLE_TELEMETRY=0``, or imports ``openvino`` before this package.
    """
    os.environ.setdefault(_ONNX_RUNTIME, "1")
    with _LOCK:
        hides = _OPENVINO not in sys.modules
        if hides:
            sys.modules[_OPENVINO] = None  # type: ignore[assignment]  # so that an import of it fails
        try:
            yield
        finally:
            if hides:
                del sys.modules[_OPENVINO]
