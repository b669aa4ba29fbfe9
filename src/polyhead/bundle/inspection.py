"""What a file or folder is, and whether it is safe to open: found out without loading, running or unpacking any of it.

inspect_path(path) → what it is → its checks, each with its outcome → safe, or not and why
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from polyhead.bundle import parts
from polyhead.bundle.adapters import ADAPTERS
from polyhead.bundle.encoder_folder import check_encoder_folder
from polyhead.bundle.exported import EXPORT, Exported, Graph
from polyhead.bundle.folder import ABOUT, CONFIG, FILES, LIMITS, TOKENIZER, WEIGHTS
from polyhead.bundle.locate import RUN_FILE, locate
from polyhead.bundle.manifest import MANIFEST
from polyhead.bundle.sorts import sort_of_file
from polyhead.errors import BundleError, PolyheadError

STATE, STATE_TENSORS = "state.json", "tensors.safetensors"
"""By these names a training state is known."""

Examine = Callable[[], parts.Found]


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What was checked.
        passed: Whether all was well.
        said: What was found, or what is wrong.
    """

    name: str
    passed: bool
    said: str


@dataclass(frozen=True)
class Inspection:
    """What a path is, and whether it is safe to open.

    Attributes:
        path: The path.
        what: What it is, in words.
        checks: The checks that were done.
        facts: What was read of it: ``bytes``, ``encoder``, ``tasks``, ``tensors``, ``parameters``, …
    """

    path: Path
    what: str
    checks: tuple[Check, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def safe(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """Return what `polyhead inspect --json` prints."""
        checks = [{"check": check.name, "passed": check.passed, "said": check.said} for check in self.checks]
        return {"path": str(self.path), "what": self.what, "safe": self.safe, **self.facts, "checks": checks}


def inspect_path(path: str | Path) -> Inspection:
    """Find out what a file or folder is, and whether it is safe to open.

    Nothing is loaded, run or unpacked, nothing is written, and torch is not needed.

    Args:
        path: A bundle, the output folder of a run, a training state, an encoder's folder, or a single file of these.

    Raises:
        BundleError: If there is nothing by that name, or a folder with nothing in it that is known.
    """
    path = Path(path)
    if not parts.exists(path):
        raise BundleError(f"{path}: no such file or folder")
    if not path.is_dir():
        return _inspect_file(path)
    names = parts.names_in(path)
    if RUN_FILE in names:
        return _inspect_run(path)
    if {STATE, STATE_TENSORS} <= names:
        return _inspect_state(path)
    if EXPORT in names and WEIGHTS not in names:
        return _inspect_exported(path)
    if ABOUT in names or MANIFEST in names:
        return _inspect_bundle(path)
    if CONFIG in names:
        return _inspect_encoder(path)
    raise BundleError(
        f"{path}: neither a bundle (no {ABOUT}), nor a run (no {RUN_FILE}), nor a training state (no {STATE}), nor an "
        f"encoder (no {CONFIG})"
    )


def _inspect_bundle(path: Path, what: str = "a bundle: a trained model as a folder") -> Inspection:
    return _inspection(path, what, _checks_of_bundle(path))


def _checks_of_bundle(path: Path) -> Iterator[tuple[str, Examine]]:
    """Yield the checks, of adapters where some lie there."""
    adapters = (ADAPTERS,) if parts.exists(path / ADAPTERS) else ()
    yield "manifest", lambda: parts.manifest(path, (*FILES, *adapters), LIMITS)
    yield "links", lambda: parts.no_links(path)
    spoken_of: list[str] = []
    for name, examine in _texts(path):
        yield name, partial(_noting_adapters, examine, spoken_of)
    yield WEIGHTS, lambda: parts.header(path / WEIGHTS)
    if adapters or spoken_of:
        yield ADAPTERS, lambda: parts.header_of_adapters(path / ADAPTERS)


def _noting_adapters(examine: Examine, spoken_of: list[str]) -> parts.Found:
    """Check a text, and note the adapters that it speaks of, so that a file that is lacking is missed."""
    said, facts = examine()
    spoken_of += [own["key"] for own in facts.get("adapters", ())]
    return said, facts


def _texts(path: Path) -> list[tuple[str, Examine]]:
    """Return the checks of what every bundle has."""
    return [
        (ABOUT, lambda: parts.about(parts.text(path / ABOUT, LIMITS[ABOUT]))),
        (CONFIG, lambda: parts.config(parts.text(path / CONFIG, LIMITS[CONFIG]))),
        (TOKENIZER, lambda: parts.tokenizer(parts.text(path / TOKENIZER, LIMITS[TOKENIZER]))),
    ]


def _inspect_exported(path: Path) -> Inspection:
    return _inspection(
        path, "an exported bundle: a trained model as graphs that run without torch", _checks_of_exported(path)
    )


def _checks_of_exported(path: Path) -> Iterator[tuple[str, Examine]]:
    """Yield the checks, those of the graphs when `export.json`, which names them, was read."""
    read: list[Exported] = []

    def export() -> parts.Found:
        read.append(Exported.parse(parts.text(path / EXPORT, LIMITS[CONFIG])))
        graphs = [graph.model_dump(mode="json", include={"file", "runs"}) for graph in read[0].graphs]
        return f"{len(graphs)} graphs", {"graphs": graphs}

    yield "links", lambda: parts.no_links(path)
    yield EXPORT, export
    for exported in read:
        yield "manifest", partial(parts.manifest, path, (*LIMITS, EXPORT, *exported.files), LIMITS)
        yield from _texts(path)
        for graph in exported.graphs:
            yield graph.file, partial(_graph, graph, path)


def _graph(graph: Graph, path: Path) -> parts.Found:
    return graph.check(path), {}


def _inspect_run(path: Path) -> Inspection:
    what = "the output folder of a run"
    try:
        chosen = locate(path)
    except PolyheadError as error:
        return Inspection(path, what, (Check(RUN_FILE, passed=False, said=str(error)),))
    inner = _inspect_bundle(chosen, f"{what}, which stands for its {chosen.name}")
    first = Check(RUN_FILE, passed=True, said=f"chooses {chosen.name}, which lies in the folder")
    return Inspection(path, inner.what, (first, *inner.checks), inner.facts)


def _inspect_state(path: Path) -> Inspection:
    return _inspection(
        path,
        "a training state: what a run goes on from",
        [
            ("manifest", lambda: parts.manifest(path, (STATE, STATE_TENSORS), {})),
            ("links", lambda: parts.no_links(path)),
            (STATE, lambda: parts.json_object(path / STATE)),
            (STATE_TENSORS, lambda: parts.header(path / STATE_TENSORS)),
        ],
    )


def _inspect_encoder(path: Path) -> Inspection:
    def whole() -> parts.Found:
        check_encoder_folder(str(path), path)
        return "no code of its own, no pickle of weights, sound headers", {}

    checks: list[tuple[str, Examine]] = [
        ("encoder", whole),
        (CONFIG, lambda: parts.config(parts.text((path / CONFIG).resolve(), LIMITS[CONFIG]))),
    ]
    if (path / TOKENIZER).exists():
        file = (path / TOKENIZER).resolve()
        checks.append((TOKENIZER, lambda: parts.tokenizer(parts.text(file, LIMITS[TOKENIZER]))))
    if (path / WEIGHTS).exists():
        checks.append((WEIGHTS, lambda: parts.header((path / WEIGHTS).resolve())))
    return _inspection(path, "an encoder's folder, to train on", checks)


def _inspect_file(path: Path) -> Inspection:
    real = path.resolve()  # the user's own link is followed, those in a model's folder are not
    sort = sort_of_file(real)
    return _inspection(path, sort.what, sort.checks)


def _inspection(path: Path, what: str, examines: Iterable[tuple[str, Examine]]) -> Inspection:
    checks, facts = [], {"bytes": parts.size_of(path)}
    for name, examine in examines:
        try:
            said, found = examine()
        except PolyheadError as error:
            checks.append(Check(name, passed=False, said=str(error)))
        else:
            checks.append(Check(name, passed=True, said=said))
            facts |= found
    return Inspection(path, what, tuple(checks), facts)
