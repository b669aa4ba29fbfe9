"""Whether confidence tells texts that a model was made for from others: AUROC, and what a threshold lets through.

    python benchmarks/out_of_scope.py MODEL TASK IN_SCOPE OUT_OF_SCOPE

Both files hold texts; annotations are not read. A threshold is taken from the texts in scope: the confidence that a
given share of them has.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import roc_auc_score

from polyhead import Predictor
from polyhead.formats import Limits, read_texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("task")
    parser.add_argument("in_scope", type=Path)
    parser.add_argument("out_of_scope", type=Path)
    options = parser.parse_args()
    predictor = Predictor.load(options.model)
    inside, outside = (confidences(predictor, options.task, path) for path in (options.in_scope, options.out_of_scope))
    auroc = roc_auc_score(np.repeat([1, 0], [len(inside), len(outside)]), np.concatenate([inside, outside]))
    print(f"{len(inside):,} texts in scope, {len(outside):,} out of it: AUROC {100 * auroc:.2f}")
    print("in scope answered, %   confidence from   out of scope answered, %")
    for coverage in (0.99, 0.98, 0.95, 0.9, 0.8):
        threshold = float(np.quantile(inside, 1 - coverage))
        print(f"{100 * coverage:20.0f}   {threshold:15.4f}   {100 * (outside >= threshold).mean():24.2f}")


def confidences(predictor: Predictor, task: str, path: Path) -> np.ndarray:
    return np.array([result.predictions[task].score for result in predictor.stream(read_texts(path, Limits()))])


if __name__ == "__main__":
    main()
