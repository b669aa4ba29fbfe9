"""A path to a bundle and what runs it.

What needs torch stands below this module and is reached by name only, when it is wanted: importing `polyhead`, and
predicting with another runtime, must work where torch is not installed.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from polyhead.bundle import Bundle, locate, read_folder
from polyhead.errors import MissingExtraError
from polyhead.inference.runtime import Runtime

_SINGLE_FILE = "polyhead.model.single_file:read_single_file"
_TORCH = "polyhead.model.runtime:TorchRuntime.of_bundle"


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


def load_runtime(bundle: Bundle) -> Runtime:
    """Load a bundle's weights into what runs them."""
    runtime: Runtime = _by_name(_TORCH, "running a bundle's weights")(bundle)
    return runtime


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
