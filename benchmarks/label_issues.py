"""What `find-issues` finds of wrong labels that are planted in a data file.

    python benchmarks/label_issues.py CONFIG [--wrong 100] [--plant classes|types|both] [--folds 5] [--epochs 3]

Of the records (of the one training file that CONFIG names) that carry what is to be spoilt, so many are drawn, and each
gets another class, or one of its entities another type, drawn from those that the data show. What is flagged counts as
found where file, line, task and, for an entity, the place are those of a planted error.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import numpy as np

import polyhead
from polyhead.cli.console import error_console
from polyhead.cli.studies import ConsoleStudyReporter

Planted = dict[tuple[int, str], tuple[int, int] | None]
"""By line and task, the first and last word of the entity that was spoilt."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--wrong", type=int, default=100)
    parser.add_argument("--plant", choices=["classes", "types", "both"], default="classes")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="Write what was found, as JSON.")
    options = parser.parse_args()
    settings = tomllib.loads(options.config.read_text(encoding="utf-8"))
    train = options.config.parent / settings["data"]["train"][0]
    fields = {task["kind"]: (name, task["field"]) for name, task in settings["tasks"].items()}
    records = [json.loads(line) for line in train.read_text(encoding="utf-8").splitlines()]
    planted = plant(records, fields, options.plant, options.wrong, np.random.default_rng(options.seed))
    with tempfile.TemporaryDirectory() as folder:
        spoilt = Path(folder) / "spoilt.jsonl"
        spoilt.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        more = {} if options.epochs is None else {"epochs": options.epochs}
        with ConsoleStudyReporter(error_console()) as reporter:
            found = polyhead.find_issues(options.config, data=spoilt, folds=options.folds, reporter=reporter, **more)
    if options.output:
        keys = [[line, task, place] for (line, task), place in planted.items()]
        options.output.write_text(json.dumps({"planted": keys, **found}), encoding="utf-8")
    hits = [is_planted(issue, planted) for issue in found["issues"]]
    wrong = len(planted)
    print(f"{wrong} wrong labels among {found['records']:,} records, {len(hits):,} issues")
    print(f"precision of the first {wrong}: {100 * sum(hits[:wrong]) / wrong:.1f} %")
    for first in (wrong, 2 * wrong, 3 * wrong):
        print(f"recall in the first {first}: {100 * sum(hits[:first]) / wrong:.1f} %")


def plant(
    records: list[dict[str, Any]],
    fields: dict[str, tuple[str, str]],
    what: str,
    wrong: int,
    random: np.random.Generator,
) -> Planted:
    of_classes = {"classes": wrong, "types": 0, "both": wrong // 2}[what]
    planted: Planted = {}
    task, field = fields["single_label"]
    classes = sorted({record[field] for record in records})
    for at in random.permutation(len(records))[:of_classes]:
        others = [own for own in classes if own != records[at][field]]
        records[at][field] = others[int(random.integers(len(others)))]
        planted[int(at) + 1, task] = None
    task, field = fields["tagging"]
    types = sorted({tag[2:] for record in records for tag in record[field] if tag != "O"})
    tagged = [at for at, record in enumerate(records) if any(tag[:2] == "B-" for tag in record[field])]
    for at in random.permutation(tagged)[: wrong - of_classes]:
        tags = records[at][field]
        first = int(random.choice([place for place, tag in enumerate(tags) if tag[:2] == "B-"]))
        last = first
        while last + 1 < len(tags) and tags[last + 1][:2] == "I-":
            last += 1
        others = [own for own in types if own != tags[first][2:]]
        label = others[int(random.integers(len(others)))]
        tags[first : last + 1] = [tag[:2] + label for tag in tags[first : last + 1]]
        planted[int(at) + 1, task] = (first, last)
    return planted


def is_planted(issue: dict[str, Any], planted: Planted) -> bool:
    key = (issue["line"], issue["task"])
    if key not in planted:
        return False
    if (words := planted[key]) is None:
        return True
    before = issue["text"][: issue["start"]].split()
    within = issue["text"][issue["start"] : issue["end"]].split()
    return len(before) <= words[1] and len(before) + len(within) > words[0]


if __name__ == "__main__":
    main()
