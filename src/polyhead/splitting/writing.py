"""The parts of a split as JSON lines: the very lines of the files, or their objects, one a line."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from polyhead.bundle.saving import new_file
from polyhead.errors import DataError, SettingsError
from polyhead.formats import read_raw
from polyhead.preparing.keys import file_digest
from polyhead.records import is_unicode
from polyhead.splitting.reading import Input

MANIFEST = "split.json"


def output_name(part: str) -> str:
    """Return the name of a part's file."""
    return f"{part}.jsonl"


def check_output(folder: Path, names: Sequence[str], *, force: bool) -> None:
    """See that nothing is overwritten without being asked for.

    Raises:
        SettingsError: If it would be, or the folder is a file.
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not existing.is_dir():
        raise SettingsError(f"--output: {existing} is a file; name a folder")
    there = [name for name in (MANIFEST, *map(output_name, names)) if (folder / name).exists()]
    if there and not force:
        raise SettingsError(
            f"--output: {folder} has {', '.join(there)} already; name another folder, or overwrite with --force"
        )


def write_split(
    folder: Path,
    names: Sequence[str],
    inputs: Sequence[Input],
    parts: Sequence[Sequence[int]],
    *,
    manifest: Callable[[dict[str, str]], str],
) -> None:
    """Write the parts and the manifest; all files take their names at the end, when each is whole.

    Args:
        folder: Where they go; it need not be there.
        names: Of the parts.
        inputs: The files that are split.
        parts: By file, then by record, the number of its part.
        manifest: Makes the manifest's text of the SHA-256 of each part's file.

    Raises:
        DataError: If a file is no longer what was read.
    """
    with ExitStack() as whole:
        # What is entered first takes its name last: where there is a manifest, there are the files that it speaks of.
        last = whole.enter_context(new_file(folder / MANIFEST))
        paths = [whole.enter_context(new_file(folder / output_name(name))) for name in names]
        with ExitStack() as files:
            streams = [files.enter_context(path.open("wb")) for path in paths]
            for own, numbers in zip(inputs, parts, strict=True):
                for line, part in zip(_lines(own), numbers, strict=True):
                    streams[part].write(line)
        for own in inputs:
            if file_digest(own.path) != own.sha256:
                raise DataError(f"{own.path}: was changed while it was split; nothing is written, split it again")
        digests = {output_name(name): file_digest(path) for name, path in zip(names, paths, strict=True)}
        last.write_text(manifest(digests), encoding="utf-8")


def _lines(own: Input) -> Iterator[bytes]:
    return _own_lines(own) if own.a_line_each else _made_lines(own)


def _own_lines(own: Input) -> Iterator[bytes]:
    """Yield the lines of a file at which records stand, byte by byte as they are."""
    wanted = iter([*own.lines, 0])
    number, sought = 0, next(wanted)
    with own.path.open("rb") as file:
        for stretch in file:
            # A lone carriage return ends a line, too, as it does for who reads the records.
            for line in stretch.splitlines(keepends=True):
                number += 1
                if number == sought:
                    first = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
                    yield first if first.endswith((b"\n", b"\r")) else first + b"\n"
                    sought = next(wanted)


def _made_lines(own: Input) -> Iterator[bytes]:
    """Yield the records of a file as one JSON object a line."""
    for raw in read_raw(own.path, way=own.way):
        try:
            line = json.dumps(raw.fields, ensure_ascii=False, allow_nan=False)
        except ValueError as error:
            raise DataError(f"{raw.source}: holds a number that is too large to be written again: {error}") from error
        if not is_unicode(line):  # half a surrogate pair can only be written as JSON escapes it
            line = json.dumps(raw.fields)
        yield line.encode() + b"\n"
