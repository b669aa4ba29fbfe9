"""Entries appear whole or not at all, are no more than may be kept, and stay as long as someone uses them."""

from __future__ import annotations

import errno
import gc
import os
import time
from pathlib import Path

import pytest

from polyhead.errors import BundleError
from polyhead.training import entries as module
from polyhead.training.entries import Entries

FIRST, SECOND, THIRD = ("a" * 64, "b" * 64, "c" * 64)


@pytest.fixture
def entries(tmp_path: Path) -> Entries:
    return Entries(tmp_path / "states")


def fill(entries: Entries, key: str, *, size: int = 1000, age: float = 0.0) -> None:
    with entries.new(key) as entry:
        (entry.folder / "file").write_bytes(bytes(size))
    os.utime(entry.folder, (time.time() - age,) * 2)


def there(entries: Entries) -> list[str]:
    return sorted(path.name for path in entries.folder.iterdir())


def test_an_entry_is_found_again(entries: Entries) -> None:
    assert entries.find(FIRST, ["file"]) is None
    fill(entries, FIRST, age=1000)
    found = entries.find(FIRST, ["file"])
    assert found is not None
    assert found.folder == entries.folder / FIRST
    assert time.time() - found.folder.stat().st_mtime < 100, "it was used now"
    with pytest.raises(BundleError):
        entries.find(FIRST, ["another"])
    entries.remove(FIRST)
    assert there(entries) == []


def test_one_that_is_not_finished_is_not_there(entries: Entries) -> None:
    def fail() -> None:
        with entries.new(FIRST) as entry:
            (entry.folder / "file").write_bytes(b"half")
            raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert there(entries) == []


def test_two_that_make_the_same_entry(entries: Entries) -> None:
    with entries.new(FIRST) as one:
        (one.folder / "file").write_bytes(b"same")
        with entries.new(FIRST) as other:
            (other.folder / "file").write_bytes(b"same")
    assert one.folder == other.folder
    assert there(entries) == [FIRST]
    assert entries.find(FIRST, ["file"]) is not None


def test_the_oldest_go_first(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, age in ((FIRST, 100), (SECOND, 300), (THIRD, 200)):
        fill(entries, key, age=age)
    monkeypatch.setattr(module, "MOST_BYTES", 5000)
    entries.make_room(1000)
    assert there(entries) == [FIRST, SECOND, THIRD]
    entries.make_room(2000)
    assert there(entries) == [FIRST, THIRD]


def test_one_in_use_stays(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(entries, FIRST)
    fill(entries, SECOND)
    held = entries.find(FIRST, ["file"])
    os.utime(entries.folder / FIRST, (0, 0))
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    entries.make_room(1000)
    assert there(entries) == [FIRST]
    del held
    gc.collect()
    entries.make_room(1000)
    assert there(entries) == []


def test_what_does_not_fit_is_refused(entries: Entries, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(entries, FIRST)
    with pytest.raises(OSError, match=r"30\.0 GB are needed, of 20\.0 GB at most"):
        entries.make_room(30 * 10**9)
    monkeypatch.setattr(module, "LEFT_FREE", 10**18)
    with pytest.raises(OSError, match=r"1\.0 MB are needed, of .* GB that are free"):
        entries.make_room(10**6)
    assert there(entries) == [FIRST]


def test_what_a_killed_process_left_is_swept_away(entries: Entries, tmp_path: Path) -> None:
    fill(entries, FIRST)
    left, young = (f".{SECOND}-{number * 8}.tmp" for number in "12")
    for name in (left, young):
        (entries.folder / name).mkdir()
        (entries.folder / name / "file").write_bytes(b"half")
    (entries.folder / "notes.txt").write_text("a user's")
    os.utime(entries.folder / left, (0, 0))
    with entries.new(THIRD) as entry:
        os.utime(entry.folder, (0, 0))
        held = entry.folder.name
        fill(entries, SECOND)
        assert held in there(entries), "one that is being written is none that was left"
    assert there(entries) == sorted([young, FIRST, SECOND, THIRD, "notes.txt"])
