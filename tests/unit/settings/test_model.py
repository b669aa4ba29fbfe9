from pathlib import Path

import pytest
from pydantic import ValidationError

from polyhead.errors import SettingsError
from polyhead.settings import RunSettings, load_settings

TASK = {"kind": "tagging", "field": "tags"}


def complaint(**flags):
    with pytest.raises(SettingsError) as caught:
        load_settings(flags={key.replace("__", "."): value for key, value in flags.items()})
    return str(caught.value)


def test_defaults():
    settings = RunSettings()
    assert settings.encoder == "distilbert-base-uncased"
    assert settings.output == Path("saved_model")
    assert not settings.strict
    assert settings.tasks == {}
    assert (settings.data.train, settings.data.dev, settings.data.text_field) == ((), (), None)
    assert settings.data.max_characters == 100_000
    assert (settings.encoding.max_length, settings.encoding.overlap) == (None, None)
    assert settings.training.model_dump() == {
        "strategy": "joint",
        "epochs": 2,
        "batch_size": None,
        "lr": None,
        "head_lr": None,
        "warmup": 0.1,
        "weight_decay": 0.01,
        "clip": 1.0,
        "head_dropout": 0.1,
        "freeze": None,
        "seed": 42,
        "precision": "auto",
    }


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        RunSettings().training.epochs = 3


def test_one_file_is_a_list_of_one():
    settings = load_settings(flags={"data.train": "a.json", "data.dev": ["b.json", Path("c.json")]})
    assert settings.data.train == (Path("a.json"),)
    assert settings.data.dev == (Path("b.json"), Path("c.json"))


@pytest.mark.parametrize(("given", "wanted"), [("encoder", "encoder"), ("embeddings", "embeddings"), ("4", 4), (4, 4)])
def test_freeze_is_a_name_or_a_number(given, wanted):
    assert load_settings(flags={"training.freeze": given}).training.freeze == wanted


@pytest.mark.parametrize("name", ["text", "windows", "a.b", "", "-x", "a b", "ä"])
def test_some_names_cannot_be_a_tasks(name):
    with pytest.raises(ValidationError, match="cannot be a task's name"):
        RunSettings(tasks={name: TASK})


@pytest.mark.parametrize("name", ["ner", "NER-2", "my_task", "1"])
def test_others_can(name):
    assert list(RunSettings(tasks={name: TASK}).tasks) == [name]


def test_a_reserved_name_is_said():
    assert "'windows' cannot be a task's name: letters, digits, '_' and '-', and neither 'text' nor 'windows'" in (
        complaint(tasks={"windows": TASK})
    )


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"training__epochs": 0}, "training.epochs: input should be greater than or equal to 1, found 0"),
        ({"training__epochs": "many"}, "training.epochs: input should be a valid integer"),
        ({"training__lr": 0.0}, "training.lr: input should be greater than 0, found 0.0"),
        ({"training__lr": float("nan")}, "training.lr: input should be "),
        ({"training__warmup": 1.0}, "training.warmup: input should be less than 1, found 1.0"),
        ({"training__strategy": "jiont"}, "training.strategy: input should be 'joint' or 'alternating', found 'jiont'"),
        ({"training__seed": -1}, "training.seed: input should be greater than or equal to 0, found -1"),
        ({"training__freeze": 0}, "training.freeze: input should be "),
        ({"encoding__max_length": 7}, "encoding.max_length: input should be greater than or equal to 8, found 7"),
        ({"data__max_characters": 0}, "data.max_characters: input should be greater than or equal to 1, found 0"),
        ({"data__train": 3}, "data.train: input should be a valid tuple, found 3"),
        ({"strict": "perhaps"}, "strict: input should be a valid boolean"),
        ({"training": 3}, "training: input should be a valid dictionary"),
        ({"tasks__ner__kind": "tagging"}, "tasks.ner.field: must be given"),
        ({"tasks": {"ner": {**TASK, "weight": -1}}}, "tasks.ner.weight: input should be greater than or equal to 0"),
        ({"tasks": {"ner": 7}}, "tasks.ner: input should be a valid dictionary"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_its_key(flags, wanted):
    assert wanted in complaint(**flags)
    assert complaint(**flags).startswith(wanted.split(":")[0] + ":")


def test_all_problems_are_told_at_once():
    assert complaint(training__epochs=0, training__warmup=2.0).count("\n") == 1
