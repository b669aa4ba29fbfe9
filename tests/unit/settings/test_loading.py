from pathlib import Path

import pytest

from polyhead.errors import SettingsError
from polyhead.settings import load_settings, parse_assignment


@pytest.fixture
def config(tmp_path):
    def _config(text):
        path = tmp_path / "run.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return _config


def complaint(*args, **options):
    with pytest.raises(SettingsError) as caught:
        load_settings(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("assignment", "wanted"),
    [
        ("training.lr=3e-5", ("training.lr", 3e-5)),
        ("training.epochs=3", ("training.epochs", 3)),
        ("strict=true", ("strict", True)),
        ("encoder=minilm", ("encoder", "minilm")),
        ('encoder="minilm"', ("encoder", "minilm")),
        ("encoder=distilbert-base-uncased", ("encoder", "distilbert-base-uncased")),
        (" encoder = minilm ", ("encoder", "minilm")),
        ("encoder=a=b", ("encoder", "a=b")),
        ('data.train=["a.json", "b.json"]', ("data.train", ["a.json", "b.json"])),
        ("encoder=", ("encoder", "")),
    ],
)
def test_an_assignment_is_read_as_toml_else_as_a_string(assignment, wanted):
    assert parse_assignment(assignment) == wanted
    assert type(parse_assignment(assignment)[1]) is type(wanted[1])


@pytest.mark.parametrize("assignment", ["", "training.lr", "=3", "  =3"])
def test_an_assignment_needs_a_key_and_a_value(assignment):
    with pytest.raises(SettingsError) as caught:
        parse_assignment(assignment)
    assert str(caught.value) == f"--set {assignment}: wanted KEY=VALUE, for example --set training.lr=3e-5"


def test_a_flag_beats_set_which_beats_the_file_which_beats_the_defaults(config):
    path = config("[training]\nepochs = 3\nseed = 3\nlr = 3e-3\n")
    settings = load_settings(
        path,
        ["training.epochs=4", "training.seed=4"],
        {"training.epochs": 5, "training.warmup": None, "training.lr": None},
    ).training
    assert (settings.epochs, settings.seed, settings.lr, settings.warmup) == (5, 4, 3e-3, 0.1)


def test_a_later_set_beats_an_earlier():
    assert load_settings(assignments=["training.epochs=4", "training.epochs=6"]).training.epochs == 6


def test_paths_of_the_file_start_at_its_folder_and_others_do_not(config, tmp_path):
    path = config('output = "out"\n[data]\ntrain = ["a.json", "/abs/b.json"]\ndev = "../dev.json"\n')
    settings = load_settings(path)
    assert settings.output == tmp_path / "out"
    assert settings.data.train == (tmp_path / "a.json", Path("/abs/b.json"))
    assert settings.data.dev == (tmp_path / "../dev.json",)
    assert load_settings(path, ["data.dev=d.json"], {"output": "o"}).data.dev == (Path("d.json"),)
    assert load_settings(path, ["data.dev=d.json"], {"output": "o"}).output == Path("o")


def test_paths_of_data_sets_in_the_file_start_at_its_folder(config, tmp_path):
    path = config(
        '[data.sets.a]\ntrain = ["a.json", "/abs/b.json"]\n'
        '[data.sets.b]\ntrain = "c.json"\ndev = "../d.json"\ntext_field = "c.json"\n'
    )
    sets = load_settings(path).data.sets
    assert sets["a"].train == (tmp_path / "a.json", Path("/abs/b.json"))
    assert (sets["b"].train, sets["b"].dev) == ((tmp_path / "c.json",), (tmp_path / "../d.json",))
    assert sets["b"].text_field == "c.json"
    assert load_settings(path, ["data.sets.b.train=e.json"]).data.sets["b"].train == (Path("e.json"),)


def test_the_folder_of_the_cache_starts_at_the_files_own(config, tmp_path):
    path = config('[data]\ncache = "kept"\n')
    assert load_settings(path).data.cache == tmp_path / "kept"
    assert load_settings(path, ["data.cache=/elsewhere"]).data.cache == Path("/elsewhere")
    assert load_settings(path, ["data.cache=off"]).data.cache == "off"
    assert load_settings(config('[data]\ncache = "off"\n')).data.cache == "off"
    assert load_settings().data.cache is None


def test_paths_of_teachers_in_the_file_start_at_its_folder(config, tmp_path):
    path = config('[teacher]\nmodels = ["large", "/abs/other.pt"]\ndata = "more.txt"\n')
    teacher = load_settings(path).teacher
    assert teacher.models == (tmp_path / "large", Path("/abs/other.pt"))
    assert teacher.data == (tmp_path / "more.txt",)
    assert load_settings(path, ["teacher.models=m"]).teacher.models == (Path("m"),)


@pytest.mark.parametrize("text", ["[data]\nsets = 3\n", "[data.sets]\na = 3\n", "data = 3\n", "teacher = 3\n"])
def test_a_value_where_a_section_belongs_is_refused_as_such(config, text):
    assert "input should be a valid dictionary" in complaint(config(text))


@pytest.mark.parametrize(("encoder", "beside"), [("./enc", True), ("minilm", False), ("org/name", False)])
def test_an_encoder_beside_the_file_begins_with_a_dot(config, tmp_path, encoder, beside):
    wanted = str(tmp_path / "enc") if beside else encoder
    assert load_settings(config(f'encoder = "{encoder}"')).encoder == wanted


def test_tasks_come_from_the_file_with_the_settings_of_their_kind(config):
    path = config('[tasks.ner]\nkind = "tagging"\nfield = "tags"\nunit = "pretokenizer"\n')
    task = load_settings(path, ["tasks.ner.weight=0.5"]).tasks["ner"]
    assert (task.kind, task.field, task.weight, task.model_extra) == ("tagging", "tags", 0.5, {"unit": "pretokenizer"})


def test_an_unknown_key_of_the_file_names_the_file(config):
    path = config("[trainning]\nepochs = 3\n")
    assert complaint(path) == (
        f"{path}: trainning: no such setting; known: encoder, output, strict, data, tasks, encoding, training, "
        "adapters, teacher, saving, tracking (did you mean 'training'?)"
    )


def test_an_unknown_key_at_the_top():
    assert complaint(assignments=["encodr=x"]) == (
        "encodr: no such setting; known: encoder, output, strict, data, tasks, encoding, training, adapters, teacher, "
        "saving, tracking (did you mean 'encoder'?)"
    )


def test_an_unknown_key_in_a_section(config):
    said = complaint(config("[training]\nepoch = 3\n"))
    assert said.startswith("training.epoch: no such setting; known: strategy, mix_by, temperature, balancing, ")
    assert said.endswith("(did you mean 'epochs'?)")
    assert complaint(assignments=["encoding.overlaps=3"]) == (
        "encoding.overlaps: no such setting; known: max_length, overlap (did you mean 'overlap'?)"
    )
    assert complaint(assignments=["teacher.wieght=3"]) == (
        "teacher.wieght: no such setting; known: models, data, weight, temperature (did you mean 'weight'?)"
    )


def test_an_unknown_key_of_a_data_set(config):
    known = "known: train, dev, test, text_field, format, columns, second_field, tasks, weight"
    assert complaint(config('[data.sets.news]\ntrian = "a.json"\n')) == (
        f"data.sets.news.trian: no such setting; {known} (did you mean 'train'?)"
    )
    assert complaint(assignments=["data.sets.news.limit=3"]) == f"data.sets.news.limit: no such setting; {known}"


def test_an_unknown_key_beside_the_data_sets():
    said = complaint(assignments=["data.set.news.train=a.json"])
    assert said.startswith("data.set: no such setting; known: train, dev, ")
    assert said.endswith("(did you mean 'sets'?)")


@pytest.mark.parametrize("assignment", ["encoder.name=x", "training.epochs.first=2"])
def test_a_setting_is_no_section(assignment, config):
    path = config('encoder = "minilm"\n[training]\nepochs = 2\n')
    key = assignment.partition("=")[0]
    assert complaint(path, [assignment]) == f"{key}: {key.split('.')[-2]!r} is a setting, not a section"


def test_the_file_must_be_there(tmp_path):
    assert complaint(tmp_path / "no.toml") == f"--config {tmp_path / 'no.toml'}: no such file"
    assert complaint(tmp_path).startswith(f"--config {tmp_path}: cannot be read: ")


def test_the_file_must_be_toml(config):
    assert complaint(config("epochs: 3")).startswith(f"{config('epochs: 3')}: not valid TOML: ")


def test_the_file_must_be_utf_8(config):
    path = config("")
    path.write_bytes(b'encoder = "\xff"')
    assert complaint(path).startswith(f"--config {path}: cannot be read: ")


def test_no_source_at_all_gives_the_defaults():
    assert load_settings() == load_settings(None, [], {"training.epochs": None})


def test_an_assignment_is_one_setting():
    with pytest.raises(SettingsError, match=r"--set training\.epochs: wanted one setting"):
        parse_assignment("training.epochs=1\nother=2")
