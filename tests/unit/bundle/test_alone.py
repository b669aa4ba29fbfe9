"""One process at a time in a folder, however processes end."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polyhead.bundle import alone
from polyhead.bundle.alone import LOCK_FILE, alone_in
from polyhead.errors import SettingsError

HOLDER = """
import subprocess, sys
from pathlib import Path
from polyhead.bundle.alone import alone_in
with alone_in(Path(sys.argv[1])):
    child = subprocess.Popen(["sleep", "60"]) if "child" in sys.argv else None
    print(child.pid if child else 0, flush=True)
    sys.stdin.read()
"""
COUNTING = """
import sys, time
from pathlib import Path
from polyhead.bundle.alone import alone_in
from polyhead.errors import SettingsError
folder, counter = Path(sys.argv[1]), Path(sys.argv[2])
done = 0
while done < 20:
    try:
        with alone_in(folder):
            count = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(count + 1))
            done += 1
    except SettingsError as error:
        if "works in" not in str(error):
            raise
        time.sleep(0.001)
"""


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Have another process work in a folder."""
    begun: list[subprocess.Popen[str]] = []

    def _hold(folder: Path, *how: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(folder), *how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        begun.append(process)
        assert process.stdout is not None
        process.child = int(process.stdout.readline())  # type: ignore[attr-defined]
        return process

    yield _hold
    for process in begun:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_works_there(hold: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    holder = hold(tmp_path / "out")
    with pytest.raises(SettingsError) as refused, alone_in(tmp_path / "out"):
        pass
    assert str(refused.value) == (
        f"output: another process ({holder.pid}) works in {tmp_path / 'out'}, and both would write the same files; "
        f"wait until it has ended, or name another folder"
    )
    with alone_in(tmp_path / "other"):
        pass
    holder.communicate("")
    assert not (tmp_path / "out").exists()
    with alone_in(tmp_path / "out"):
        assert (tmp_path / "out").is_dir()


def test_links_to_a_folder_are_the_folder(hold: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    hold(tmp_path / "real")
    with pytest.raises(SettingsError, match="works in"), alone_in(tmp_path / "link"):
        pass


@pytest.mark.parametrize("how", ["plain", "child"])
def test_a_killed_process_is_in_nobodys_way(
    hold: Callable[..., subprocess.Popen[str]], tmp_path: Path, how: str
) -> None:
    """Nor are the processes that it had begun."""
    holder = hold(tmp_path / "out", how)
    holder.kill()
    holder.wait()
    assert (tmp_path / "out" / LOCK_FILE).read_text().startswith(f"{holder.pid} ")
    with alone_in(tmp_path / "out"):
        assert (tmp_path / "out" / LOCK_FILE).read_text().startswith(f"{os.getpid()} ")
    assert list((tmp_path / "out").iterdir()) == []
    if how == "child":
        os.kill(holder.child, signal.SIGKILL)  # type: ignore[attr-defined]


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with alone_in(tmp_path):
        with pytest.raises(SettingsError, match=r"output: this very process works in "), alone_in(tmp_path):
            pass
        assert (tmp_path / LOCK_FILE).is_file(), "who was refused removes nothing"
    assert list(tmp_path.iterdir()) == []


def test_what_was_made_goes_unless_something_is_in_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone_in(tmp_path / "a" / "b"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with alone_in(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").write_text("x")
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "file"]
    (tmp_path / "empty").mkdir()
    with alone_in(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir(), "it was there before"


def test_never_two_at_once(tmp_path: Path) -> None:
    """Three processes add to a number for which there is no other guard; the folder comes and goes between."""
    counter = tmp_path / "count"
    counter.write_text("0")
    command = [sys.executable, "-c", COUNTING, str(tmp_path / "a" / "out"), str(counter)]
    processes = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(timeout=120) for process in processes] == [0, 0, 0]
    assert counter.read_text() == "60"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["count"]


@pytest.mark.parametrize(
    ("content", "who"),
    [("", "another process"), ("12 elsewhere\n", r"another process \(12 on elsewhere\)"), ("x y\n", "another process")],
)
def test_it_says_as_much_as_is_known(tmp_path: Path, content: str, who: str) -> None:
    with alone_in(tmp_path):
        (tmp_path / LOCK_FILE).write_text(content)
        with pytest.raises(SettingsError, match=f"output: {who} works in"), alone_in(tmp_path):
            pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EBADF])
def test_where_a_disk_has_no_locks_everybody_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(alone.fcntl, "flock", none)
    with alone_in(tmp_path), alone_in(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_where_the_system_has_no_locks_everybody_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "fcntl", None)
    with alone_in(tmp_path / "out"), alone_in(tmp_path / "out"):
        assert list(tmp_path.iterdir()) == []


def test_a_link_in_the_lock_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK_FILE).symlink_to(tmp_path / "precious")
    with pytest.raises(SettingsError, match=rf"output: .*{LOCK_FILE} cannot be written"), alone_in(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == "text"


@pytest.mark.parametrize("place", ["/proc/none", "file/out"])
def test_what_cannot_be_made_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match=r"output: .* cannot be written: "), alone_in(tmp_path / place):
        pass
