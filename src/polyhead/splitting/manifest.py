"""`split.json`: what a split was made of, how, and what came of it, so that it can be made again and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from polyhead.errors import DataError
from polyhead.preparing.keys import file_digest
from polyhead.splitting.writing import MANIFEST
from polyhead.strict_json import JsonError, parse_json

FORMAT_VERSION = 1


def runs_of(lines: Sequence[int]) -> list[list[int]]:
    """Write rising numbers as few stretches ``[first, step, count]``."""
    runs: list[list[int]] = []
    for line in lines:
        if runs:
            first, step, count = runs[-1]
            if count == 1 or line == first + step * count:
                runs[-1] = [first, line - first if count == 1 else step, count + 1]
                continue
        runs.append([line, 1, 1])
    return runs


def lines_of(runs: Iterable[Sequence[int]]) -> list[int]:
    """Undo `runs_of`."""
    return [first + step * at for first, step, count in runs for at in range(count)]


def dump(manifest: Mapping[str, Any]) -> str:
    """Return a manifest as JSON, indented, but with lists of numbers on one line each."""
    return _written(manifest, "\n") + "\n"


def _written(value: Any, newline: str) -> str:
    inner = newline + "  "
    if isinstance(value, Mapping) and value:
        lines = (f"{json.dumps(key, ensure_ascii=False)}: {_written(own, inner)}" for key, own in value.items())
        return "{" + inner + f",{inner}".join(lines) + newline + "}"
    if isinstance(value, list) and any(isinstance(own, Mapping) for own in value):
        return "[" + inner + f",{inner}".join(_written(own, inner) for own in value) + newline + "]"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def verify(folder: Path) -> dict[str, Any]:
    """Say whether the parts of a split, and the files that it was made of, are still what they were.

    Args:
        folder: The split's folder.

    Returns:
        ``{"whole": bool, "outputs": {name: state}, "inputs": {path: state}}`` with the states ``as it was``,
        ``changed`` and ``missing``; ``whole`` is whether all outputs are as they were.

    Raises:
        DataError: If there is no manifest, or it cannot be read.
    """
    manifest = _read(folder / MANIFEST)
    try:
        outputs = {name: _state(folder / Path(name).name, own["sha256"]) for name, own in manifest["outputs"].items()}
        inputs = {own["path"]: _state(Path(own["path"]), own["sha256"]) for own in manifest["inputs"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{folder / MANIFEST}: is not the manifest of a split: {error!r}") from error
    return {"whole": all(state == _SAME for state in outputs.values()), "outputs": outputs, "inputs": inputs}


_SAME, _CHANGED, _MISSING = "as it was", "changed", "missing"


def _state(path: Path, wanted: str) -> str:
    if not path.is_file():
        return _MISSING
    return _SAME if file_digest(path) == wanted else _CHANGED


def _read(path: Path) -> Any:
    try:
        manifest = parse_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(f"{path}: no such file; --verify takes the folder that a split was written to") from error
    except (OSError, UnicodeDecodeError, JsonError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format_version") != FORMAT_VERSION:
        raise DataError(f"{path}: is not the manifest of a split of format {FORMAT_VERSION}")
    return manifest
