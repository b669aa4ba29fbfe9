"""What a single file is, by what stands in it rather than by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polyhead.bundle import parts
from polyhead.bundle.archive import Archive, read_archive
from polyhead.bundle.folder import ABOUT, CONFIG, LIMITS, TOKENIZER
from polyhead.bundle.manifest import MANIFEST
from polyhead.bundle.pickled import imports_of
from polyhead.bundle.reading import MIB, plain_file
from polyhead.bundle.single_file import FORMAT, of_archive
from polyhead.errors import BundleError

_BEGINNING = 64 * 1024

Examine = Callable[[], parts.Found]


@dataclass(frozen=True)
class Sort:
    """What a file is.

    Attributes:
        what: In words.
        checks: What is to be checked in it, by name.
    """

    what: str
    checks: tuple[tuple[str, Examine], ...]


def sort_of_file(path: Path) -> Sort:
    """Tell what a file is; a file that cannot be opened is of a sort whose check fails."""
    try:
        with plain_file(path, cure=parts.CURE) as (file, size):
            beginning = file.read(_BEGINNING)
    except BundleError as error:
        return Sort("no plain file", (("file", _failing(str(error))),))
    if beginning[:2] == b"PK":
        return _of_archive(path)
    if len(beginning) > 8 and beginning[8:9] == b"{" and beginning[:1] not in b"{[":
        return Sort("a safetensors file", (("header", lambda: parts.header(path)),))
    if beginning.lstrip()[:1] in (b"{", b"["):
        return _of_json(path, size)
    if beginning[:1] == b"\x80" or imports_of(beginning):
        imports = ", ".join(imports_of(beginning)[:5]) or "nothing that can be named"
        said = f"{path}: a bare pickle runs whatever stands in it when it is read; this one imports {imports}"
        return Sort("a bare pickle", (("pickle", _failing(said)),))
    return Sort("a file of a sort that is not known here", (("file", _failing(f"{path}: nothing here can check it")),))


def _failing(said: str) -> Examine:
    def examine() -> parts.Found:
        raise BundleError(said)

    return examine


def _of_archive(path: Path) -> Sort:
    try:
        archive = read_archive(path)
    except BundleError as error:
        return Sort("a .pt file, or another zip", (("archive", _failing(str(error))),))
    checks: list[tuple[str, Examine]] = [("archive and pickle", lambda: parts.pickle_of(archive))]
    if not isinstance(archive.value, dict) or archive.value.get("format") != FORMAT:
        return Sort("a .pt file of tensors that polyhead did not write", tuple(checks))
    return Sort("a model in one .pt file", (*checks, *_of_our_own(path, archive)))


def _of_our_own(path: Path, archive: Archive) -> tuple[tuple[str, Examine], ...]:
    try:
        file = of_archive(path, archive)
    except BundleError as error:
        return (("content", _failing(str(error))),)
    return (
        (ABOUT, lambda: parts.about(file.about)),
        (CONFIG, lambda: parts.config(file.config)),
        (TOKENIZER, lambda: parts.tokenizer(file.tokenizer)),
        ("weights", lambda: parts.weights(file.weights, "each laid out in a row, in a storage of its size")),
    )


def _of_json(path: Path, size: int) -> Sort:
    """Tell JSON files apart by their names, and the tokenizer's by its content as well."""
    if path.name == ABOUT:
        return Sort("tasks and settings of a bundle", ((ABOUT, lambda: parts.about(parts.text(path, LIMITS[ABOUT]))),))
    if path.name == MANIFEST:
        return Sort("the manifest of a folder", ((MANIFEST, lambda: parts.json_object(path)),))
    if path.name.endswith(CONFIG) and size <= MIB:
        return Sort("an encoder's settings", ((CONFIG, lambda: parts.config(parts.text(path, MIB))),))
    return Sort("a tokenizer, or JSON", ((TOKENIZER, lambda: parts.tokenizer(parts.text(path, LIMITS[TOKENIZER]))),))
