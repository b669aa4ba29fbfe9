import json

import pyarrow as pa
import pytest

from polyhead.formats import Annotated, read_raw
from polyhead.formats.saved_set import SavedSet
from tests.unit.formats.reading_files import complaint_of, read_file

CLASSES = {"names": ["neg", "pos"], "_type": "ClassLabel"}
TAGS = {"names": ["O", "B-PER"], "_type": "ClassLabel"}
FEATURES = {
    "tokens": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"},
    "ner_tags": {"feature": TAGS, "_type": "Sequence"},
    "label": CLASSES,
}
ROWS = [
    {"tokens": ["Anna", "sings"], "ner_tags": [1, 0], "label": 1},
    {"tokens": ["no"], "ner_tags": None, "label": -1},
]


@pytest.fixture
def folder(tmp_path):
    def _folder(rows=(ROWS, ROWS[:1]), features=FEATURES, **state):
        path = tmp_path / "set"
        path.mkdir(exist_ok=True)
        names = [f"data-{at:05}-of-{len(rows):05}.arrow" for at in range(len(rows))]
        for name, own in zip(names, rows, strict=True):
            table = pa.Table.from_pylist(own)
            with (path / name).open("wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
        state = {"_data_files": [{"filename": name} for name in names]} | state
        (path / "state.json").write_text(json.dumps(state))
        (path / "dataset_info.json").write_text(json.dumps({"features": features}))
        return path

    return _folder


@pytest.mark.parametrize("tags", [{"feature": TAGS, "_type": "List"}, {"feature": TAGS, "_type": "Sequence"}, [TAGS]])
def test_classes_come_by_their_names(folder, tags):
    read = read_file(folder(features=FEATURES | {"ner_tags": tags}))
    assert read.fields == [
        {"text": "Anna sings", "ner_tags": ["B-PER", "O"], "label": "pos"},
        {"text": "no"},
        {"text": "Anna sings", "ner_tags": ["B-PER", "O"], "label": "pos"},
    ]
    assert [str(raw.source).removeprefix(f"{folder()}/") for raw in read.raws] == [
        "data-00000-of-00002.arrow:1",
        "data-00000-of-00002.arrow:2",
        "data-00001-of-00002.arrow:1",
    ]


def test_integers_without_names_stay_integers(folder):
    path = folder([[{"text": "a", "label": 1}]], features={"label": {"num_classes": 2, "_type": "ClassLabel"}})
    assert read_file(path).fields == [{"text": "a", "label": 1}]


def test_a_class_without_a_name_is_refused(folder):
    path = folder([[{"text": "a", "label": 0}, {"text": "b", "label": 2}]])
    assert complaint_of(path) == (
        "set/data-00000-of-00001.arrow:2: field 'label': class 2 has no name: there are 2, from 0"
    )


def test_several_sets_are_listed(tmp_path):
    (tmp_path / "sets").mkdir()
    (tmp_path / "sets" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert complaint_of(tmp_path / "sets") == (
        "sets: holds several data sets; name one of its folders: sets/train, sets/test"
    )


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ({"_data_files": [{"filename": "../outside.arrow"}]}, "set/../outside.arrow: leads out of the folder"),
        ({"_data_files": [{"filename": "/etc/passwd"}]}, "/etc/passwd: leads out of the folder"),
        ({"_data_files": [{"filename": "gone.arrow"}]}, "set/gone.arrow: no such file"),
        ({"_data_files": []}, "set/state.json: '_data_files' must be a list of objects with a 'filename'"),
        ({"_data_files": ["x"]}, "set/state.json: '_data_files' must be"),
        ({"_data_files": 3}, "set/state.json: '_data_files' must be"),
        ({"_indices_data_files": [{"filename": "x"}]}, "set: its rows are chosen by an index"),
    ],
)
def test_a_state_that_cannot_be_followed_is_refused(folder, state, wanted):
    assert complaint_of(folder(**state)).startswith(wanted)


@pytest.mark.parametrize(("name", "content"), [("state.json", "{"), ("dataset_info.json", "[]"), ("state.json", "NaN")])
def test_descriptions_must_be_json_objects(folder, name, content):
    path = folder()
    (path / name).write_text(content)
    assert complaint_of(path).startswith(f"set/{name}: ")


def test_names_stand_in_the_metadata_of_other_files(tmp_path):
    from pyarrow import parquet

    table = pa.Table.from_pylist(ROWS).replace_schema_metadata(
        {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    assert read_file(tmp_path / "a.parquet").fields[0]["label"] == "pos"
    parquet.write_table(table.replace_schema_metadata({"huggingface": "{"}), tmp_path / "b.parquet")
    assert next(read_raw(tmp_path / "b.parquet")).fields["label"] == 1


def test_equal_records_are_written_equal_and_others_are_not(tmp_path):
    def state(name, text):
        SavedSet().write([Annotated(text)], tmp_path / name, lambda loss: None)
        return (tmp_path / name / "state.json").read_text()

    assert state("a", "x") == state("b", "x") != state("c", "y")


def test_what_is_written_opens_in_the_library(tmp_path):
    datasets = pytest.importorskip("datasets")
    SavedSet().write([Annotated("a", "x")], tmp_path / "a", lambda loss: None)
    assert datasets.load_from_disk(str(tmp_path / "a"))[0]["text"] == "a"
