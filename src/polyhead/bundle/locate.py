"""What a user names as MODEL: a bundle, the output folder of a run, or a single file."""

from __future__ import annotations

import reprlib
from pathlib import Path

from polyhead.bundle.folder import ABOUT
from polyhead.bundle.manifest import MANIFEST
from polyhead.bundle.reading import MIB, read_text
from polyhead.errors import BundleError
from polyhead.strict_json import parse_json

RUN_FILE = "run.json"
_MOST_BYTES = 64 * MIB
"""Of the account of a run: it holds the scores of each epoch."""
_CURE = "give one of its bundles instead"


def locate(path: str | Path) -> Path:
    """Find the bundle or single file that a path stands for.

    Args:
        path: A bundle; the output folder of a run, which stands for its best epoch by dev score, else its last; or a
            ``.pt`` file.

    Raises:
        BundleError: If it is none of these.
    """
    path = Path(path)
    if not _exists(path):
        raise BundleError(f"{path}: no such model; give a bundle, the output folder of a run, or a .pt file")
    if path.is_file():
        if path.suffix == ".pt":
            return path
        raise BundleError(f"{path}: a model is a folder or a .pt file, this is a {path.suffix or 'nameless'} file")
    if (path / RUN_FILE).is_file():
        return _chosen_bundle(path)
    if (path / ABOUT).exists() or (path / MANIFEST).exists():
        return path
    raise BundleError(f"{path}: neither a bundle (no {ABOUT}) nor the output folder of a run (no {RUN_FILE})")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _chosen_bundle(folder: Path) -> Path:
    """Return the bundle that a run chose, which lies in its folder and nowhere else."""
    run_file = folder / RUN_FILE
    chosen = _chosen_epoch(run_file)
    if chosen is None:
        raise BundleError(f"{folder}: the run has not finished an epoch yet, so it has no model")
    if not isinstance(chosen, str) or Path(chosen).name != chosen or chosen == ".." or not _is_a_name(chosen):
        raise BundleError(f"{run_file}: names a bundle outside its own folder: {reprlib.repr(chosen)}")
    if (folder / chosen).is_symlink():
        raise BundleError(f"{folder / chosen}: a link, which may lead out of the run's folder; {_CURE}")
    return folder / chosen


def _is_a_name(chosen: str) -> bool:
    return chosen.isprintable() and len(chosen) <= 200


def _chosen_epoch(run_file: Path) -> object:
    text = read_text(run_file, cure=_CURE, limit=_MOST_BYTES)
    try:
        run = parse_json(text)
        return run["best"] or (run["epochs"][-1]["folder"] if run["epochs"] else None)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{run_file}: cannot be read as the account of a run: {repr(error)[:1000]}") from error
