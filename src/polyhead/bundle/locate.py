"""What a user names as MODEL: a bundle, the output folder of a run, or a single file."""

from __future__ import annotations

import json
from pathlib import Path

from polyhead.bundle.folder import ABOUT
from polyhead.bundle.manifest import MANIFEST
from polyhead.errors import BundleError

RUN_FILE = "run.json"


def locate(path: str | Path) -> Path:
    """Find the bundle or single file that a path stands for.

    Args:
        path: A bundle; the output folder of a run, which stands for its best epoch by dev score, else its last; or a
            ``.pt`` file.

    Raises:
        BundleError: If it is none of these.
    """
    path = Path(path)
    if not path.exists():
        raise BundleError(f"{path}: no such model; give a bundle, the output folder of a run, or a .pt file")
    if path.is_file():
        if path.suffix == ".pt":
            return path
        raise BundleError(f"{path}: a model is a folder or a .pt file, this is a {path.suffix or 'nameless'} file")
    if (path / RUN_FILE).is_file():
        return path / _chosen_epoch(path / RUN_FILE)
    if (path / ABOUT).exists() or (path / MANIFEST).exists():
        return path
    raise BundleError(f"{path}: neither a bundle (no {ABOUT}) nor the output folder of a run (no {RUN_FILE})")


def _chosen_epoch(run_file: Path) -> str:
    try:
        run = json.loads(run_file.read_text(encoding="utf-8"))
        chosen = run["best"] or (run["epochs"][-1]["folder"] if run["epochs"] else None)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise BundleError(f"{run_file}: cannot be read as the account of a run: {error!r}") from error
    if chosen is None:
        raise BundleError(f"{run_file.parent}: the run has not finished an epoch yet, so it has no model")
    if not isinstance(chosen, str) or Path(chosen).name != chosen or chosen == "..":
        raise BundleError(f"{run_file}: names a bundle outside its own folder: {chosen!r}")
    return chosen
