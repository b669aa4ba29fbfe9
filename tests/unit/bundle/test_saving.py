import pytest

from polyhead.bundle import new_folder, saving, write_text
from polyhead.bundle.manifest import MANIFEST, verify
from polyhead.bundle.saving import new_file, remove_folder, sweep
from polyhead.errors import BundleError


class PowerCutError(Exception):
    pass


def content(folder):
    """Everything below a folder but manifests."""
    return {
        str(path.relative_to(folder)): path.read_text() if path.is_file() else None
        for path in folder.rglob("*")
        if path.name != MANIFEST
    }


def fill(folder, text):
    with new_folder(folder) as temporary:
        (temporary / "a").write_text(text)


def half_done(begun, name, error):
    with begun as temporary:
        (temporary / name).write_text("half")
        raise error


def test_a_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "deep" / "model") as temporary:
        (temporary / "a").write_text("1")
        assert not (tmp_path / "deep" / "model").exists()
    assert content(tmp_path) == {"deep": None, "deep/model": None, "deep/model/a": "1"}


def test_a_folder_replaces_the_one_before(tmp_path):
    fill(tmp_path / "model", "old")
    (tmp_path / "model" / "b").write_text("left over")
    fill(tmp_path / "model", "new")
    assert content(tmp_path) == {"model": None, "model/a": "new"}


@pytest.mark.parametrize("error", [PowerCutError, KeyboardInterrupt])
def test_a_folder_that_was_not_finished_leaves_nothing(tmp_path, error):
    with pytest.raises(error):
        half_done(new_folder(tmp_path / "model"), "a", error)
    assert content(tmp_path) == {}


def test_a_folder_that_was_not_finished_keeps_the_one_before(tmp_path):
    fill(tmp_path / "model", "old")
    with pytest.raises(PowerCutError):
        half_done(new_folder(tmp_path / "model"), "a", PowerCutError)
    assert content(tmp_path) == {"model": None, "model/a": "old"}


def test_a_file_appears_whole(tmp_path):
    with new_file(tmp_path / "deep" / "m.pt") as temporary:
        temporary.write_text("1")
        assert not (tmp_path / "deep" / "m.pt").exists()
    assert content(tmp_path) == {"deep": None, "deep/m.pt": "1"}


def test_a_file_that_was_not_finished_keeps_the_one_before(tmp_path):
    write_text(tmp_path / "m", "old")
    with pytest.raises(PowerCutError):
        half_done(new_file(tmp_path / "m"), "", PowerCutError)
    assert content(tmp_path) == {"m": "old"}


def test_a_file_that_was_never_begun_leaves_nothing(tmp_path):
    with pytest.raises(PowerCutError), new_file(tmp_path / "m"):
        raise PowerCutError
    assert content(tmp_path) == {}


def test_text_is_written_as_utf_8_in_place_of_the_old(tmp_path):
    write_text(tmp_path / "m", "old and longer")
    write_text(tmp_path / "m", "é")
    assert (tmp_path / "m").read_bytes() == "é".encode()


def test_the_manifest_of_a_new_folder_is_true(tmp_path):
    fill(tmp_path / "model", "text")
    verify(tmp_path / "model", ["a"], cure="copy it again")
    (tmp_path / "model" / "a").write_text("tExt")
    with pytest.raises(BundleError, match=r"a: altered: .*; copy it again"):
        verify(tmp_path / "model", ["a"], cure="copy it again")


def test_the_name_is_never_without_a_folder(tmp_path, monkeypatch):
    fill(tmp_path / "model", "old")
    seen = []

    def exchange(temporary, folder):
        seen.append((content(temporary), content(folder)))
        done = real(temporary, folder)
        seen.append((content(temporary), content(folder)))
        return done

    real = saving._exchange
    monkeypatch.setattr(saving, "_exchange", exchange)
    fill(tmp_path / "model", "new")
    assert seen == [({"a": "new"}, {"a": "old"}), ({"a": "old"}, {"a": "new"})]


def test_a_folder_is_replaced_where_names_cannot_be_exchanged(tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "_exchange", lambda *_: False)
    fill(tmp_path / "model", "old")
    fill(tmp_path / "model", "new")
    assert content(tmp_path) == {"model": None, "model/a": "new"}


def test_sweeping_takes_what_was_left_unfinished_and_nothing_else(tmp_path):
    fill(tmp_path / ".mine.tmp", "kept")
    (tmp_path / ".run.json-0123abcd.tmp").write_text("half")
    (tmp_path / ".epoch-1-0123abcd.tmp").mkdir()
    (tmp_path / ".epoch-1-0123abcd.tmp" / "a").write_text("half")
    (tmp_path / ".linked-0123abcd.tmp").symlink_to(tmp_path / ".mine.tmp", target_is_directory=True)
    sweep(tmp_path)
    assert content(tmp_path) == {".mine.tmp": None, ".mine.tmp/a": "kept"}
    sweep(tmp_path / "absent")


def test_a_folder_that_is_removed_is_gone_at_once(tmp_path, monkeypatch):
    fill(tmp_path / "model", "old")

    def cut(folder):
        assert not (tmp_path / "model").exists()
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(saving.shutil, "rmtree", cut)
        with pytest.raises(PowerCutError):
            remove_folder(tmp_path / "model")
    sweep(tmp_path)
    assert content(tmp_path) == {}
