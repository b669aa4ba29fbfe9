"""New texts from annotated ones, for teachers to answer: entities of one type change places between the texts.

    python examples/recombine.py TRAIN FIELD OUTPUT [--times 1] [--seed 0]

FIELD holds a tag for each word. The new texts carry no annotation: what is right in them, a teacher says. They cost
nothing and show words in contexts that the training data lack.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from pathlib import Path

from polyhead.formats import read_records
from polyhead.notices import Notices
from polyhead.records import Record
from polyhead.tasks import Tagging


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("train", type=Path)
    parser.add_argument("field")
    parser.add_argument("output", type=Path)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    columns = {"tags": Tagging.column(options.field, Tagging.Options())}
    records = [record for record in read_records(options.train, columns, notices=Notices()) if record.annotations]
    surfaces: dict[str, list[str]] = defaultdict(list)
    for record in records:
        for span in record.annotations["tags"].spans:
            surfaces[span.label].append(record.text[span.start : span.end])
    chance = random.Random(options.seed)
    known = {record.text for record in records}
    texts = dict.fromkeys(recombined(record, surfaces, chance) for _ in range(options.times) for record in records)
    new = [text for text in texts if text not in known]
    options.output.write_text("".join(f"{text}\n" for text in new), encoding="utf-8")
    print(f"{len(new):,} new texts from {len(records):,} in {options.output}")


def recombined(record: Record, surfaces: dict[str, list[str]], chance: random.Random) -> str:
    """Return a record's text with each entity replaced by one of its type."""
    parts, at = [], 0
    for span in record.annotations["tags"].spans:
        parts += [record.text[at : span.start], chance.choice(surfaces[span.label])]
        at = span.end
    return " ".join("".join([*parts, record.text[at:]]).split())


if __name__ == "__main__":
    main()
