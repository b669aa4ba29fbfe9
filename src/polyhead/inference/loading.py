"""A path to a bundle and what runs it.

What needs torch stands below this module and is reached by name only, when it is wanted: importing `polyhead`, and
predicting with another runtime, must work where torch is not installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.batching import Batch
from polyhead.bundle import Bundle, locate, read_folder
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.inference.candidates import AUTO, TORCH, Candidate, candidates
from polyhead.inference.choosing import fastest
from polyhead.inference.runtime import Purpose, Runtime

_SINGLE_FILE = "polyhead.model.single_file:read_single_file"
_TORCH = "polyhead.model.runtime:TorchRuntime.of_bundle"

Say = Callable[[str], None]


def open_model(path: str | Path) -> Bundle:
    """Open what a user names as MODEL: a bundle, the output folder of a run, or a ``.pt`` file.

    Raises:
        BundleError: If there is no such model, or it is damaged or unsafe.
        MissingExtraError: If it is a ``.pt`` file and torch is not installed.
    """
    found = locate(path)
    if found.is_dir():
        return read_folder(found)
    bundle: Bundle = _by_name(_SINGLE_FILE, "reading a .pt file")(found)
    return bundle


def load_runtimes(
    bundle: Bundle, *, runtime: str = AUTO, precision: str | None = None, say: Say | None = None
) -> tuple[Runtime, Runtime]:
    """Find what runs a model: for many texts, and for one.

    Args:
        bundle: The model.
        runtime: ``auto``, ``onnxruntime``, ``openvino`` or ``torch``. ``auto`` takes torch for a model that was not
            exported, and what is fastest here for one that was.
        precision: Of an exported model: fp32, bf16 or int8; any that it passed the checks in where not given.
        say: Hears of what takes a moment.

    Raises:
        SettingsError: If there is no such runtime or precision, or the model was not exported for it.
        MissingExtraError: If the runtime is not installed.
        BundleError: If the weights or graphs do not fit the model, or were exported and torch is asked for.
    """
    if runtime == TORCH or (runtime == AUTO and bundle.exported is None):
        if precision not in (None, "fp32"):
            raise SettingsError(f"--precision: torch runs a model in fp32, found {precision!r}; export it for others")
        loaded: Runtime = _by_name(_TORCH, "running a bundle's weights")(bundle)
        return loaded, loaded
    ways = candidates(bundle, runtime=runtime, precision=precision)
    many, one = (Later(bundle, ways, purpose, say) for purpose in ("throughput", "latency"))
    return many, one


class Later:
    """A runtime that is chosen and loaded when it first runs something: who asks one text needs none for many.

    Args:
        bundle: The model.
        ways: The ways to run it.
        purpose: What for.
        say: Hears of what takes a moment.
    """

    def __init__(self, bundle: Bundle, ways: list[Candidate], purpose: Purpose, say: Say | None) -> None:
        self._bundle, self._ways, self._purpose, self._say = bundle, ways, purpose, say
        self._loaded: Runtime | None = None
        self._chosen: Candidate | None = None
        self.tables: Mapping[str, NDArray[np.float32]] = bundle.tables

    def choose(self) -> Candidate:
        """Find the fastest way."""
        if self._chosen is None:
            self._chosen = fastest(self._bundle, self._ways, self._purpose, say=self._say)
        return self._chosen

    def way(self) -> tuple[str, str]:
        """Return what runs the model, and in which precision."""
        chosen = self.choose()
        return chosen.runtime, chosen.precision

    def load(self) -> Runtime:
        """Choose and load."""
        if self._loaded is None:
            self._loaded = self.choose().open(self._bundle, self._purpose)
        return self._loaded

    @property
    def parallel(self) -> int:
        """How many batches are best run at once."""
        return self.load().parallel

    def run(self, batch: Batch) -> dict[str, NDArray[np.float32]]:
        """Return the logits of every task."""
        return self.load().run(batch)


def _by_name(name: str, what: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        if error.name and error.name.startswith("polyhead"):
            raise
        raise MissingExtraError(what, "train") from error
    for part in path.split("."):
        found = getattr(found, part)
    return found
