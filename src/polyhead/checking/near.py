"""Texts that are nearly equal: candidates by MinHash and bands (Broder 1997; Leskovec et al. 2014), each proved.

Similarity is Jaccard's: of the pieces of five characters that either text has, the share that both have. Of a text 128
minima are taken, of hashes that multiply and shift (Dietzfelbinger et al. 1997), some thousand texts at once. A band of
them is equal for two texts by chance, the likelier the more similar they are; what shares a band and seems similar by
all minima (one byte of each is kept: Li and König 2010) is compared exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from polyhead.preparing.arrays import ArrayWriter, open_array

NEAR = 0.9
"""From this similarity on texts are nearly equal."""
_BANDS, _LOW = "bands.npy", "minima.npy"
_LENGTH = 5
"""Characters in a piece."""
_MINIMA = 128
_ROWS = (32, 16, 8, 4, 2)
"""Minima in a band: as many as the recall allows."""
_RECALL = 0.99
"""Of pairs that are just similar enough, the share that at least one band must show."""
_NEIGHBOURS = 4
"""Of those that share a band, so many before a text are its candidates, beside the first of them all."""
_MARGIN = 0.15
"""What seems less similar than wanted by so much is not compared: three times the spread of 128 minima, or more."""
_AT_ONCE = 2048
_PAIRS_AT_ONCE = 2**16

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class NearPair:
    """Two texts that are nearly equal.

    Attributes:
        record: The later one.
        other: The earlier one.
        similarity: Of what there is in either, what is in both.
    """

    record: int
    other: int
    similarity: float


class NearTexts:
    """Texts among which nearly equal ones are found.

    Args:
        folder: Where signatures are kept: 128 bytes a text, and 8 bytes a band.
        at_least: The similarity from which on texts are nearly equal, above 0.5.
    """

    def __init__(self, folder: Path, *, at_least: float = NEAR) -> None:
        self._folder, self._at_least = folder, at_least
        self._rows = _rows_for(at_least)
        self._bands = ArrayWriter(folder / _BANDS, np.uint64, (_MINIMA // self._rows,))
        self._low = ArrayWriter(folder / _LOW, np.uint8, (_MINIMA,))
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        """Take a text; the first has the number 0."""
        self._waiting.append(text)
        if len(self._waiting) == _AT_ONCE:
            self._sign()

    def pairs(self, text_at: Callable[[int], str]) -> Iterator[NearPair]:
        """Yield nearly equal texts; those of one text one after the other. Then no text can be added.

        Of many that are all alike a text is compared with some only.

        Args:
            text_at: Returns the text with a number.
        """
        self._sign()
        self._bands.close()
        self._low.close()
        bands, low = open_array(self._folder / _BANDS), open_array(self._folder / _LOW)
        seem = self._at_least - _MARGIN
        found = [_alike(pairs, low, seem) for band in bands.T for pairs in _candidates(np.asarray(band))]
        before = -1
        for key in np.unique(np.concatenate([*found, np.zeros(0, dtype=np.int64)])).tolist():
            record, other = divmod(key, len(low))
            if record != before:
                before, own = record, pieces_of(text_at(record))
            similarity = jaccard(own, pieces_of(text_at(other)))
            if similarity >= self._at_least:
                yield NearPair(record, other, similarity)

    def _sign(self) -> None:
        if self._waiting:
            minima = minima_of(self._waiting)
            self._bands.append(_mixed(minima.reshape(len(minima), -1, self._rows)))
            self._low.append((minima & np.uint32(0xFF)).astype(np.uint8))
            self._waiting = []


def pieces_of(text: str) -> set[str]:
    """Return the pieces of five characters of a text; of a shorter one, itself."""
    return {text[at : at + _LENGTH] for at in range(max(1, len(text) - _LENGTH + 1))}


def jaccard(one: set[str], other: set[str]) -> float:
    """Return what two sets share, of all that they have."""
    both = len(one & other)
    return both / (len(one) + len(other) - both)


def _rows_for(similarity: float) -> int:
    """Return the most minima a band can have for pairs of this similarity to be found."""
    recalls = {rows: 1 - (1 - similarity**rows) ** (_MINIMA // rows) for rows in _ROWS}
    return next((rows for rows, recall in recalls.items() if recall >= _RECALL), _ROWS[-1])


def minima_of(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return the minima of each text.

    Args:
        texts: The texts.

    Returns:
        Shape (texts, 128).
    """
    padded = [text.ljust(_LENGTH, "\0") for text in texts]
    counts = np.array([len(text) - _LENGTH + 1 for text in padded])
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    hashes = np.zeros(len(codes) - _LENGTH + 1, dtype=np.uint64)
    for at in range(_LENGTH):
        hashes = hashes * np.uint64(0x100000001B3) + codes[at : at + len(hashes)]
    inside = np.ones(len(codes), dtype=np.bool_)
    ends = np.cumsum(counts + _LENGTH - 1)
    for at in range(1, _LENGTH):
        inside[ends - at] = False  # pieces that would go on in the next text
    own = _finished(hashes[inside[: len(hashes)]]) >> np.uint64(32)
    starts = np.cumsum(counts) - counts
    minima = np.empty((len(texts), _MINIMA), dtype=np.uint32)
    for at, (factor, summand) in enumerate(zip(*_FACTORS, strict=True)):
        values = ((own * factor + summand) >> np.uint64(32)).astype(np.uint32)
        minima[:, at] = np.minimum.reduceat(values, starts)
    return minima


def _factors() -> tuple[Hashes, Hashes]:
    random = np.random.default_rng(0x9E37)
    factors, summands = random.integers(0, 2**64, size=(2, _MINIMA), dtype=np.uint64)
    return factors | np.uint64(1), summands


_FACTORS = _factors()


def _finished(hashes: Hashes) -> Hashes:
    """Spread what differs in any bit over all of them (the finaliser of splitmix64)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _mixed(minima: NDArray[np.uint32]) -> Hashes:
    """Return one hash of the minima of each band."""
    mixed = np.zeros(minima.shape[:2], dtype=np.uint64)
    for row in range(minima.shape[2]):
        mixed = _finished(mixed * np.uint64(0x100000001B3) + minima[:, :, row] + np.uint64(1))
    return mixed


def _candidates(band: Hashes) -> Iterator[NDArray[np.int64]]:
    """Yield pairs of texts that share a band: each with the first of them, and with those just before it."""
    order = np.argsort(band, kind="stable")
    ordered = band[order]
    if not len(order):
        return
    is_new = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    first = np.maximum.accumulate(np.where(is_new, np.arange(len(order)), 0))
    yield np.stack([order[~is_new], order[first[~is_new]]])
    for distance in range(1, _NEIGHBOURS + 1):
        same = ordered[distance:] == ordered[:-distance]
        yield np.stack([order[distance:][same], order[:-distance][same]])


def _alike(pairs: NDArray[np.int64], low: NDArray[np.uint8], at_least: float) -> NDArray[np.int64]:
    """Return pairs that seem alike by all minima, each as one number: the later text times all, and the earlier one."""
    kept = [np.zeros(0, dtype=np.int64)]
    for at in range(0, pairs.shape[1], _PAIRS_AT_ONCE):
        later, earlier = pairs[:, at : at + _PAIRS_AT_ONCE]
        seem = (low[later] == low[earlier]).mean(axis=1) >= at_least
        kept.append(later[seem] * len(low) + earlier[seem])
    return np.concatenate(kept)
