import pytest

from polyhead.bundle import new_folder, write_text
from polyhead.bundle.saving import new_file


class PowerCutError(Exception):
    pass


def content(folder):
    return {str(path.relative_to(folder)): path.read_text() if path.is_file() else None for path in folder.rglob("*")}


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
