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
    assert settings.data.second_field is None
    assert settings.data.sets == {}
    assert settings.data.max_characters == 100_000
    assert settings.teacher.model_dump() == {"models": (), "data": (), "weight": 1.0, "temperature": 1.0}
    assert (settings.encoding.max_length, settings.encoding.overlap) == (None, None)
    assert settings.training.model_dump() == {
        "strategy": "joint",
        "mix_by": "auto",
        "temperature": 2.0,
        "balancing": "static",
        "uncertainty_lr": 0.02,
        "dwa_temperature": 2.0,
        "dwa_window": None,
        "cagrad_radius": 0.5,
        "diagnose": False,
        "epochs": 2,
        "batch_size": None,
        "lr": None,
        "head_lr": None,
        "layer_decay": 1.0,
        "warmup": 0.1,
        "weight_decay": 0.01,
        "clip": 1.0,
        "head_dropout": 0.1,
        "freeze": None,
        "unfreeze": None,
        "patience": None,
        "average": 1,
        "seed": 42,
        "precision": "auto",
        "token_budget": None,
        "checkpoint_activations": False,
        "compile": False,
        "on_nonfinite": "stop",
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
        (
            {"training__strategy": "jiont"},
            "training.strategy: input should be 'joint', 'alternating', 'proportional', 'uniform', 'temperature' or "
            "'round_robin', found 'jiont' (did you mean 'joint'?)",
        ),
        (
            {"training__mix_by": "sets"},
            "training.mix_by: input should be 'auto', 'set' or 'task', found 'sets' (did you mean 'set'?)",
        ),
        ({"training__temperature": 0.5}, "training.temperature: input should be greater than or equal to 1, found 0.5"),
        ({"training__layer_decay": 0.0}, "training.layer_decay: input should be greater than 0, found 0.0"),
        ({"training__layer_decay": 1.5}, "training.layer_decay: input should be less than or equal to 1, found 1.5"),
        ({"training__unfreeze": 0}, "training.unfreeze: input should be greater than or equal to 1, found 0"),
        ({"training__patience": 0}, "training.patience: input should be greater than or equal to 1, found 0"),
        ({"training__average": 0}, "training.average: input should be greater than or equal to 1, found 0"),
        ({"teacher__weight": -1.0}, "teacher.weight: input should be greater than or equal to 0, found -1.0"),
        ({"teacher__temperature": 0.0}, "teacher.temperature: input should be greater than 0, found 0.0"),
        ({"data__sets__a__weight": -1}, "data.sets.a.weight: input should be greater than or equal to 0, found -1"),
        ({"data__sets__a__tasks": 3}, "data.sets.a.tasks: input should be "),
        ({"data__sets__a__tasks": [3]}, "data.sets.a.tasks: input should be "),
        ({"tasks": {"ner": {**TASK, "patience": 0}}}, "tasks.ner.patience: input should be greater than or equal to 1"),
        (
            {"tasks": {"ner": {**TASK, "score_weight": -1}}},
            "tasks.ner.score_weight: input should be greater than or equal to 0, found -1",
        ),
        ({"training__seed": -1}, "training.seed: input should be greater than or equal to 0, found -1"),
        ({"training__freeze": 0}, "training.freeze: input should be "),
        ({"training__freeze": "encodr"}, "training.freeze: input should be a valid integer"),
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


def test_the_edges_of_what_training_settings_may_be():
    flags = {"temperature": 1, "layer_decay": 1, "unfreeze": 1, "patience": 1, "average": 1, "mix_by": "task"}
    training = load_settings(flags={f"training.{key}": value for key, value in flags.items()}).training
    assert training.model_dump().items() >= flags.items()


def test_what_chooses_epochs_can_be_set_by_task():
    assert RunSettings(tasks={"ner": TASK}).tasks["ner"].model_dump().items() >= (
        {"metric": None, "score_weight": 1.0, "patience": None, "weight": 1.0}.items()
    )
    given = {"metric": "recall", "score_weight": 0.0, "patience": 3}
    task = RunSettings(tasks={"ner": {**TASK, **given}}).tasks["ner"]
    assert task.model_dump().items() >= given.items()
    assert task.model_extra == {}


def sets_of(**sets):
    return load_settings(flags={"data.sets": sets}).data.sets


def test_a_data_set_has_files_fields_tasks_and_a_weight_of_its_own():
    one = {"train": ["a.json", "b.json"], "dev": "c.json", "text_field": "q", "second_field": "r", "weight": 0.5}
    sets = sets_of(one=one, two={"train": "d.json"})
    assert sets["one"].train == (Path("a.json"), Path("b.json"))
    assert sets["one"].dev == (Path("c.json"),)
    assert (sets["one"].text_field, sets["one"].second_field, sets["one"].weight) == ("q", "r", 0.5)
    assert (sets["two"].text_field, sets["two"].second_field, sets["two"].weight) == (None, None, 1.0)


def test_the_tasks_of_a_data_set_are_a_list_of_names_or_a_table_to_fields():
    sets = sets_of(
        names={"train": "a.json", "tasks": ["intent", "ner"]},
        table={"train": "a.json", "tasks": {"intent": "topic", "ner": "tags"}},
        none={"train": "a.json", "tasks": []},
        default={"train": "a.json"},
    )
    assert sets["names"].tasks == {"intent": None, "ner": None}
    assert sets["table"].tasks == {"intent": "topic", "ner": "tags"}
    assert sets["none"].tasks == {}
    assert sets["default"].tasks is None


@pytest.mark.parametrize(
    "own", [{"train": "a.json"}, {"dev": "a.json"}, {"text_field": "q"}, {"second_field": "r"}], ids=str
)
def test_files_and_fields_cannot_be_given_beside_data_sets(own):
    (key,) = own
    said = complaint(data={**own, "sets": {"a": {"train": "b.json"}}})
    assert said.startswith(f"data: {key!r} and 'sets' cannot both be given: with several sets each has its own")


def test_the_longest_text_is_that_of_all_data_sets():
    settings = load_settings(flags={"data": {"max_characters": 10, "sets": {"a": {"train": "b.json"}}}})
    assert settings.data.max_characters == 10


def test_files_without_a_set_make_one():
    data = load_settings(flags={"data": {"train": "a.json", "dev": "b.json", "second_field": "r"}}).data
    (name,) = data.all_sets()
    own = data.all_sets()[name]
    assert name == "data"
    assert (own.train, own.dev, own.text_field, own.second_field) == ((Path("a.json"),), (Path("b.json"),), None, "r")
    assert (own.tasks, own.weight) == (None, 1.0)


def test_sets_are_all_there_is_where_they_are_given():
    data = load_settings(flags={"data.sets": {"a": {"train": "b.json"}, "c": {"train": "d.json"}}}).data
    assert data.all_sets() == data.sets
    assert list(data.all_sets()) == ["a", "c"]


def test_a_teacher_and_a_text_may_be_given_without_a_list():
    teacher = load_settings(flags={"teacher.models": "m", "teacher.data": ["t.txt", "u.txt"]}).teacher
    assert (teacher.models, teacher.data) == ((Path("m"),), (Path("t.txt"), Path("u.txt")))
