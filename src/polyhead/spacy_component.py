"""A component for spaCy: all tasks of an exported model on a `Doc`.

    nlp.add_pipe("polyhead", config={"model": "exported"})

doc.ents            entities of all tasks that find some; where two share a token the longer one
doc.spans[task]     all entities of a task, also those that overlap
doc.cats            probabilities of classes: by class, or by "task:class" where several tasks have classes
doc._.polyhead      everything, as `polyhead predict --json` prints it

An entity that begins or ends inside one of spaCy's tokens takes the whole token.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans, minibatch

from polyhead.errors import SettingsError
from polyhead.inference import Predictor, Reading
from polyhead.inference.candidates import AUTO
from polyhead.tasks import Task

_MODEL = "model"
_BATCH = 1024


@Language.factory("polyhead", default_config={"model": None, "runtime": AUTO, "precision": None})
def make(nlp: Language, name: str, model: str | None, runtime: str, precision: str | None) -> Component:  # noqa: ARG001
    """Make the component; `model` is left out where it is then read from a pipeline's folder."""
    return Component(Path(model) if model else None, runtime=runtime, precision=precision)


class Component:
    """Puts the answers of all tasks on documents.

    Args:
        model: An exported bundle; `None` where `from_disk` names it.
        runtime: As `Predictor.load` takes it.
        precision: As `Predictor.load` takes it.
    """

    def __init__(self, model: Path | None, *, runtime: str, precision: str | None) -> None:
        self._model, self._runtime, self._precision = model, runtime, precision
        self._loaded: Predictor | None = None
        if not Doc.has_extension("polyhead"):
            Doc.set_extension("polyhead", default=None)

    def __call__(self, doc: Doc) -> Doc:
        """Answer all tasks for one document."""
        return next(iter(self.pipe([doc])))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = _BATCH) -> Iterator[Doc]:
        """Answer all tasks for documents, many in one pass."""
        predictor = self._predictor()
        for docs in minibatch(stream, batch_size):
            for doc, reading in zip(docs, predictor.read([doc.text for doc in docs]), strict=True):
                yield _filled(doc, reading, predictor)

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:  # noqa: ARG002
        """Write the model into a pipeline's folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(self._path(), folder / _MODEL, dirs_exist_ok=True)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> Component:  # noqa: ARG002
        """Take the model from a pipeline's folder."""
        self.take(Path(path) / _MODEL)
        return self

    def take(self, model: Path) -> None:
        """Take another model, and load it."""
        self._model, self._loaded = model, None
        self._predictor()

    def _path(self) -> Path:
        if self._model is None:
            raise SettingsError("the component 'polyhead' has no model: add_pipe('polyhead', config={'model': FOLDER})")
        return self._model

    def _predictor(self) -> Predictor:
        if self._loaded is None:
            self._loaded = Predictor.load(self._path(), runtime=self._runtime, precision=self._precision)
        return self._loaded


def _filled(doc: Doc, reading: Reading, predictor: Predictor) -> Doc:
    result = predictor.decode(reading)
    found: list[Span] = []
    for name, prediction in result.predictions.items():
        spans = [_on_tokens(doc, span.start, span.end, span.label) for span in prediction.highlights()]
        if spans:
            doc.spans[name] = spans
            found += spans
    doc.ents = filter_spans(found)
    doc.cats = _classes(reading, predictor.tasks)
    doc._.polyhead = result.to_json()
    return doc


def _on_tokens(doc: Doc, start: int, end: int, label: str) -> Span:
    span = doc.char_span(start, end, label=label, alignment_mode="expand")
    assert span is not None  # noqa: S101 (every character is of a token)
    return span


def _classes(reading: Reading, tasks: Iterable[Task]) -> dict[str, float]:
    of_texts = [task for task in tasks if task.head().reads == "sentence" and not task.head().is_number]
    found = {}
    for task in of_texts:
        probabilities: Any = task.soften(reading.logits[task.name], reading.encoded)
        for label, probability in zip(task.outputs(), probabilities.tolist(), strict=True):
            found[str(label) if len(of_texts) == 1 else f"{task.name}:{label}"] = probability
    return found
