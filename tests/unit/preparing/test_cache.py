"""The folder of the cache: entries appear whole, are checked when found, and go when there is no room."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from polyhead.bundle import saving
from polyhead.preparing import cache as module
from polyhead.preparing.cache import Cache, Entry

KEYS = ["0" * 32, "1" * 32, "a" * 32]


def write(cache: Cache, key: str, content: str = "x" * 100, kind: str = "rows") -> Entry:
    with cache.new(kind, key) as entry:
        (entry.folder / "file").write_text(content)
    return entry


def names(cache: Cache) -> list[str]:
    return sorted(path.name for path in cache.folder.iterdir())


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_an_entry_is_found_by_kind_and_key(cache: Cache) -> None:
    assert cache.find("rows", KEYS[0], ["file"]) is None
    entry = write(cache, KEYS[0], "content")
    assert entry.folder == cache.folder / f"rows-{KEYS[0]}"
    found = cache.find("rows", KEYS[0], ["file"])
    assert found is not None
    assert (found.folder / "file").read_text() == "content"
    assert cache.find("records", KEYS[0], ["file"]) is None
    assert cache.find("rows", KEYS[1], ["file"]) is None
    assert cache.said == []


def test_nothing_is_there_of_what_was_not_finished(cache: Cache) -> None:
    with pytest.raises(KeyError), cache.new("rows", KEYS[0]):
        raise KeyError
    assert names(cache) == []


@pytest.mark.parametrize("damage", ["cut", "longer", "altered", "missing", "no manifest", "a link", "manifest"])
def test_a_damaged_entry_is_said_and_removed(cache: Cache, damage: str) -> None:
    folder = write(cache, KEYS[0]).folder
    match damage:
        case "cut":
            os.truncate(folder / "file", 50)
        case "longer":
            (folder / "file").write_text("x" * 101)
        case "altered":
            (folder / "file").write_text("x" * 99 + "y")
        case "missing":
            (folder / "file").unlink()
        case "no manifest":
            (folder / "manifest.json").unlink()
        case "a link":
            (folder / "file").rename(folder / "other")
            (folder / "file").symlink_to(folder / "other")
        case "manifest":
            (folder / "manifest.json").write_text("{}")
    assert cache.find("rows", KEYS[0], ["file"]) is None
    (line,) = cache.said
    assert line.startswith("a damaged entry was removed: ")
    assert str(folder) in line
    assert line.endswith("it is made anew")
    assert names(cache) == []
    write(cache, KEYS[0])
    assert cache.find("rows", KEYS[0], ["file"]) is not None


def test_who_writes_what_is_there_already_replaces_it_under_whoever_uses_it(cache: Cache) -> None:
    """As two processes do that begin at once."""
    with cache.new("rows", KEYS[0]) as one, Cache(cache.folder).new("rows", KEYS[0]) as other:
        (one.folder / "file").write_text("content")
        (other.folder / "file").write_text("content")
    assert names(cache) == [f"rows-{KEYS[0]}"]
    assert cache.find("rows", KEYS[0], ["file"]) is not None


def test_who_comes_a_moment_later_uses_what_is_there(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cache, KEYS[0], "content")

    def too_late(temporary: Path, folder: Path) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(folder))

    monkeypatch.setattr(saving, "_take_place", too_late)
    entry = write(cache, KEYS[0], "content")
    assert (entry.folder / "file").read_text() == "content"
    assert names(cache) == [f"rows-{KEYS[0]}"]
    with pytest.raises(OSError, match="No space"), cache.new("rows", KEYS[0]):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_those_not_used_for_longest_go_when_there_is_no_room(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(cache, KEYS[0]).folder, write(cache, KEYS[1], kind="records").folder
    os.utime(first, (1000, 1000))
    os.utime(second, (2000, 2000))
    assert cache.find("rows", KEYS[0], ["file"]), "which is a use"
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    entry = write(cache, KEYS[2], "x" * 400)
    assert names(cache) == [f"rows-{KEYS[0]}", f"rows-{KEYS[2]}"]
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    held = cache.find("rows", KEYS[0], ["file"])
    write(cache, KEYS[1])
    assert held
    assert names(cache) == [f"rows-{KEYS[0]}", f"rows-{KEYS[1]}", f"rows-{KEYS[2]}"], "what is in use stays"
    del entry, held
    last = write(cache, KEYS[1])
    assert names(cache) == [last.folder.name], "the new one stays, however large"


def test_a_large_entry_is_refused_before_it_is_written(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    write(cache, KEYS[0])
    with pytest.raises(OSError, match=r"30\.0 GB are needed, of 21\.5 GB at most"):
        cache.require(30 * 10**9)
    monkeypatch.setattr(module, "LEFT_FREE", 10**18)
    with pytest.raises(OSError, match=r"1\.0 MB are needed, of .* GB that are free"):
        cache.require(10**6)
    assert names(cache) == [f"rows-{KEYS[0]}"]


def test_room_is_made_for_what_is_to_come(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(cache, KEYS[0]).folder, write(cache, KEYS[1], kind="states").folder
    os.utime(first, (1000, 1000))
    monkeypatch.setattr(module, "MOST_BYTES", 2000)
    cache.require(100)
    assert names(cache) == sorted([first.name, second.name])
    cache.require(1990)
    assert second.name not in names(cache) or first.name not in names(cache)


def test_the_setting_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Cache.at("off") is None
    assert Cache.at(tmp_path).folder == tmp_path  # type: ignore[union-attr]
    monkeypatch.delenv("POLYHEAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache.at(None).folder == tmp_path / "polyhead"  # type: ignore[union-attr]
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache.at(None).folder == tmp_path / ".cache" / "polyhead"  # type: ignore[union-attr]


def test_what_is_none_of_ours_stays(cache: Cache, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 0)
    monkeypatch.setattr(module, "_YOUNG", -1.0)
    write(cache, KEYS[0])
    others = ["notes.txt", "rows-mine", ".hidden", ".rows-x.tmp"]
    for name in others:
        (cache.folder / name).mkdir()
    (tmp_path / "elsewhere").mkdir()
    (cache.folder / f"rows-{KEYS[1]}").symlink_to(tmp_path / "elsewhere")
    write(cache, KEYS[2])
    assert names(cache) == sorted([*others, f"rows-{KEYS[1]}", f"rows-{KEYS[2]}"])
    assert (tmp_path / "elsewhere").is_dir()


def test_what_a_killed_process_left_goes_and_what_is_being_written_stays(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = cache.folder / f".rows-{KEYS[0]}-01234567.tmp"
    left.mkdir(parents=True)
    (left / "file").write_text("half")
    write(cache, KEYS[1])
    assert left.is_dir(), "it is young: its process may be about to lock it"
    monkeypatch.setattr(module, "_YOUNG", -1.0)
    with cache.new("rows", KEYS[0]) as writing:
        write(cache, KEYS[2])
        assert writing.folder.is_dir()
        assert not left.exists()


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"POLYHEAD_CACHE": "/own"}, "/own"),
        ({"XDG_CACHE_HOME": "/xdg"}, "/xdg/polyhead"),
        ({}, "/home/someone/.cache/polyhead"),
    ],
)
def test_where_it_is(environment: dict[str, str], wanted: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("POLYHEAD_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/someone", **environment}.items():
        monkeypatch.setenv(name, value)
    data = tmp_path / "data.jsonl"
    data.write_bytes(b" " * module.SMALLEST)
    found = Cache.for_files(None, [data])
    assert found is not None
    assert str(found.folder) == wanted


def test_small_data_are_kept_only_where_a_folder_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_bytes(b" " * (module.SMALLEST // 2))
    assert Cache.for_files(None, [data]) is None
    assert Cache.for_files(None, [data, data]) is not None
    named = Cache.for_files(tmp_path / "here", [data])
    assert named is not None
    assert named.folder == tmp_path / "here"
    assert Cache.for_files("off", [data, data]) is None
    assert Cache.for_files(None, [tmp_path / "absent"]) is None, "reading says that it is not there"
