"""JSON lines with a tag for each word: what training scripts of one tag a word take."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from polyhead.formats.annotated import Annotated
from polyhead.formats.holds import Holds
from polyhead.formats.losses import Lost
from polyhead.formats.writing import new_text
from polyhead.labels import tags_of_spans, words_of
from polyhead.records import Spans


class JsonTags:
    """One JSON object a line: ``sentence``, ``label``, ``ner_tags``. It is read as `JsonLines`."""

    name: ClassVar[str] = "jsonl-tags"
    title: ClassVar[str] = "JSON lines with word tags"
    holds: ClassVar[Holds] = Holds(spans="words", overlaps=False, partly=True, rest=True)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write records; a text that is annotated in part has tags up to there."""
        with new_text(path) as stream:
            for record in records:
                fields: dict[str, Any] = record.fields()
                row = {"sentence": fields.pop("text")}
                fields.pop("entities", None)
                if record.spans is not None:
                    fields["ner_tags"] = _tags(record.text, record.spans)
                stream.write(json.dumps(row | fields, ensure_ascii=False) + "\n")


def _tags(text: str, spans: Spans) -> list[str]:
    words = words_of(text)
    if spans.known_to is not None:
        words = [word for word in words if word[0] < spans.known_to]
    return tags_of_spans(spans.spans, words)
