"""What could run an exported model here: its graphs, in the precisions they passed, by the runtimes installed."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from importlib import metadata

from polyhead.bundle import Bundle, Graph
from polyhead.bundle.exported import PRECISIONS, Precision
from polyhead.errors import BundleError, MissingExtraError, SettingsError, name_the_known
from polyhead.inference.runtime import Purpose, Runtime

AUTO, TORCH = "auto", "torch"
_CLASSES = {
    "onnxruntime": "polyhead.inference.onnx_runtime:OnnxRuntime",
    "openvino": "polyhead.inference.openvino_runtime:OpenVinoRuntime",
}
RUNTIMES = (AUTO, *_CLASSES, TORCH)
_EXTRAS = {"openvino": "openvino"}
"""Those that are not part of the package's own requirements."""


@dataclass(frozen=True)
class Candidate:
    """A way to run a model.

    Attributes:
        runtime: What runs it.
        graph: What is run.
        precision: In which precision.
    """

    runtime: str
    graph: Graph
    precision: Precision

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"

    def open(self, bundle: Bundle, purpose: Purpose) -> Runtime:
        """Load the graph.

        Raises:
            BundleError: If it cannot be opened, or is not of the model's tasks.
            SettingsError: If this processor does not have the precision.
        """
        module, _, name = _CLASSES[self.runtime].partition(":")
        opened: Runtime = getattr(importlib.import_module(module), name)(bundle, self.graph, self.precision, purpose)
        return opened

    def version(self) -> str:
        """Return the version of the library that runs it, without loading it."""
        try:
            return metadata.version(self.runtime)
        except metadata.PackageNotFoundError:  # a build of another name
            return "unknown"


def candidates(bundle: Bundle, *, runtime: str = AUTO, precision: str | None = None) -> list[Candidate]:
    """Find the ways to run an exported model on this machine: those in which it was checked when it was exported.

    Args:
        bundle: The model.
        runtime: The one to take, or ``auto`` for all that are installed.
        precision: The one to take; all that the model passed the checks in where not given.

    Raises:
        SettingsError: If there is no such runtime or precision, or the model was not exported for it.
        MissingExtraError: If the runtime is not installed.
        BundleError: If the model was not exported.
    """
    if bundle.exported is None:
        raise BundleError(f"{bundle.path}: was not exported, so only torch runs it; `polyhead export` makes its graph")
    _check_names(runtime, precision)
    if runtime in _CLASSES and not is_installed(runtime):
        raise MissingExtraError(f"the runtime {runtime!r}", _EXTRAS.get(runtime, "train"))
    passed = [way for graph in bundle.exported.graphs for way in ways_of(graph)]
    asked = [one for one in passed if runtime in (AUTO, one.runtime) and precision in (None, one.precision)]
    if not asked:
        raise SettingsError(
            f"{bundle.path}: was not exported for {_said(runtime, precision)}; it was for: "
            f"{', '.join(map(str, passed)) or 'nothing'}. `polyhead export --precision` adds one"
        )
    found = [one for one in asked if is_installed(one.runtime)]
    if not found:
        wanted = asked[0].runtime
        raise MissingExtraError(f"this model runs with {wanted!r} alone, which", _EXTRAS.get(wanted, "train"))
    return found


def ways_of(graph: Graph) -> list[Candidate]:
    """Return the ways in which a graph may be run, installed or not."""
    return [
        Candidate(name, graph, own) for name, precisions in graph.runs.items() for own in precisions if name in _CLASSES
    ]


def _check_names(runtime: str, precision: str | None) -> None:
    if runtime not in RUNTIMES:
        raise SettingsError(f"--runtime: {runtime!r} is none; {name_the_known(runtime, RUNTIMES)}")
    if precision is not None and precision not in PRECISIONS:
        raise SettingsError(f"--precision: {precision!r} is none; {name_the_known(precision, PRECISIONS)}")


def is_installed(package: str) -> bool:
    """Whether a package, of a runtime say, is there."""
    return importlib.util.find_spec(package) is not None


def _said(runtime: str, precision: str | None) -> str:
    return " in ".join(part for part in ("" if runtime == AUTO else runtime, precision or "") if part)
