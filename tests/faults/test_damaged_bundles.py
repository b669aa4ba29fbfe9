"""Each file of a bundle, damaged in each way that disks and people damage files: noticed by whatever opens it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import polyhead
from polyhead.bundle.folder import FILES
from polyhead.bundle.inspection import inspect_path
from polyhead.bundle.manifest import MANIFEST
from polyhead.cli.app import app, run
from polyhead.errors import BundleError, PolyheadError
from tests.faults.signing import sign

ALL = (*FILES, MANIFEST)


def _truncated(path: Path, _: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _cut_by_one(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _emptied(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def _one_bit(place: float) -> Callable[[Path, Path], None]:
    def flip(path: Path, _: Path) -> None:
        content = bytearray(path.read_bytes())
        content[int(len(content) * place)] ^= 1 << int(7 * place)
        path.write_bytes(content)

    return flip


def _deleted(path: Path, _: Path) -> None:
    path.unlink()


def _zeros(path: Path, _: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _swapped(path: Path, other: Path) -> None:
    shutil.copy(other / path.name, path)


def _a_folder(path: Path, _: Path) -> None:
    path.unlink()
    path.mkdir()


def _longer(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "truncated": _truncated,
    "cut_by_one_byte": _cut_by_one,
    "emptied": _emptied,
    "bit_at_the_front": _one_bit(0.0),
    "bit_in_the_middle": _one_bit(0.5),
    "bit_at_the_end": _one_bit(0.999),
    "deleted": _deleted,
    "zeros": _zeros,
    "of_another_run": _swapped,
    "a_folder": _a_folder,
    "a_byte_longer": _longer,
}


def _open(folder: Path, _: Path) -> Any:
    return polyhead.Predictor.load(folder)


def _evaluate(folder: Path, data: Path) -> Any:
    return polyhead.evaluate(folder, data)


OPENERS = {"load": _open, "evaluate": _evaluate}


BLANK = {(MANIFEST, "a_byte_longer"), (MANIFEST, "cut_by_one_byte")}
"""A line's end more or less behind the JSON, which says the same."""


@pytest.fixture(scope="module")
def other(encoder_folders: dict[str, Path], small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of another run, on another encoder, with the same tasks."""
    output = tmp_path_factory.mktemp("other") / "run"
    encoder = str(encoder_folders["roberta"])
    return polyhead.train(small_data, dev=small_data, encoder=encoder, output=output, epochs=1, precision="fp32").best


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ALL)
def test_damage_is_noticed(name: str, damage: str, opener: str, bundle: Path, other: Path, small_data: Path) -> None:
    DAMAGES[damage](bundle / name, other)
    if (name, damage) in BLANK:
        OPENERS[opener](bundle, small_data)
        return
    with pytest.raises(BundleError) as caught:
        OPENERS[opener](bundle, small_data)
    assert str(bundle) in str(caught.value)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ALL)
def test_the_command_line_says_so(
    name: str, damage: str, bundle: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    DAMAGES[damage](bundle / name, other)
    if (name, damage) in BLANK:
        pytest.skip("nothing is damaged")
    assert run(app, ["info", str(bundle)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert str(bundle) in said.err.replace("\n", "")
    assert not inspect_path(bundle).safe
    assert run(app, ["inspect", str(bundle)]) == 1
    assert "not safe to open" in capsys.readouterr().out


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_run_that_was_signed_for(name: str, bundle: Path, other: Path) -> None:
    """The manifest is right, so it is the parts themselves that must fit each other."""
    shutil.copy(other / name, bundle / name)
    sign(bundle)
    if name == "polyhead.json":  # the same tasks: it says what is true of this model, but for the id that fills rows up
        polyhead.Predictor.load(bundle)
        return
    with pytest.raises(PolyheadError, match=r"the weights lack|has ids up to|has shape|rows may"):
        polyhead.Predictor.load(bundle)
