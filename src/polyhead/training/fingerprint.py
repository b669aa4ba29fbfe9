"""Whether a run that is to go on is the one that was begun: its settings, its data, its machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polyhead.batching import Example, StoredRows
from polyhead.errors import SettingsError
from polyhead.preparing.examples import digested
from polyhead.training.tracking import flattened

_OF_NO_MATTER = (
    "output",
    "strict",
    "saving.",
    "tracking.",
    "training.on_nonfinite",
    "training.diagnose",
    "training.checkpoint_activations",
    "teacher.models",
    "teacher.data",
    "data.cache",
    "data.train",
    "data.dev",
    "data.test",
)
"""Settings that change nothing of the weights. Of files it is the content that counts, wherever they stand."""


def rows_digest(examples: Sequence[Example]) -> str:
    """Return a SHA-256 over all that is trained on: pieces, targets, teachers' answers, weights, in their order."""
    if isinstance(examples, StoredRows):
        return examples.digest
    digest = hashlib.sha256()
    for part in digested(examples):
        digest.update(part)
    return digest.hexdigest()


def check_same_run(before: Mapping[str, Any], now: Mapping[str, Any], *, force: bool) -> list[str]:
    """See that a run's settings and data are what they were when it was begun.

    Args:
        before: The run's account, as `run.json` has it.
        now: What it would be now.
        force: Go on all the same.

    Returns:
        The differences, a line each.

    Raises:
        SettingsError: If there are any, unless they are forced.
    """
    found = list(_differences(before, now))
    if found and not force:
        listed = "\n".join(f"  {line}" for line in found)
        raise SettingsError(
            f"--resume: the run was begun with other settings or data:\n{listed}\nUndo the change; or go on as it is "
            f"now with --force, to weights that no uninterrupted run gives; or begin anew without --resume"
        )
    return found


def changed_settings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return which settings and data of an account are others, as far as they matter; a line each."""
    return [
        *_changed(_that_matter(before["settings"]), _that_matter(now["settings"])),
        *_changed_files(before["data"], now["data"]),
    ]


def machine_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return what else may change the last bits of the weights: versions, device, threads; a line each."""
    return [
        line
        for part in ("versions", "machine")
        for line in _changed(dict(before.get(part, {})), dict(now.get(part, {})))
    ]


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    found = changed_settings(before, now)
    yield from found
    if not found:  # what is left then is not explained by these
        yield from _changed(dict(flattened(before["plan"])), dict(flattened(now["plan"])))
        if before["tasks"] != now["tasks"]:
            yield "tasks: other labels or options"
        if before["rows"] != now["rows"]:
            yield "the rows that are trained on: other pieces, targets or teachers' answers, as with another tokenizer"


def _that_matter(settings: Mapping[str, Any]) -> dict[str, Any]:
    # Runs from before there were adapters have no settings of them.
    no_matter = _OF_NO_MATTER if settings.get("adapters", {}).get("rank") else (*_OF_NO_MATTER, "adapters.")
    return {
        key: value for key, value in flattened(settings) if not key.startswith(no_matter) and not _is_file_of_set(key)
    }


def _is_file_of_set(key: str) -> bool:
    return key.startswith("data.sets.") and key.endswith((".train", ".dev", ".test"))


def _changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for key in [*before, *(key for key in now if key not in before)]:
        if before.get(key) != now.get(key):
            yield f"{key}: {before.get(key, 'not set')} before, {now.get(key, 'not set')} now"


def _changed_files(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if len(before) != len(now):
        yield f"data: {len(before)} files before, {len(now)} now"
        return
    for old, new in zip(before, now, strict=True):
        if old["sha256"] != new["sha256"]:
            yield (
                f"{new['path']}: other content: {old['records']:,} records before, {new['records']:,} now "
                f"(SHA-256 {old['sha256'][:12]}… and {new['sha256'][:12]}…)"
            )
