"""The parts of a model, each checked by itself: what was found in words, and as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyhead.bundle.about import About
from polyhead.bundle.archive import Archive
from polyhead.bundle.encoder_config import parse_config
from polyhead.bundle.header import TensorInfo, read_header
from polyhead.bundle.manifest import MANIFEST, verify
from polyhead.bundle.reading import MIB, read_json, read_text
from polyhead.encoding.components import check_tokenizer
from polyhead.errors import BundleError

Found = tuple[str, dict[str, Any]]
CURE = "take it from whoever made it once more"
_MOST_NAMES = 10_000


def exists(path: Path) -> bool:
    """Whether there is something by that name, be it a link that leads nowhere."""
    try:
        return path.exists() or path.is_symlink()
    except (OSError, ValueError):
        return False


def names_in(folder: Path) -> set[str]:
    """Return the names in a folder.

    Raises:
        BundleError: If it cannot be read, or holds too many.
    """
    names: set[str] = set()
    try:
        for entry in folder.iterdir():
            names.add(entry.name)
            if len(names) > _MOST_NAMES:
                raise BundleError(f"{folder}: holds more than {_MOST_NAMES:,} names, so it is no model")
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read: {error}") from error
    return names


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of the plain files that lie in a folder."""
    files = [path] if not path.is_dir() else list(path.iterdir())
    return sum(file.lstat().st_size for file in files if file.is_file())


def text(path: Path, limit: int) -> str:
    """Read a plain file up to a limit."""
    return read_text(path, cure=CURE, limit=limit)


def manifest(folder: Path, names: Sequence[str], limits: Mapping[str, int]) -> Found:
    """Check files against the manifest."""
    verify(folder, names, cure=CURE, limits=limits)
    others = sorted(names_in(folder) - {*names, MANIFEST})
    more = f"; beside them {', '.join(others[:5])}, which nothing here opens" if others else ""
    return f"{len(names)} files, each with the size and SHA-256 that it lists{more}", {}


def no_links(folder: Path) -> Found:
    """See that nothing in a folder is a link."""
    links = sorted(name for name in names_in(folder) if (folder / name).is_symlink())
    if links:
        raise BundleError(f"{folder / links[0]}: a link, which a model's folder never holds: it would lead out of it")
    return "none: nothing leads out of the folder", {}


def about(content: str) -> Found:
    """Read tasks and settings."""
    found = About.parse(content)
    tasks = [{"name": task.name, "kind": task.kind, "labels": task.describe()} for task in found.restore_tasks()]
    said = f"{len(tasks)} tasks, saved after epoch {found.epoch}"
    adapters = {"adapters": [own.model_dump(mode="json") for own in found.adapters]} if found.adapters else {}
    return said, {"encoder": found.encoder, "tasks": tasks, "versions": found.versions, **adapters}


def config(content: str) -> Found:
    """Check the encoder's settings."""
    found = parse_config(content)
    return f"{found.get('model_type')}: no code of its own, sizes within reason", {
        "model_type": found.get("model_type")
    }


def tokenizer(content: str) -> Found:
    """Check the tokenizer's components."""
    found = check_tokenizer(content)
    said = f"{found.vocabulary.size:,} pieces; {', '.join(found.components)}"
    return said, {"pieces": found.vocabulary.size}


def header(path: Path) -> Found:
    """Check the header of a safetensors file."""
    return weights(read_header(path, cure=CURE), "a sound header, and the file is as long as it says")


def header_of_adapters(path: Path) -> Found:
    """Check the header of a safetensors file with adapters, whose weights are counted by themselves."""
    said, facts = header(path)
    return said, {f"adapter_{name}": value for name, value in facts.items()}


def weights(found: Mapping[str, TensorInfo], said: str) -> Found:
    """Count tensors and what they hold."""
    parameters = sum(info.elements for info in found.values())
    counted = f"{len(found):,} tensors with {parameters:,} parameters"
    return f"{counted}; {said}", {"tensors": len(found), "parameters": parameters}


def json_object(path: Path) -> Found:
    """Read a JSON object."""
    found = read_json(path, cure=CURE, limit=64 * MIB)
    if not isinstance(found, dict):
        raise BundleError(f"{path}: is no JSON object; {CURE}")
    return f"JSON with {len(found)} keys", {}


def pickle_of(archive: Archive) -> Found:
    """Say what a `.pt` file's pickle imports, which is known to be harmless by now."""
    tensors = {str(number): tensor for number, tensor in enumerate(_tensors(archive.value))}
    said, facts = weights(tensors, f"{archive.entries} entries, none compressed; imports {', '.join(archive.imports)}")
    return said, {**facts, "imports": list(archive.imports)}


def _tensors(value: Any) -> list[TensorInfo]:
    if isinstance(value, TensorInfo):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [tensor for one in inner for tensor in _tensors(one)]
