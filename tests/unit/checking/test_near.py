"""Nearly equal texts: what is found is what comparing all pairs gives."""

from __future__ import annotations

import random
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.checking.near import NearTexts, jaccard, minima_of, pieces_of

WORDS = [f"{first}{last}" for first in ("ta", "mi", "lo", "ru", "sen") for last in ("do", "ker", "lin", "pa")]


def found_in(texts: list[str], folder: Path, at_least: float) -> dict[tuple[int, int], float]:
    near = NearTexts(folder, at_least=at_least)
    for text in texts:
        near.add(text)
    return {(pair.record, pair.other): pair.similarity for pair in near.pairs(texts.__getitem__)}


def all_pairs(texts: list[str], at_least: float) -> dict[tuple[int, int], float]:
    sets = [pieces_of(text) for text in texts]
    similar = (
        (later, earlier, jaccard(sets[later], sets[earlier])) for earlier, later in combinations(range(len(texts)), 2)
    )
    return {(later, earlier): value for later, earlier, value in similar if value >= at_least}


@pytest.mark.parametrize("at_least", [0.6, 0.8, 0.9])
def test_pairs_are_those_of_comparing_all(tmp_path: Path, at_least: float) -> None:
    chosen = random.Random(3)
    texts = [" ".join(chosen.choices(WORDS, k=chosen.randint(8, 25))) for _ in range(300)]
    for _ in range(150):
        words = chosen.choice(texts).split()
        words[chosen.randrange(len(words))] = chosen.choice(WORDS)
        texts.append(" ".join(words))
    texts = list(dict.fromkeys(texts))
    wanted, found = all_pairs(texts, at_least), found_in(texts, tmp_path, at_least)
    assert len(wanted) > 20
    assert found.items() <= wanted.items()  # nothing that is not so, and exact similarities
    assert len({later for later, _ in found}) >= 0.97 * len({later for later, _ in wanted})


def test_a_text_among_thousands_alike_is_compared_with_some_only(tmp_path: Path) -> None:
    long = "the same long request for a table by the window at the restaurant near the old market place number "
    texts = [f"{long}{number}" for number in range(5000)]
    found = found_in(texts, tmp_path, 0.8)
    assert {later for later, _ in found} == set(range(1, 5000))
    assert len(found) < 100 * 5000


def test_no_texts_have_no_pairs(tmp_path: Path) -> None:
    assert found_in([], tmp_path, 0.9) == {}


@given(st.lists(st.text(max_size=12), min_size=1, max_size=6))
def test_minima_of_a_text_are_its_own_whatever_stands_beside_it(texts: list[str]) -> None:
    together = minima_of(texts)
    assert together.shape == (len(texts), 128)
    for text, own in zip(texts, together, strict=True):
        assert np.array_equal(minima_of([text])[0], own)


def test_equal_minima_are_as_frequent_as_texts_are_similar() -> None:
    one, other = (" ".join(WORDS[start : start + 14]) for start in (0, 2))
    similarity = jaccard(pieces_of(one), pieces_of(other))
    minima = minima_of([one, other])
    assert abs(float((minima[0] == minima[1]).mean()) - similarity) < 4 * (0.25 / 128) ** 0.5
