"""`polyhead.splitting.split`: files to a folder of parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from polyhead.checking.duplicates import digest_of
from polyhead.errors import DataError, SettingsError
from polyhead.notices import Notices
from polyhead.settings import load_settings
from polyhead.splitting.account import counts_of
from polyhead.splitting.grouping import Joined
from polyhead.splitting.manifest import FORMAT_VERSION, dump, runs_of
from polyhead.splitting.near import join_near
from polyhead.splitting.options import Options, names_for, parse_shares
from polyhead.splitting.reading import Input, Read, read_inputs
from polyhead.splitting.sharing import Labels, share_out, share_out_unseen
from polyhead.splitting.texts import texts_of
from polyhead.splitting.writing import check_output, output_name, write_split

Watch = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Called with what is done and of how many; gives what is called with the number done since the last call."""


def _nobody(_word: str, _total: int | None) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda _count: None)


def split(
    files: str | Path | Sequence[str | Path],
    *,
    output: str | Path,
    shares: str | Sequence[float] = "80/10/10",
    names: str | Sequence[str] | None = None,
    config: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    group: str | None = None,
    near_duplicates: float | None = None,
    unseen_entities: bool = False,
    seed: int = 42,
    force: bool = False,
    notices: Notices | None = None,
    watch: Watch = _nobody,
) -> dict[str, Any]:
    """Split data files into parts that show each label of each task in its share.

    Records of equal text (case and white space aside) stay together. Labels are kept in proportion by iterative
    stratification (Sechidis et al. 2011), and then by exchanges.

    Args:
        files: Data files in any known format. Where name and beginning of a file do not tell it, ``data.format`` of the
            settings does; ``data.columns`` names columns.
        output: The folder that the parts go to, as JSON lines, with the manifest ``split.json``.
        shares: Of the parts, in any unit.
        names: Of the parts; where not given, train and test, or train, dev and test.
        config: A settings file (TOML) that says what the tasks are, by default those of `label` and `ner_tags`, and how
            files are read.
        settings: Further settings, dotted key to value, which beat the file's.
        group: Records of which this field has one value stay together.
        near_duplicates: Texts at least so near stay together: the Jaccard index of the sets of their stretches of five
            characters.
        unseen_entities: The last part gets entities that the others do not have, as far as possible.
        seed: The split is a function of the records and this.
        force: Overwrite what is in the folder of an earlier split.
        notices: Hears of what is odd in the data but usable.
        watch: Hears how far it is.

    Returns:
        What stands in the manifest.

    Raises:
        SettingsError: If a setting or an option is not what it may be, or files would be overwritten.
        DataError: If a file cannot be used, or has too few texts.
    """
    parsed = parse_shares(shares)
    options = Options(parsed, names_for(parsed, names), group, near_duplicates, unseen_entities, seed)
    folder, paths = Path(output), [Path(path) for path in ([files] if isinstance(files, str | Path) else files)]
    check_output(folder, options.names, force=force)
    run = load_settings(Path(config) if config else None, (), settings)
    with watch("reading", None) as on_record:
        read = read_inputs(paths, run, notices or Notices(), group=group, on_record=on_record)
    found = split_records(read, options, watch=watch)
    manifest = _manifest(read, options, found, config)
    bounds = np.cumsum([0, *(len(own.lines) for own in read.inputs)])
    parts = [found.part_of[start:stop].tolist() for start, stop in pairwise(bounds.tolist())]
    manifest["inputs"] = [_of_input(own, numbers) for own, numbers in zip(read.inputs, parts, strict=True)]

    def _with_digests(digests: dict[str, str]) -> str:
        got = manifest["counts"]["records"]["got"]
        manifest["outputs"] = {
            name: {"sha256": digest, "records": count}
            for (name, digest), count in zip(digests.items(), got, strict=True)
        }
        return dump(manifest)

    write_split(folder, options.names, read.inputs, parts, manifest=_with_digests)
    return manifest


@dataclass(frozen=True)
class Found:
    """A split.

    Attributes:
        part_of: By record, the number of its part.
        groups: How many groups there are.
        counts: Of `counts_of`.
        entities: Of `unseen`, where that was asked for.
    """

    part_of: NDArray[np.int64]
    groups: int
    counts: dict[str, Any]
    entities: dict[str, Any] | None


def split_records(read: Read, options: Options, *, watch: Watch = _nobody) -> Found:
    """Split records.

    Args:
        read: The records.
        options: How.
        watch: Hears how far it is.

    Raises:
        DataError: If there are fewer groups of records than parts.
        SettingsError: If entities are asked for, and there is none.
    """
    joined = _joined(read, options, watch)
    groups = int(joined.max()) + 1
    if groups < len(options.shares):
        raise DataError(
            f"{groups} groups of records that stay together cannot be split into {len(options.shares)} parts"
        )
    labels = Labels.of(read.records, read.tasks)
    entities = None
    with watch("sharing out", None):
        if options.unseen_entities:
            _check_entities(read)
            apart = share_out_unseen(
                joined, labels, options.shares, records=read.records, tasks=read.tasks, seed=options.seed
            )
            part_of, entities = apart.part_of, apart.counts
        else:
            part_of = share_out(joined, labels, options.shares, random=np.random.default_rng(options.seed))
    return Found(part_of, groups, counts_of(labels, part_of, options.shares), entities)


def _joined(read: Read, options: Options, watch: Watch) -> NDArray[np.int64]:
    """Return, by record, the number of the group that stays together."""
    joined = Joined(len(read.records))
    of_record, firsts = texts_of(b"".join(digest_of(record.text) for record in read.records))
    joined.join_equal(of_record.tolist())
    if options.group is not None:
        joined.join_equal(read.groups)
    if options.near_duplicates is not None:
        texts = [read.records[record].text for record in firsts.tolist()]
        with watch("near-duplicates", len(texts)) as on_text:
            for one, other in join_near(texts, threshold=options.near_duplicates, on_text=on_text):
                joined.join(int(firsts[one]), int(firsts[other]))
    return joined.numbers()


def _check_entities(read: Read) -> None:
    for record in read.records:
        for task in read.tasks:
            if task.name in record.annotations and task.annotated(record.annotations[task.name]):
                return
    names = ", ".join(task.name for task in read.tasks)
    raise SettingsError(f"--unseen-entities: no record has an entity of any task ({names}); leave it out")


def _manifest(read: Read, options: Options, found: Found, config: str | Path | None) -> dict[str, Any]:
    tasks = {task.name: {"kind": task.kind, "field": task.field} for task in read.tasks}
    return {
        "format_version": FORMAT_VERSION,
        "polyhead": metadata.version("polyhead"),
        "options": {**options.to_json(), "config": None if config is None else str(config)},
        "tasks": tasks,
        "groups": found.groups,
        "counts": found.counts,
        **({} if found.entities is None else {"entities": {"part": options.names[-1], **found.entities}}),
        "outputs": {output_name(name): {} for name in options.names},
        "inputs": [],
    }


def _of_input(own: Input, parts: list[int]) -> dict[str, Any]:
    named = {"format": own.way.form, "columns": own.way.options.columns}
    return {
        "path": str(own.path),
        "sha256": own.sha256,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in named.items() if value},
        "lines": runs_of(own.lines),
        "parts": parts,
    }
