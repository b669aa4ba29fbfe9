"""How often the intervals of `polyhead study` hold the true difference, where that is known.

    python benchmarks/study_intervals.py [--studies 1000] [--records 700] [--seeds 2 3 5]

Answers are made up: a record is right with a probability that depends on how hard it is (the same for all models), on
the model's seed, and on what the two come to together. Joint and single models are equally good, so that the true
difference is 0, and an interval that leaves it out would be a wrong verdict; of 95 % intervals 5 % should.

records     the paired bootstrap of records, seeds taken for the only ones there are
pigeonhole  records and seeds both drawn with replacement (Owen 2007)
study       what `polyhead study` does
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from polyhead.studies.sharing.resampling import Models, interval_of_difference, samples_of

Floats = NDArray[np.float64]
Answers = NDArray[np.float64]
"""Shape (seeds, records): 1 where the answer is right."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--records", type=int, default=700)
    parser.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 5])
    parser.add_argument("--spreads", type=float, nargs="+", default=[0.0, 0.1, 0.3, 0.6], help="Of seeds, in logits.")
    options = parser.parse_args()
    weights = np.concatenate(list(samples_of(options.records)))
    ways: dict[str, Callable[[Answers, Answers], list[float]]] = {
        "records": lambda one, other: records_alone(one, other, weights),
        "pigeonhole": lambda one, other: pigeonhole(one, other, weights),
        "study": lambda one, other: of_study(one, other, weights),
    }
    print(f"{options.studies:,} studies of {options.records:,} records; % of intervals that hold 0 (width in points)")
    print(f"{'seeds':<7}{'spread of a figure over seeds':<32}" + "".join(f"{name:>18}" for name in ways))
    for seeds in options.seeds:
        for spread in options.spreads:
            random = np.random.default_rng([seeds, round(1000 * spread)])
            print(line(seeds, spread, ways, options, random), flush=True)


def line(
    seeds: int,
    spread: float,
    ways: dict[str, Callable[[Answers, Answers], list[float]]],
    options: argparse.Namespace,
    random: np.random.Generator,
) -> str:
    held = {name: [] for name in ways}
    widths = {name: [] for name in ways}
    spreads = []
    for _ in range(options.studies):
        hard = random.normal(2.5, 2.0, options.records)
        one, other = (answers(hard, seeds, spread, random) for _ in range(2))
        spreads.append(np.std(one.mean(axis=1), ddof=1))
        for name, way in ways.items():
            low, high = way(one, other)
            held[name].append(low <= 0 <= high)
            widths[name].append(high - low)
    cells = [f"{100 * np.mean(held[name]):.1f} ({100 * np.mean(widths[name]):.2f})" for name in ways]
    return f"{seeds:<7}{f'{100 * np.mean(spreads):.2f} points':<32}" + "".join(f"{cell:>18}" for cell in cells)


def answers(hard: Floats, seeds: int, spread: float, random: np.random.Generator) -> Answers:
    logits = hard + random.normal(0, spread, (seeds, 1)) + random.normal(0, 1.0, (seeds, len(hard)))
    return (random.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(np.float64)


def models(own: Answers, weights: Floats) -> Models:
    return Models(own.mean(axis=1).tolist(), (weights @ own.T).T / own.shape[1])


def of_study(one: Answers, other: Answers, weights: Floats) -> list[float]:
    return interval_of_difference(models(one, weights), models(other, weights)) or [0.0, 0.0]


def records_alone(one: Answers, other: Answers, weights: Floats) -> list[float]:
    differences = (weights @ (other.mean(axis=0) - one.mean(axis=0))) / one.shape[1]
    return np.quantile(differences, [0.025, 0.975]).tolist()


def pigeonhole(one: Answers, other: Answers, weights: Floats) -> list[float]:
    random = np.random.default_rng(0)
    sides = []
    for own in (one, other):
        seeds = len(own)
        drawn = random.multinomial(seeds, [1 / seeds] * seeds, size=len(weights))
        sides.append(((weights @ own.T) * drawn).sum(axis=1) / (seeds * own.shape[1]))
    return np.quantile(sides[1] - sides[0], [0.025, 0.975]).tolist()


if __name__ == "__main__":
    main()
