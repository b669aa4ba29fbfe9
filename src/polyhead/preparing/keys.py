"""What makes two preparations the same: data, settings, tokenizer, and the code that reads and encodes."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from polyhead.formats.hub import is_on_hub
from polyhead.settings import RunSettings
from polyhead.tasks.kinds import KINDS, known_kinds

_FORMAT = 1
"""Of the entries' files; another one where they are written otherwise."""
_CODE = (
    *("records.py", "notices.py", "labels/*.py", "formats/*.py", "encoding/*.py", "tasks/*.py", "batching/*.py"),
    *("settings/model.py", "preparing/*.py", "checking/duplicates.py", "splitting/texts.py", "training/reading.py"),
    *("training/holdout.py", "training/strata.py", "training/kept.py", "training/repeats.py"),
)
"""Where the code stands that records and rows depend on."""
_OF_NO_MATTER = {"metric", "score_weight", "patience"}
"""Settings of a task that change nothing of what is prepared."""


def records_key(settings: RunSettings, digests: Mapping[Path, str]) -> str:
    """Return the key of a run's records.

    Args:
        settings: All settings.
        digests: The SHA-256 of each data file.
    """
    sets = {
        name: {
            **own.model_dump(mode="json", exclude={"test"}),
            "digests": [digests[path] for path in (*own.train, *own.dev)],
        }
        for name, own in settings.data.all_sets().items()
    }
    return key_of(
        sets=list(sets.items()),
        tasks=[[name, task.model_dump(mode="json", exclude=_OF_NO_MATTER)] for name, task in settings.tasks.items()],
        outside=_outside([task.kind for task in settings.tasks.values()]),
        max_characters=settings.data.max_characters,
        seed=settings.training.seed,
        with_bare=bool(settings.teacher.models),
        versions=[metadata.version("numpy"), platform.python_version()],
        code=_code_digest(),
    )


def rows_key(records: str, *, tokenizer_json: str, encoding: Mapping[str, Any], weights: Sequence[float]) -> str:
    """Return the key of a run's rows.

    Args:
        records: The key of its records.
        tokenizer_json: The tokenizer.
        encoding: How texts become rows.
        weights: Of the data sets.
    """
    return key_of(
        records=records,
        tokenizer=hashlib.sha256(tokenizer_json.encode()).hexdigest(),
        encoding=dict(encoding),
        weights=list(weights),
        versions=[metadata.version("tokenizers")],
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content; of a folder, that of all files in it and their names.

    Of a data set on the Hub it is that of its name, as it was when it was read.
    """
    if is_on_hub(path):
        return hashlib.sha256(str(path).encode()).hexdigest()
    if path.is_dir():
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        names = (f"{file.relative_to(path).as_posix()}\0{file_digest(file)}\n" for file in inside)
        return hashlib.sha256("".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(**parts: Any) -> str:
    """Return the key of what depends on some parts, each of which JSON can hold, and on what is here."""
    text = json.dumps({"format": _FORMAT, "polyhead": metadata.version("polyhead"), **parts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _outside(kinds: Sequence[str]) -> list[list[str]]:
    """Return, for kinds of other packages, what their code is."""
    found = []
    for name in sorted(set(kinds) - KINDS.keys()):
        if kind := known_kinds().get(name):
            path = getattr(sys.modules.get(kind.__module__), "__file__", None)
            found.append([name, file_digest(Path(path)) if path else ""])
    return found


@cache
def _code_digest() -> str:
    """Return a digest of our own code: who changes it must not get what the code before made."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _CODE for path in root.glob(pattern)):
        digest.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return digest.hexdigest()
