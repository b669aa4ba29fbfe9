"""Tasks of Label Studio: its JSON export, its JSON-MIN export, and what it imports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, TextIO

from polyhead.formats.annotated import Annotated
from polyhead.formats.at import At
from polyhead.formats.holds import Holds
from polyhead.formats.json_array import Window
from polyhead.formats.json_head import keys_of
from polyhead.formats.label_studio_tasks import KNOWN, Blocks, Task, read_task
from polyhead.formats.losses import Lost
from polyhead.formats.place import Place
from polyhead.formats.raw import RawRecord, ReadOptions, TextFormat
from polyhead.formats.writing import write_array

_FULL = {"annotations", "completions", "predictions", "drafts", "data"}
_MIN = {"annotation_id", "annotator", "lead_time"}


class LabelStudio(TextFormat):
    """Choices become classes, labels become entities.

    Whether a block of choices takes one or several is not in the file: it takes several where any task has several.
    So all tasks are held until the last is read.
    """

    name: ClassVar[str] = "label-studio"
    title: ClassVar[str] = "Label Studio JSON"
    holds: ClassVar[Holds] = Holds(integers=False, rest=True)

    def fits(self, place: Place) -> bool:
        """Whether its first object is a task, or holds tasks."""
        keys = keys_of(place.head) if place.head.startswith(("[", "{")) else {}
        if place.head.startswith("{"):
            return keys.get("tasks") == "["
        full = keys.get("data", "{") == "{" and len(_FULL & keys.keys()) > 1
        return full or _first_is_data(keys) or len(_MIN & keys.keys()) > 1

    def parse(self, stream: TextIO, path: str, options: ReadOptions, lost: Lost) -> Iterator[RawRecord]:
        """Yield the tasks, after all of them were read."""
        blocks = Blocks()
        tasks = list(_tasks(Window(stream, path), blocks, lost))
        for task in tasks:
            yield RawRecord(blocks.fields(task), task.at.source)

    def write(self, records: Iterable[Annotated], path: Path, lost: Lost) -> None:
        """Write one task a line, in an array; what is known of it is named in its ``meta``."""
        write_array(path, (_task(record) for record in records))


def _first_is_data(keys: dict[str, str]) -> bool:
    """Whether the beginning of the file ends within the data of its first task."""
    return list(keys.items()) == [("data", "{")]


def _tasks(window: Window, blocks: Blocks, lost: Lost) -> Iterator[Task]:
    if window.peek() != "{":
        yield from _listed(window, blocks, lost)
        window.end("array")
        return
    for key in window.members():
        if key == "tasks":
            yield from _listed(window, blocks, lost)
        else:
            At(window.source(), lost).drop(key, f"the part {key!r} of a Label Studio file")
            window.value()
    window.end("object")


def _listed(window: Window, blocks: Blocks, lost: Lost) -> Iterator[Task]:
    for source in window.elements():
        at = At(source, lost)
        yield read_task(at.fields(window.value(), "a task"), at, blocks)


def _task(record: Annotated) -> dict[str, Any]:
    result: list[dict[str, Any]] = []
    known = {"label": record.label, "labels": record.labels, "entities": record.spans}
    if record.label is not None:
        result.append(_choices("label", [record.label]))
    if record.labels is not None:
        result.append(_choices("labels", list(record.labels)))
    for number, span in enumerate(record.spans.spans if record.spans else ()):
        value = {
            "start": span.start,
            "end": span.end,
            "text": record.text[span.start : span.end],
            "labels": [span.label],
        }
        place = {"from_name": "entities", "to_name": "text", "type": "labels"}
        result.append({"id": f"entity-{number}", **place, "value": value})
    names = [name for name, value in known.items() if value is not None]
    task: dict[str, Any] = {"data": {"text": record.text, **record.rest}, "annotations": []}
    if names:
        task["annotations"] = [{"result": result}]
        task["meta"] = {KNOWN: names}
    return task


def _choices(block: str, choices: list[Any]) -> dict[str, Any]:
    place = {"from_name": block, "to_name": "text", "type": "choices"}
    return {"id": block, **place, "value": {"choices": choices}}
