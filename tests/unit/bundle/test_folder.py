import json

import pytest

from polyhead.bundle import read_folder, write_folder
from polyhead.errors import BundleError
from tests.unit.bundle.abouts import TASKS, about
from tests.unit.encoders import tokenizer_json

FILES = ["polyhead.json", "config.json", "tokenizer.json", "model.safetensors"]


def write(folder, *, config='{"model_type": "x"}', write_weights=lambda path: path.write_bytes(b"weights")):
    write_folder(
        folder,
        about=about(),
        config_json=config,
        tokenizer_json=tokenizer_json("distilbert"),
        write_weights=write_weights,
    )
    return folder


@pytest.fixture
def bundle(tmp_path):
    return write(tmp_path / "model")


def test_it_comes_back_as_it_was(bundle):
    found = read_folder(bundle)
    assert found.about == about()
    assert found.tasks == TASKS
    assert found.config == {"model_type": "x"}
    assert found.weights == bundle / "model.safetensors"
    assert found.text_encoder().encode(["play"])[0].text == "play"
    assert sorted(path.name for path in bundle.iterdir()) == sorted([*FILES, "manifest.json"])


def test_everyone_may_read_what_is_saved(tmp_path):
    def private(path):
        path.touch(mode=0o600)

    modes = {path.stat().st_mode & 0o777 for path in write(tmp_path / "model", write_weights=private).iterdir()}
    assert modes == {tmp_path.joinpath("model").stat().st_mode & 0o666}


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_named(bundle, name):
    (bundle / name).unlink()
    with pytest.raises(BundleError) as caught:
        read_folder(bundle)
    assert str(caught.value) == (
        f"{bundle / name}: missing; the bundle is not whole. Copy it again, or take another epoch"
    )


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_size_is_named(bundle, name):
    with (bundle / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(BundleError, match=rf"{name}: altered: it has [\d,]+ bytes, the manifest says [\d,]+; "):
        read_folder(bundle)


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_is_found(bundle, name):
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: altered: its SHA-256 is not the one in the manifest; the bundle"):
        read_folder(bundle)


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": {}}', '{"files": {"polyhead.json": 7}}', "null"])
def test_a_broken_manifest_is_refused(bundle, manifest):
    (bundle / "manifest.json").write_text(manifest)
    with pytest.raises(BundleError, match="cannot be read as a manifest"):
        read_folder(bundle)


def test_a_bundle_that_could_not_be_written_is_not_there(tmp_path):
    def fail(path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "model", write_weights=fail)
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_takes_the_place_of_the_one_before(bundle):
    (bundle / "stray").touch()
    write(bundle, config='{"model_type": "y"}')
    assert read_folder(bundle).config == {"model_type": "y"}
    assert not (bundle / "stray").exists()


@pytest.mark.parametrize(
    "config", ['{"auto_map": {"AutoModel": "evil.Model"}}', '{"a": [{"auto_map": {"AutoModel": "evil.Model"}}]}']
)
def test_code_of_a_model_is_never_run(tmp_path, config):
    with pytest.raises(BundleError, match="asks for code of its own"):
        _ = read_folder(write(tmp_path / "model", config=config)).config


@pytest.mark.parametrize("config", ["no json", "[]", "7", '{"a": NaN}', "[" * 100_000])
def test_a_config_that_is_no_json_object(tmp_path, config):
    with pytest.raises(BundleError, match=r"^config\.json cannot be read: "):
        _ = read_folder(write(tmp_path / "model", config=config)).config


def test_the_manifest_lists_size_and_checksum(bundle):
    listed = json.loads((bundle / "manifest.json").read_text())["files"]
    assert sorted(listed) == sorted(FILES)
    assert all(listed[name]["bytes"] == (bundle / name).stat().st_size for name in FILES)
    assert all(len(listed[name]["sha256"]) == 64 for name in FILES)
