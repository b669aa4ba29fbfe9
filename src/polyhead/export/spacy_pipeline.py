"""An exported model as a pipeline that `spacy.load` opens."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from polyhead.errors import MissingExtraError, SettingsError
from polyhead.export.api import MAX_DROP, export
from polyhead.export.building import ExportedModel, Say


def export_spacy(
    model: str | Path,
    output: str | Path,
    *,
    precisions: Sequence[str] = ("fp32",),
    dev: str | Path | Sequence[str | Path] = (),
    max_drop: float = MAX_DROP,
    language: str = "xx",
    say: Say | None = None,
) -> ExportedModel:
    """Export a model, and put it into a spaCy pipeline with one component; where that is opened, polyhead must be.

    Args:
        model: As `export` takes it.
        output: The pipeline's folder; it must not be there yet.
        precisions: As `export` takes them.
        dev: As `export` takes them.
        max_drop: As `export` takes it.
        language: Whose tokens spaCy cuts; ``xx`` for several.
        say: Hears what is being done.

    Returns:
        What was written.

    Raises:
        SettingsError: If the output is there already, or spaCy has no such language.
        MissingExtraError: If spaCy is not installed.
        ExportError: As `export`.
    """
    try:
        import spacy
    except ImportError as error:
        raise MissingExtraError("export to spaCy", "spacy") from error
    folder = Path(output)
    if folder.exists():
        raise SettingsError(f"--output: {folder} is there already; name a new folder")
    try:
        nlp = spacy.blank(language)
    except ImportError as error:
        raise SettingsError(f"language: spaCy has no language {language!r}") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
        done = export(model, Path(work) / "model", precisions=precisions, dev=dev, max_drop=max_drop, say=say)
        component: Any = nlp.add_pipe("polyhead")
        component.take(done.folder)
        nlp.to_disk(Path(work) / "pipeline")
        (Path(work) / "pipeline").rename(folder)
    done.folder = folder / "polyhead" / "model"
    return done
