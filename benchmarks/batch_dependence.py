"""Whether an answer depends on what else is in its batch: texts each by itself against all in bulk, by precision.

    python benchmarks/batch_dependence.py EXPORTED TEXTS

EXPORTED is an exported bundle, TEXTS a data file. For each way in which the model runs here: by how much logits of a
task differ at most, and how many answers are others.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from polyhead import Predictor
from polyhead.export.checking import difference
from polyhead.formats import Limits, read_texts
from polyhead.inference import open_model
from polyhead.inference.candidates import candidates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exported", type=Path)
    parser.add_argument("texts", type=Path)
    options = parser.parse_args()
    texts = list(read_texts(options.texts, Limits()))
    print(f"{len(texts)} texts\n{'':<18}{'task':<18}{'logits differ by':>18}{'other answers':>15}")
    for way in candidates(open_model(options.exported)):
        predictor = Predictor.load(options.exported, runtime=way.runtime, precision=way.precision)
        together = list(predictor.read(texts))
        alone = [next(predictor.read([text])) for text in texts]
        for task in predictor.tasks:
            pairs = [
                (one.encoded, one.logits[task.name], other.logits[task.name])
                for one, other in zip(alone, together, strict=True)
            ]
            most = max(difference(task, encoded, one, other) for encoded, one, other in pairs)
            others = sum(
                task.decode(one, encoded).plain() != task.decode(other, encoded).plain()
                for encoded, one, other in pairs
            )
            print(f"{way!s:<18}{task.name:<18}{most:>18.1e}{others:>15}", flush=True)


if __name__ == "__main__":
    main()
