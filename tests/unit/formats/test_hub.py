import sys
from types import SimpleNamespace

import pyarrow as pa
import pytest

from polyhead.errors import DataError, MissingExtraError, SettingsError
from polyhead.formats import read_raw


class Loaded:
    """What the library gives for one split, as far as it is used."""

    def __init__(self, **columns):
        self.features = SimpleNamespace(to_dict=lambda: {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}})
        self._table = pa.table(columns)

    def with_format(self, name):
        assert name == "arrow"
        return self

    def iter(self, size):
        for at in range(0, self._table.num_rows, size):
            yield self._table.slice(at, size)


@pytest.fixture
def library(monkeypatch):
    """A `datasets` that answers with what it is given, and keeps what it was asked."""
    asked = []

    def _library(answer, version="4.1.0"):
        def load_dataset(*args, **options):
            asked.append((args, options))
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset, __version__=version))
        return asked

    return _library


@pytest.mark.parametrize(
    ("path", "args", "split"),
    [
        ("hf:sst", ("sst", None), None),
        ("hf:own/sst", ("own/sst", None), None),
        ("hf:own/sst:test", ("own/sst", None), "test"),
        ("hf:own/sst/en:test", ("own/sst", "en"), "test"),
    ],
)
def test_a_set_is_loaded_by_its_name_and_nothing_of_it_is_run(library, path, args, split):
    asked = library(Loaded(text=["a", "b"], label=[1, -1]))
    assert [raw.fields for raw in read_raw(path)] == [{"text": "a", "label": "pos"}, {"text": "b"}]
    assert asked == [(args, {"split": split})]


def test_one_split_needs_no_name(library):
    library({"train": Loaded(text=["a"])})
    (raw,) = read_raw("hf:own/sst")
    assert str(raw.source) == "hf:own/sst:1"


def test_several_splits_are_listed(library):
    library({"train": Loaded(text=["a"]), "test": Loaded(text=["a"])})
    with pytest.raises(DataError, match="has several splits; name one: hf:own/sst:train, hf:own/sst:test"):
        list(read_raw("hf:own/sst"))


def test_what_the_library_says_is_passed_on(library):
    library(ConnectionError("no\nnetwork"))
    with pytest.raises(DataError, match=r"^hf:own/sst: cannot be loaded: ConnectionError: no network"):
        list(read_raw("hf:own/sst"))


def test_a_library_that_might_run_code_is_not_used(library):
    asked = library(Loaded(text=["a"]), version="2.14.5")
    with pytest.raises(MissingExtraError, match=r"2\.14\.5 may run code that comes with a data set.*polyhead\[hub\]"):
        list(read_raw("hf:own/sst"))
    assert asked == []


def test_without_the_library_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"polyhead\[hub\]"):
        list(read_raw("hf:own/sst"))


@pytest.mark.parametrize("path", ["hf:", "hf:a//b", "hf:a/b/c/d", "hf::test"])
def test_a_name_must_be_one(path):
    with pytest.raises(SettingsError, match="must be hf:owner/name"):
        list(read_raw(path))


def test_a_file_of_that_name_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hf:a.jsonl").write_text('{"text": "a"}\n')
    assert [raw.fields for raw in read_raw("hf:a.jsonl")] == [{"text": "a"}]
