"""A trained model is given a further head, or loses one; all others answer as before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import polyhead
from polyhead import Predictor
from polyhead.bundle import locate
from polyhead.errors import BundleError, SettingsError
from polyhead.inference import open_model
from polyhead.settings import RunSettings
from polyhead.training import TrainedRun, run_training
from polyhead.training.extending import remove_head, settings_of_head
from tests.conftest import RECORDS
from tests.training.conftest import Listener, settings_with

Write = Callable[..., Path]

TEXTS = [str(record["sentence"]) for record in RECORDS] + ["", "Anna lives in New York. " * 30]
TOPIC = {"kind": "single_label", "field": "topic"}
TOPICS = [{"text": record["sentence"], "topic": "people" if record["label"] == 1 else "other"} for record in RECORDS]


@pytest.fixture(scope="module")
def base(encoder_folders: dict[str, Path], small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A model with a CRF, which keeps scores beside logits. Do not change its folder: copy it."""
    tasks = {
        "classification": {"kind": "single_label", "field": "label"},
        "ner": {"kind": "tagging", "field": "ner_tags", "decoder": "crf"},
    }
    encoder, output = str(encoder_folders["distilbert"]), tmp_path_factory.mktemp("base") / "run"
    return polyhead.train(
        small_data, dev=small_data, encoder=encoder, output=output, tasks=tasks, epochs=2, lr=3e-3, precision="fp32"
    )


def settings_for(output: Path, data: Path, **flags: Any) -> RunSettings:
    wanted = {"data.train": data, "data.dev": data, "output": output, "training.precision": "fp32"}
    wanted |= {"training.epochs": 4, "training.lr": 3e-3, "training.head_lr": 3e-2}
    return settings_with(tasks={"topic": TOPIC}, **{**wanted, **flags})


@pytest.fixture
def add_head(base: TrainedRun, write: Write, tmp_path: Path) -> Callable[..., TrainedRun]:
    def _add(
        model: Path = base.folder, output: Path = tmp_path / "more", *, listener: Any = None, **flags: Any
    ) -> TrainedRun:
        bundle = open_model(model)
        settings = settings_of_head(settings_for(output, write(TOPICS * 10, "topics.jsonl"), **flags), "topic", bundle)
        return run_training(settings, base=bundle, reporter=listener)

    return _add


def answers(model: Path, tasks: tuple[str, ...] = ("classification", "ner")) -> list[Any]:
    return [{name: result.to_json()[name] for name in tasks} for result in Predictor.load(model)(TEXTS)]


def weights_of(model: Path) -> dict[str, torch.Tensor]:
    return load_file(locate(model) / "model.safetensors")


def logits(model: Path, task: str) -> list[np.ndarray]:
    return [reading.logits[task] for reading in Predictor.load(model).read(TEXTS)]


def test_the_other_heads_answer_as_before_in_every_epoch(base: TrainedRun, add_head: Callable[..., TrainedRun]) -> None:
    listener = Listener()
    run = add_head(listener=listener)
    before = weights_of(base.folder)
    assert len(run.epochs) == 4
    for report in run.epochs:
        folder = run.folder / report.folder
        assert answers(folder) == answers(base.folder)
        for name in ("classification", "ner"):
            assert all(map(np.array_equal, logits(folder, name), logits(base.folder, name)))
        after = weights_of(folder)
        assert after.keys() > before.keys()
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert "bit-equal" in dict(listener.lines)["proof"]


def test_the_new_head_learns(add_head: Callable[..., TrainedRun]) -> None:
    run = add_head()
    bundle = open_model(run.folder)
    assert [task.name for task in bundle.tasks] == ["classification", "ner", "topic"]
    assert run.epochs[-1].losses.keys() == {"topic"}
    assert run.epochs[-1].dev["tasks"].keys() == {"topic"}
    assert run.epochs[-1].score > 0.9
    found = [result.predictions["topic"].label for result in Predictor.load(run.folder)(TEXTS[:8])]
    assert sum(label == record["topic"] for label, record in zip(found, TOPICS, strict=True)) >= 7


def test_the_mean_of_epochs_leaves_the_other_heads_as_they_are(
    base: TrainedRun, add_head: Callable[..., TrainedRun]
) -> None:
    run = add_head(**{"training.average": 3, "data.dev": None})
    assert max(report.averaged for report in run.epochs) > 1
    assert answers(run.folder) == answers(base.folder)


def test_the_bundle_says_how_its_head_came_to_it(base: TrainedRun, add_head: Callable[..., TrainedRun]) -> None:
    about, before = open_model(add_head().folder).about, open_model(base.folder).about
    assert about.encoder == before.encoder
    assert about.encoding == before.encoding
    assert {key: value for key, value in about.settings.items() if key != "added_heads"} == before.settings
    assert about.settings["added_heads"]["topic"]["tasks"].keys() == {"topic"}
    assert about.dev["tasks"].keys() == {"classification", "ner", "topic"}
    assert about.dev["tasks"]["ner"] == before.dev["tasks"]["ner"]


def test_a_second_head_can_follow_the_first(
    base: TrainedRun, add_head: Callable[..., TrainedRun], write: Write, tmp_path: Path
) -> None:
    first = open_model(add_head().folder)
    moods = write([{"text": text, "mood": at % 2} for at, text in enumerate(TEXTS[:8])], "moods.jsonl")
    settings = settings_with(
        tasks={"mood": {"kind": "single_label", "field": "mood"}},
        **{"data.train": moods, "output": tmp_path / "two", "training.epochs": 1},
    )
    run = run_training(settings_of_head(settings, "mood", first), base=first)
    bundle = open_model(run.folder)
    assert [task.name for task in bundle.tasks] == ["classification", "ner", "topic", "mood"]
    assert bundle.about.settings["added_heads"].keys() == {"topic", "mood"}
    assert answers(run.folder) == answers(base.folder)


def test_a_head_cannot_have_the_name_of_another(base: TrainedRun, write: Write, tmp_path: Path) -> None:
    settings = settings_with(tasks={"ner": TOPIC}, **{"data.train": write(TOPICS), "output": tmp_path / "more"})
    with pytest.raises(
        SettingsError, match=r"^--task: the model has a task 'ner' already \(it has classification, ner\)"
    ):
        settings_of_head(settings, "ner", open_model(base.folder))


def test_a_head_must_be_described(base: TrainedRun, write: Write, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"describe no task 'topik' in \[tasks\.topik\]; .*did you mean 'topic'"):
        settings_of_head(settings_for(tmp_path, write(TOPICS)), "topik", open_model(base.folder))


def test_of_several_tasks_and_sets_only_those_of_the_new_head_are_used(
    base: TrainedRun, write: Write, tmp_path: Path
) -> None:
    sets = {
        "topics": {"train": write(TOPICS, "1.jsonl"), "tasks": {"topic": "topic", "ner": None}},
        "tags": {"train": tmp_path / "not-even-there.jsonl", "tasks": ["ner"]},
    }
    tasks = {"topic": TOPIC, "ner": {"kind": "tagging", "field": "ner_tags"}}
    settings = settings_with(sets=sets, tasks=tasks, **{"training.unfreeze": 1, "encoder": "another"})
    own = settings_of_head(settings, "topic", open_model(base.folder))
    assert list(own.tasks) == ["topic"]
    assert {name: kept.tasks for name, kept in own.data.sets.items()} == {"topics": {"topic": "topic"}}
    assert own.encoder == open_model(base.folder).about.encoder
    assert (own.training.freeze, own.training.unfreeze) == ("encoder", None)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_model_itself_is_not_overwritten(
    base: TrainedRun, add_head: Callable[..., TrainedRun], tmp_path: Path
) -> None:
    """The default of --output may be the very folder that the model is in."""
    copy = tmp_path / "saved_model"
    shutil.copytree(base.folder, copy)
    before = files_of(copy)
    with pytest.raises(SettingsError, match="output"):
        add_head(copy, copy)
    assert files_of(copy) == before


@pytest.fixture
def _another_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BundleError("the logits of task 'ner' differ from before by up to 1.0; nothing was kept")

    monkeypatch.setattr("polyhead.training.extending.prove_unchanged", fail)


@pytest.mark.usefixtures("_another_answer")
def test_where_the_proof_fails_no_model_is_left(add_head: Callable[..., TrainedRun], tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing was kept"):
        add_head(output=tmp_path / "more")
    with pytest.raises(BundleError):
        locate(tmp_path / "more")


@pytest.mark.usefixtures("_another_answer")
def test_where_the_proof_fails_foreign_files_are_left_alone(
    add_head: Callable[..., TrainedRun], tmp_path: Path
) -> None:
    output = tmp_path / "more"
    output.mkdir()
    (output / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="nothing was kept"):
        add_head(output=output)
    assert not list(output.glob("epoch-*"))
    assert (output / "notes.txt").read_text() == "mine"


def test_a_head_that_was_added_can_be_removed_and_nothing_is_left_of_it(
    base: TrainedRun, add_head: Callable[..., TrainedRun], tmp_path: Path
) -> None:
    folder = remove_head(add_head().folder, "topic", tmp_path / "less")
    assert folder == tmp_path / "less"
    found, before = weights_of(folder), weights_of(base.folder)
    assert found.keys() == before.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in before.items())
    assert answers(folder) == answers(base.folder)
    assert [task.name for task in open_model(folder).tasks] == ["classification", "ner"]


@pytest.mark.parametrize(("task", "other"), [("ner", "classification"), ("classification", "ner")])
def test_the_heads_that_stay_answer_as_before(task: str, other: str, base: TrainedRun, tmp_path: Path) -> None:
    folder = remove_head(base.folder, task, tmp_path / "less")
    assert answers(folder, (other,)) == answers(base.folder, (other,))
    about, before = open_model(folder).about, open_model(base.folder).about
    assert [state["name"] for state in about.tasks] == [other]
    assert about.dev["tasks"] == {other: before.dev["tasks"][other]}
    assert about.dev["frame_accuracy"] is None
    assert not any(task in name for name in weights_of(folder))


def test_a_head_can_be_removed_from_a_single_file(single_file_run: TrainedRun, tmp_path: Path) -> None:
    file = single_file_run.folder / "mtl_epoch2.pt"
    folder = remove_head(file, "ner", tmp_path / "less")
    assert answers(folder, ("classification",)) == answers(file, ("classification",))


def test_a_head_that_is_not_there_cannot_be_removed(base: TrainedRun, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        remove_head(base.folder, "nre", tmp_path / "less")
    assert str(caught.value) == (
        "--task: the model has no task 'nre'; known: classification, ner (did you mean 'ner'?)"
    )
    assert not (tmp_path / "less").exists()


def test_the_only_head_cannot_be_removed(base: TrainedRun, tmp_path: Path) -> None:
    remove_head(base.folder, "ner", tmp_path / "less")
    with pytest.raises(SettingsError, match="'classification' is the model's only task"):
        remove_head(tmp_path / "less", "classification", tmp_path / "none")


def test_a_folder_that_is_there_is_not_written_over(base: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "less").mkdir()
    (tmp_path / "less" / "notes.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is there already; name a new folder"):
        remove_head(base.folder, "ner", tmp_path / "less")
    assert files_of(tmp_path / "less") == {"notes.txt": b"mine"}


@pytest.mark.usefixtures("_another_answer")
def test_where_the_proof_fails_nothing_is_removed(base: TrainedRun, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nothing was kept"):
        remove_head(base.folder, "ner", tmp_path / "less")
    assert not (tmp_path / "less").exists()


def test_the_account_of_the_run_names_all_tasks(add_head: Callable[..., TrainedRun]) -> None:
    account = json.loads((add_head().folder / "run.json").read_text(encoding="utf-8"))
    assert [task["name"] for task in account["tasks"]] == ["classification", "ner", "topic"]
    assert account["settings"]["training"]["freeze"] == "encoder"
