"""Data that are kept between runs: found again by all that matters, and the same run with them as without."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.batching import StoredRows
from polyhead.bundle.manifest import manifest_of
from polyhead.errors import DataError, EncoderError
from polyhead.notices import Notices
from polyhead.preparing import StoredRecords, workers
from polyhead.records import Record
from polyhead.settings import RunSettings
from polyhead.studies.runs import StudyReporter, folds_of, fraction_of, load_for_study
from polyhead.tasks import SingleLabel
from polyhead.tasks.single_label import LabelColumn
from polyhead.training import kept, reading, run_training
from polyhead.training.data import load_data
from polyhead.training.prepare import Prepared, prepare
from tests.end_to_end import many_kinds
from tests.training.conftest import Listener, settings_with

Write = Callable[..., Path]

ODD: list[dict[str, Any]] = [
    {"text": "Anna lives in Berlin.", "label": "a", "ner_tags": ["B-PER", "O"], "more": 1},
    {"text": "nothing is known of this"},
    {"text": "play some music", "label": "b", "ner_tags": ["O", "O", "I-LOC"]},
    *({"text": f"text {at} of Anna", "label": "ab"[at % 2], "ner_tags": ["O", "O", "O", "B-PER"]} for at in range(30)),
    {"text": "an end", "label": "a", "more": 2},
]
TWO = {"intent": {"kind": "single_label", "field": "label"}, "ner": {"kind": "tagging", "field": "ner_tags"}}


@pytest.fixture
def data(write: Write) -> Path:
    return write(ODD)


@pytest.fixture
def settings(data: Path, encoder_folders: dict[str, Path], tmp_path: Path) -> Callable[..., RunSettings]:
    def _settings(**more: Any) -> RunSettings:
        flags = {"encoder": str(encoder_folders["distilbert"]), "data.train": data, "training.precision": "fp32"}
        flags |= {"data.cache": tmp_path / "cache", "tasks": TWO, "output": tmp_path / "run"}
        return settings_with(**{key.replace("__", "."): value for key, value in {**flags, **more}.items()})

    return _settings


Settings = Callable[..., RunSettings]


def prepared_with(settings: RunSettings) -> tuple[Prepared, list[str]]:
    notices = Notices(strict=settings.strict)
    return prepare(settings, notices), notices.lines()


def cache_lines(prepared: Prepared) -> list[str]:
    return [line for topic, line in prepared.facts() if topic == "cache"]


def facts(prepared: Prepared) -> list[tuple[str, str]]:
    return [fact for fact in prepared.facts() if fact[0] != "cache"]


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


@pytest.fixture
def no_reading(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on no file may be read as data, and no text of them be encoded."""

    def never(*_: Any, **__: Any) -> Iterator[Any]:
        raise AssertionError("read or encoded again")

    def _no_reading() -> None:
        monkeypatch.setattr(reading, "read_records", never)
        monkeypatch.setattr(reading, "read_raw", never)
        monkeypatch.setattr("polyhead.preparing.encoding.examples_of", never)
        monkeypatch.setattr("polyhead.training.examples.examples_of", never)

    return _no_reading


def test_all_of_it_is_found_the_second_time(settings: Settings, no_reading: Callable[[], None]) -> None:
    plain, said = prepared_with(settings(data__cache="off"))
    first, first_said = prepared_with(settings())
    no_reading()
    second, second_said = prepared_with(settings())
    assert said == first_said == second_said
    assert len(said) > 3
    assert facts(plain) == facts(first) == facts(second)
    assert plain.account() == {**first.account(), "settings": plain.account()["settings"]}
    assert first.account() == second.account()
    assert plain.data.tasks == first.data.tasks == second.data.tasks
    for own in (first, second):
        assert isinstance(own.examples, StoredRows)
        assert isinstance(own.data.train, StoredRecords)
        assert list(own.data.train) == plain.data.train
        assert list(own.data.dev) == plain.data.dev
        assert [example.place for example in plain.examples] == [record.source for record in own.data.train]
    assert cache_lines(plain) == []
    assert [line.split(" in ")[0] for line in cache_lines(first)] == ["34 records read", "29 rows made"]
    assert cache_lines(second) == [
        f"34 records found in {settings().data.cache}, no file read again",
        "29 rows found, nothing tokenised again",
    ]


def test_it_is_found_without_settings_of_tasks(settings: Settings, no_reading: Callable[[], None]) -> None:
    first, _ = prepared_with(settings(tasks=None))
    no_reading()
    assert prepared_with(settings(tasks=None))[0].account() == first.account()


@pytest.mark.parametrize("strategy", ["joint", "uniform", "alternating"])
def test_weights_are_bit_equal_with_every_kind(
    strategy: str, encoder_folders: dict[str, Path], tmp_path: Path, write: Write
) -> None:
    """From nothing kept, from what this run keeps, and from what an earlier one kept; by several processes, too."""
    sets = {
        "one": {"train": write(many_kinds.PARTS[:160], "one.jsonl"), "dev": write(many_kinds.WHOLE, "dev.jsonl")},
        "two": {"train": write(many_kinds.PARTS[160:], "two.jsonl"), "weight": 0.5},
    }
    training = {f"training.{name}": value for name, value in many_kinds.TRAINING.items() if name != "epochs"}
    found = []
    for number, cache in enumerate(["off", tmp_path / "cache", tmp_path / "cache"]):
        own = settings_with(
            sets=sets,
            tasks=many_kinds.TASKS,
            output=tmp_path / f"run{number}",
            encoder=str(encoder_folders["distilbert"]),
            **training,
            **{"data.cache": cache, "training.epochs": 1, "training.strategy": strategy, "encoding.max_length": 10},
        )
        listener = Listener()
        run = run_training(own, reporter=listener)
        account = json.loads((run.folder / "run.json").read_text("utf-8"))
        weights = hashlib.sha256((run.best / "model.safetensors").read_bytes()).hexdigest()
        steps = [(step.losses, step.rows, step.tokens) for step in listener.steps]
        found.append((weights, account["rows"], account["tasks"], run.epochs[0].dev, listener.warnings, steps))
        assert any("found" in line for topic, line in listener.lines if topic == "cache") == (number == 2)
    assert found[0] == found[1] == found[2]


def test_other_processes_make_the_same_rows(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, said = prepared_with(settings())
    monkeypatch.setattr("polyhead.preparing.rows.how_many", lambda _: 2)
    others, also_said = prepared_with(settings(data__cache=tmp_path / "another"))
    assert {**others.account(), "settings": None} == {**here.account(), "settings": None}
    assert said == also_said
    assert workers.how_many(10) == 0


def test_strict_hears_again_what_was_odd(settings: Settings) -> None:
    with pytest.raises(DataError) as plain:
        prepared_with(settings(data__cache="off", strict=True))
    with pytest.raises(DataError) as first:
        prepared_with(settings(strict=True))
    assert entries(settings().data.cache) == set()
    prepared_with(settings())
    with pytest.raises(DataError) as second:
        prepared_with(settings(strict=True))
    assert str(plain.value) == str(first.value) == str(second.value)


def test_strict_hears_again_what_heads_cannot_say(settings: Settings, write: Write) -> None:
    spans = [{"start": 1, "end": 3, "label": "X"}, {"start": 0, "end": 4, "label": "X"}]
    own = {"data__train": write([{"text": "Anna ran", "spans": spans}] * 3, "spans.jsonl")}
    own["tasks"] = {"spans": {"kind": "spans", "field": "spans"}}
    _, said = prepared_with(settings(**own))
    assert "3 annotations are such that the head of 'spans' cannot say it" in said[0]
    assert prepared_with(settings(**own))[1] == said
    messages = []
    for cache in ("off", settings().data.cache):
        with pytest.raises(DataError) as caught:
            prepared_with(settings(**{**own, "data__cache": cache, "strict": True}))
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "epochs": ({"training__epochs": 7}, set()),
    "rates": ({"training__lr": 1e-3}, set()),
    "output": ({"output": "elsewhere"}, set()),
    "metric": ({"tasks": {**TWO, "intent": {**TWO["intent"], "metric": "macro_f1", "patience": 2}}}, set()),
    "row length": ({"encoding__max_length": 12}, {"rows"}),
    "overlap": ({"encoding__overlap": 3}, {"rows"}),
    "seed": ({"training__seed": 1}, {"records", "rows"}),
    "unit": ({"tasks": {**TWO, "ner": {**TWO["ner"], "unit": "pretokenizer"}}}, {"records", "rows"}),
    "fewer tasks": ({"tasks": {"ner": TWO["ner"]}}, {"records", "rows"}),
    "characters": ({"data__max_characters": 500}, {"records", "rows"}),
    "a text field": ({"data__text_field": "text"}, {"records", "rows"}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_matters_makes_another_entry(change: str, settings: Settings) -> None:
    prepared_with(settings())
    before = entries(settings().data.cache)
    assert {name.split("-")[0] for name in before} == {"records", "rows"}
    more, wanted = CHANGES[change]
    changed, _ = prepared_with(settings(**more))
    assert {name.split("-")[0] for name in entries(settings().data.cache) - before} == wanted
    plain, _ = prepared_with(settings(**more, data__cache="off"))
    assert changed.account()["rows"] == plain.account()["rows"]


def test_another_content_tokenizer_or_weight_makes_another_entry(
    settings: Settings, data: Path, encoder_folders: dict[str, Path]
) -> None:
    prepared_with(settings())
    rows = [prepared_with(settings(encoder=str(encoder_folders["roberta"])))[0].account()["rows"]]
    sets = {"data": {"train": str(data), "weight": 0.5}}
    rows.append(prepared_with(settings(data__train=None, sets=sets))[0].account()["rows"])
    data.write_text(data.read_text().replace("play some music", "play more music"))
    rows.append(prepared_with(settings())[0].account()["rows"])
    assert len({*rows, prepared_with(settings(data__cache="off", training__seed=1))[0].account()["rows"]}) == 4
    assert rows[-1] == prepared_with(settings(data__cache="off"))[0].account()["rows"]


@pytest.mark.parametrize("kind", ["records", "rows"])
def test_damage_is_noticed_said_and_mended(kind: str, settings: Settings) -> None:
    first, _ = prepared_with(settings())
    (folder,) = (path for path in settings().data.cache.iterdir() if path.name.startswith(kind))
    file = folder / ("records.jsonl" if kind == "records" else "ids.npy")
    content = bytearray(file.read_bytes())
    content[-9] ^= 1
    file.write_bytes(content)
    second, _ = prepared_with(settings())
    assert any(f"a damaged entry was removed: {file}: altered" in line for line in cache_lines(second))
    assert second.account() == first.account()
    assert all("found" in line for line in cache_lines(prepared_with(settings())[0]))


@pytest.mark.parametrize("file", ["data.json", "rows.json"])
def test_what_is_whole_but_cannot_be_understood_is_made_anew(file: str, settings: Settings) -> None:
    first, _ = prepared_with(settings())
    (path,) = settings().data.cache.glob(f"*/{file}")
    path.write_text("{}")
    (path.parent / "manifest.json").write_text(manifest_of(path.parent))
    second, _ = prepared_with(settings())
    assert any("a damaged entry was removed: KeyError" in line for line in cache_lines(second))
    assert second.account() == first.account()


def test_a_folder_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    prepared, _ = prepared_with(settings(data__cache=blocked))
    (line,) = cache_lines(prepared)
    assert line.startswith("not used, records are held in memory: ")
    assert str(blocked) in line
    assert prepared.account()["rows"] == prepared_with(settings(data__cache="off"))[0].account()["rows"]


@pytest.mark.parametrize("full", ["records", "rows"])
def test_a_disk_that_takes_no_more(full: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files may grow to some hundred bytes only, which a disk says in the same way as that it is full."""
    plain, _ = prepared_with(settings(data__cache="off"))
    own = settings()
    if full == "rows":
        load_data(own, Notices())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, before[1]))
    try:
        prepared, _ = prepared_with(own)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert any(f"not used, {full} are held in memory" in line for line in cache_lines(prepared))
    assert prepared.account()["rows"] == plain.account()["rows"]
    assert not any(name.startswith((".", full)) for name in entries(own.data.cache))


class Odd(str):
    """A label that JSON does not bring back."""


def test_annotations_of_an_unknown_type_stay_in_memory(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Column(LabelColumn):
        def read(self, *arguments: Any) -> Odd:
            return Odd(super().read(*arguments))

    monkeypatch.setattr(SingleLabel, "column", classmethod(lambda _, field, options: Column(field)))
    prepared, _ = prepared_with(settings())
    (line,) = cache_lines(prepared)
    assert line == f"not used, records are held in memory: {Odd.__module__}.Odd"
    assert type(prepared.data.train[0].annotations["intent"]) is Odd
    assert entries(settings().data.cache) == set()


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    settings: Settings, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = kept.read_data

    def touching(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more)
        data.write_text(data.read_text() + "\n")
        return found

    monkeypatch.setattr(kept, "read_data", touching)
    assert "a data file was changed while it was read" in cache_lines(prepared_with(settings())[0])[0]
    assert entries(settings().data.cache) == set()


def test_errors_are_those_without_a_cache(settings: Settings, write: Write, tmp_path: Path) -> None:
    for own in (
        {"data__train": write([*ODD, {"text": "x", "label": 1.5}], "bad.jsonl")},
        {"data__train": tmp_path / "absent.jsonl"},
        {"encoding__overlap": 700},
        {"tasks": {"x": {"kind": "single_label", "field": "absent"}}},
    ):
        messages = []
        for cache in ("off", tmp_path / "cache"):
            with pytest.raises((DataError, EncoderError)) as caught:
                prepared_with(settings(**{**own, "data__cache": cache}))
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_rows_that_teachers_speak_of_are_held_in_memory(settings: Settings, tmp_path: Path) -> None:
    teacher = polyhead.train(
        settings().data.train,
        encoder=settings().encoder,
        tasks=settings().tasks,
        output=tmp_path / "teacher",
        precision="fp32",
        epochs=1,
    )
    plain, _ = prepared_with(settings(**{"teacher.models": teacher.best}, data__cache="off"))
    for _ in range(2):
        prepared, _ = prepared_with(settings(**{"teacher.models": teacher.best}))
        assert isinstance(prepared.data.train, StoredRecords)
        assert len(prepared.data.train) == 31, "those without annotations, too"
        assert prepared.account()["rows"] == plain.account()["rows"]
        assert all(example.soft for example in prepared.examples)


def test_a_study_takes_parts_of_what_is_kept(settings: Settings) -> None:
    _, plain = load_for_study(settings(data__cache="off"), StudyReporter())
    for _ in range(2):
        listener = StudyReporterWithLines()
        _, data = load_for_study(settings(), listener)
        assert len(listener.said) == 1
        for one, other in zip(data.sets, plain.sets, strict=True):
            part = fraction_of(one.train, data.tasks, 0.3, seed=1)
            assert isinstance(part, StoredRecords)
            assert list(part) == fraction_of(other.train, plain.tasks, 0.3, seed=1)
            assert folds_of(one.train, data.tasks, 3, seed=1) == folds_of(other.train, plain.tasks, 3, seed=1)


class StudyReporterWithLines(StudyReporter):
    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, topic: str, line: str) -> None:
        assert topic == "cache"
        self.said.append(line)


def test_learning_looks_at_annotations_and_keeps_none(settings: Settings) -> None:
    """Each kind learns the same from a sequence that makes annotations anew as from a list."""
    data = load_data(settings(), Notices())
    plain = load_data(settings(data__cache="off"), Notices())
    assert data.tasks == plain.tasks
    assert data.annotated("intent") == plain.annotated("intent")
    assert all(isinstance(record, Record) for record in data.train)
