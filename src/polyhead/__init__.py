"""polyhead: one encoder, many heads.

    train("train.json")            JSON with labels and tags → a folder of bundles
    evaluate("saved_model", data)  honest scores on annotated records
    Predictor.load("saved_model")  every task's answer from one pass over the text

A record goes this way: file → `Record` → pieces → encoder → one head a task → `Result`. Importing this package loads
neither torch nor transformers; what needs them is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from polyhead.checking import check
    from polyhead.client import AsyncClient, Client
    from polyhead.converting import convert
    from polyhead.errors import PolyheadError
    from polyhead.evaluation import calibrate, compare, evaluate
    from polyhead.inference import Predictor, Result
    from polyhead.records import Record, Span, Spans
    from polyhead.settings import RunSettings
    from polyhead.splitting import split
    from polyhead.studies import find_issues, learning_curve, study, tune
    from polyhead.training import TrainedRun, add_head, remove_head, train

__all__ = [
    "AsyncClient",
    "Client",
    "PolyheadError",
    "Predictor",
    "Record",
    "Result",
    "RunSettings",
    "Span",
    "Spans",
    "TrainedRun",
    "__version__",
    "add_head",
    "calibrate",
    "check",
    "compare",
    "convert",
    "evaluate",
    "find_issues",
    "learning_curve",
    "remove_head",
    "split",
    "study",
    "train",
    "tune",
]

_HOMES = {
    "AsyncClient": "client",
    "Client": "client",
    "PolyheadError": "errors",
    "Predictor": "inference",
    "Record": "records",
    "Result": "inference",
    "RunSettings": "settings",
    "Span": "records",
    "Spans": "records",
    "TrainedRun": "training",
    "add_head": "training",
    "calibrate": "evaluation",
    "check": "checking",
    "compare": "evaluation",
    "convert": "converting",
    "evaluate": "evaluation",
    "find_issues": "studies",
    "learning_curve": "studies",
    "remove_head": "training",
    "split": "splitting",
    "study": "studies",
    "train": "training",
    "tune": "studies",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'polyhead' has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"polyhead.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
