import json

import pytest

from polyhead.bundle import locate
from polyhead.errors import BundleError


@pytest.fixture
def run(tmp_path):
    def _run(account):
        (tmp_path / "run.json").write_text(account if isinstance(account, str) else json.dumps(account))
        return tmp_path

    return _run


def complaint(path):
    with pytest.raises(BundleError) as caught:
        locate(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["polyhead.json", "manifest.json"])
def test_a_bundle_is_itself(tmp_path, name):
    (tmp_path / name).touch()
    assert locate(str(tmp_path)) == tmp_path


def test_a_pt_file_is_itself(tmp_path):
    (tmp_path / "m.pt").touch()
    assert locate(tmp_path / "m.pt") == tmp_path / "m.pt"


@pytest.mark.parametrize(("name", "what"), [("m.bin", ".bin"), ("m", "nameless")])
def test_another_file_is_no_model(tmp_path, name, what):
    (tmp_path / name).touch()
    path = tmp_path / name
    assert complaint(path) == f"{path}: a model is a folder or a .pt file, this is a {what} file"


def test_nothing_there(tmp_path):
    assert complaint(tmp_path / "x").startswith(f"{tmp_path / 'x'}: no such model; ")


def test_another_folder_is_no_model(tmp_path):
    assert complaint(tmp_path) == (
        f"{tmp_path}: neither a bundle (no polyhead.json) nor the output folder of a run (no run.json)"
    )


def test_a_run_stands_for_its_best_epoch(run):
    folder = run({"best": "epoch_1", "epochs": [{"folder": "epoch_1"}, {"folder": "epoch_2"}]})
    assert locate(folder) == folder / "epoch_1"


def test_a_run_without_a_best_stands_for_its_last(run):
    folder = run({"best": None, "epochs": [{"folder": "epoch_1"}, {"folder": "epoch_2"}]})
    assert locate(folder) == folder / "epoch_2"


def test_a_run_without_an_epoch_has_no_model(run):
    assert complaint(run({"best": None, "epochs": []})).endswith("has not finished an epoch yet, so it has no model")


@pytest.mark.parametrize("account", ["", "{", "[]", "{}", '{"best": null}', '{"best": null, "epochs": 3}', "7", "null"])
def test_a_broken_account_of_a_run(run, account):
    assert "run.json: cannot be read as the account of a run: " in complaint(run(account))


@pytest.mark.parametrize("escape", ["../other", "/etc", "..", "a/b", "./a", ".", 7, ["a"]])
def test_a_run_cannot_name_what_lies_elsewhere(run, escape):
    assert complaint(run({"best": escape, "epochs": []})).endswith(
        f"run.json: names a bundle outside its own folder: {escape!r}"
    )


@pytest.mark.parametrize("escape", ["..", "../other"])
def test_neither_can_its_last_epoch(run, escape):
    assert "outside its own folder" in complaint(run({"best": None, "epochs": [{"folder": escape}]}))
