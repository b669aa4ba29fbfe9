"""One task of Label Studio: which of its annotations counts, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from polyhead.formats.at import At, entity

KNOWN = "annotated"
"""The entry of a task's ``meta`` that names the fields that are known of it; our own writer sets it."""

_HTML = ("hypertextlabels", "paragraphlabels")
_KEPT_ELSEWHERE = {"data", "annotations", "completions", "predictions", "drafts", "meta"}
_MIN_OWN = {"id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time"}
_PEOPLE_AND_DATES = "what Label Studio keeps of a task besides (ids, people, dates)"
_NOT_CHOSEN = "an annotation of a task that has several (the ground truth counts, else the first)"


@dataclass(frozen=True)
class Task:
    """What a task holds.

    Attributes:
        at: Where it stands.
        text: Its text; `None` where none of its data is known to be it.
        data: Its other data.
        choices: By block, what was chosen.
        entities: Its entities; `None` where it has none of them.
        annotated: Whether an annotation counts, and all of its entities are where it says.
        known: The fields that are known to be annotated, whatever is in them.
    """

    at: At
    text: str | None
    data: dict[str, Any]
    choices: dict[str, list[Any]] = field(default_factory=dict)
    entities: list[Any] | None = None
    annotated: bool = False
    known: frozenset[str] = frozenset()


@dataclass
class Blocks:
    """What the tasks of a file have together.

    Attributes:
        several: The blocks of choices that have been seen, and whether any task has several choices of it.
        entities: Whether any task has entities.
    """

    several: dict[str, bool] = field(default_factory=dict)
    entities: bool = False

    def hear(self, task: Task) -> None:
        """Take note of a task."""
        for block, choices in task.choices.items():
            self.several[block] = self.several.get(block, block == "labels") or len(choices) > 1
        self.entities |= bool(task.entities)

    def fields(self, task: Task) -> dict[str, Any]:
        """Return the fields of a task's record, when all tasks were heard."""
        found: dict[str, Any] = {} if task.text is None else {"text": task.text}
        for block, choices in task.choices.items():
            name = self._name(block, task.at)
            if self.several[block]:
                found[name] = choices
            elif choices:
                found[name] = choices[0]
        known_empty = "entities" in task.known or (self.entities and task.annotated and not task.known)
        if task.entities is not None or known_empty:
            found["entities"] = task.entities or []
        for name, value in task.data.items():
            if name in found:
                task.at.drop(f"{name}={value!r}", "data of a task under the name of an annotation")
        return found | {name: value for name, value in task.data.items() if name not in found}

    def _name(self, block: str, at: At) -> str:
        """Return the field of a block: one of ours where there is but one block, else what the project calls it."""
        if len(self.several) == 1:
            return "labels" if self.several[block] else "label"
        if block in ("text", "entities"):
            at.lose("changed", block, "a block of choices called as another field (read with '_choices' after it)")
            return f"{block}_choices"
        return block


def read_task(task: dict[str, Any], at: At, blocks: Blocks) -> Task:
    """Read one task of an export.

    Args:
        task: The task.
        at: Its place.
        blocks: Hears of it.

    Raises:
        DataError: If it is no task, or none about a text.
    """
    found = _full(task, at) if isinstance(task.get("data"), dict) else _minimal(task, at)
    blocks.hear(found)
    return found


def _full(task: dict[str, Any], at: At) -> Task:
    data = dict(task["data"])
    for name in ("predictions", "drafts"):
        for _ in at.items(task.get(name) or [], name):
            at.drop(f"task {task.get('id')}", f"one of the {name} of a task")
    if besides := [name for name, value in task.items() if name not in _KEPT_ELSEWHERE and value not in (None, [], {})]:
        at.drop(", ".join(besides), _PEOPLE_AND_DATES)
    meta = dict(at.fields(task.get("meta") or {}, "meta"))
    known = frozenset(str(name) for name in at.items(meta.pop(KNOWN, []), f"{KNOWN!r} of meta"))
    for name, value in meta.items():
        at.drop(f"{name}={value!r}", "an entry of the meta of a task")
    annotation = _counting(task, at)
    if annotation is None:
        return _with_text(data, "text", at)
    result = at.objects(annotation.get("result"), "the result of an annotation")
    name = _object_of(result, data)
    own = _with_text(data, name, at, result)
    reading = _Result(at, name, own.text)
    for each in result:
        reading.take(each)
    if len(reading.span_blocks) > 1:
        at.lose("changed", ", ".join(reading.span_blocks), "entities of several blocks of a task (read as of one)")
    return Task(at, own.text, own.data, reading.choices, reading.entities, annotated=reading.whole, known=known)


def _counting(task: dict[str, Any], at: At) -> dict[str, Any] | None:
    """Return the annotation that counts: the ground truth, else the first that was not cancelled."""
    annotations = at.objects(task.get("annotations") or task.get("completions"), "annotations")
    submitted = []
    for annotation in annotations:
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            at.drop(f"annotation {annotation.get('id')}", "an annotation of a task that was skipped")
        else:
            submitted.append(annotation)
    if not submitted:
        return None
    chosen = next((own for own in submitted if own.get("ground_truth") is True), submitted[0])
    for other in submitted:
        if other is not chosen:
            at.drop(f"annotation {other.get('id')}", _NOT_CHOSEN)
    return chosen


def _object_of(result: list[dict[str, Any]], data: dict[str, Any]) -> str:
    """Return the name of the data that the annotations are of."""
    of_text = [each for each in result if _is_of_text(each)]
    names = {str(each["to_name"]).removeprefix("$") for each in of_text if "to_name" in each}
    named = {name for name in names if isinstance(data.get(name), str)} - {"image", "audio", "video"}
    return named.pop() if len(named) == 1 else "text"


def _with_text(data: dict[str, Any], name: str, at: At, result: list[dict[str, Any]] | None = None) -> Task:
    if isinstance(data.get(name), str):
        text = data.pop(name)
        return Task(at, text, data)
    if kinds := sorted({str(each.get("type")) for each in result or [] if not _is_of_text(each)}):
        raise at.error(
            f"a task about something other than text: {', '.join(kinds)[:80]} and no data {name!r}; only annotations "
            f"of texts can be read, so export the project of the texts"
        )
    return Task(at, None, data)


def _is_of_text(entry: dict[str, Any]) -> bool:
    kind, value = entry.get("type"), entry.get("value")
    if kind == "labels":
        return isinstance(value, dict) and _is_whole(value)
    return kind in ("choices", "relation", "textarea", "rating", "number", "taxonomy", *_HTML)


@dataclass
class _Result:
    """Collects what one annotation says of one text."""

    at: At
    name: str
    text: str | None
    choices: dict[str, list[Any]] = field(default_factory=dict)
    entities: list[Any] | None = None
    span_blocks: dict[str, None] = field(default_factory=dict)
    whole: bool = True

    def take(self, entry: dict[str, Any]) -> None:
        kind = str(entry.get("type"))
        value = entry.get("value")
        if kind == "choices" and isinstance(value, dict) and "start" not in value:
            self._choose(str(entry.get("from_name")), self.at.items(value.get("choices"), "choices"))
        elif kind == "labels" and isinstance(value, dict) and self.text is not None and _is_whole(value):
            self.span_blocks[str(entry.get("from_name"))] = None
            if spans := list(self._spans(value, self.text)):
                self.entities = (self.entities or []) + spans
        else:
            self.at.drop(f"{entry.get('from_name')}: {value}", f"an annotation of the type {kind[:40]!r}")

    def _choose(self, block: str, chosen: list[Any]) -> None:
        before = self.choices.setdefault(block, [])
        before.extend(choice for choice in chosen if choice not in before)

    def _spans(self, value: dict[str, Any], text: str) -> Iterator[Any]:
        start, end = value["start"], value["end"]
        labels = self.at.items(value.get("labels"), "the labels of an entity")
        said = value.get("text")
        if isinstance(said, str) and not _same(said, text[start:end]):
            if (moved := _by_utf16(text, start, end)) is None or not _same(said, text[slice(*moved)]):
                what = f"[{said}]{labels} where the text has [{text[start:end]}]"
                self.whole = False
                self.at.drop(what, "an entity that says another text than stands there")
                return
            start, end = moved
        for label in labels:
            yield entity(start, end, label)


def _is_whole(value: dict[str, Any]) -> bool:
    """Whether a region counts characters: those of sound count seconds, those of HTML count within an element."""
    return all(isinstance(value.get(name), int) and value[name] >= 0 for name in ("start", "end"))


def _same(said: str, text: str) -> bool:
    """Whether two texts are one; Label Studio writes a newline as two characters."""
    return said == text or said.replace("\\n", "\n") == text


def _by_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the characters of places that a browser counted, for which some characters are two."""
    units = text.encode("utf-16-le", "surrogatepass")
    try:
        before = len(units[: 2 * start].decode("utf-16-le"))
        return before, before + len(units[2 * start : 2 * end].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None


def _minimal(task: dict[str, Any], at: At) -> Task:
    """Read a task of JSON-MIN, in which a single choice looks like any other data, and stays it."""
    if "data" in task:
        raise at.error("the data of a task must be an object")
    data, choices, entities = {}, {}, None
    for name, value in task.items():
        if name in _MIN_OWN:
            continue
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            choices[name] = value["choices"]
        elif isinstance(value, list) and value and all(isinstance(each, dict) and "labels" in each for each in value):
            reading = _Result(at, "text", task.get("text") if isinstance(task.get("text"), str) else None)
            for each in value:
                reading.take({"type": "labels", "from_name": name, "value": each})
            entities = (entities or []) + (reading.entities or [])
        else:
            data[name] = value
    if besides := [name for name in task if name in _MIN_OWN]:
        at.drop(", ".join(besides), _PEOPLE_AND_DATES)
    text = data.pop("text") if isinstance(data.get("text"), str) else None
    return Task(at, text, data, choices, entities, annotated=True)
