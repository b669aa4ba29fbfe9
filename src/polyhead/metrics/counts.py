"""What records add to counts, kept so that sums over any sample of them are one product of matrices."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Mapping

import numpy as np

from polyhead.errors import MissingExtraError
from polyhead.metrics.scorer import Floats, Weights


class Sums(dict[Hashable, Floats]):
    """Each key's sum in each sample, shape (samples,); 0 for a key that no record has.

    Args:
        samples: Their number.
    """

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.samples = samples

    @classmethod
    def of_all(cls, counts: Mapping[Hashable, int]) -> Sums:
        """Return sums over all records as those of one sample."""
        sums = cls(1)
        sums.update({key: np.array([count], dtype=np.float64) for key, count in counts.items()})
        return sums

    def __missing__(self, key: Hashable) -> Floats:
        """Return zeros."""
        return np.zeros(self.samples)


class Counts:
    """Counts by key, of each record on its own; 16 bytes for each key that a record adds to."""

    def __init__(self) -> None:
        self.records = 0
        self._places: dict[Hashable, int] = {}
        self._rows, self._columns, self._values = array("q"), array("i"), array("i")

    def add(self, counts: Mapping[Hashable, int]) -> None:
        """Add a record."""
        for key, count in counts.items():
            if count:
                self._rows.append(self.records)
                self._columns.append(self._places.setdefault(key, len(self._places)))
                self._values.append(count)
        self.records += 1

    def sums(self, weights: Weights | None = None) -> Sums:
        """Return the sums in samples of the records; without weights, over all records."""
        columns, values = np.array(self._columns), np.array(self._values, dtype=np.float64)
        if weights is None:
            summed = np.bincount(columns, weights=values, minlength=len(self._places))[None]
        else:
            try:
                from scipy.sparse import csr_array
            except ImportError as error:
                raise MissingExtraError("figures of samples", "train") from error
            shape = (self.records, len(self._places))
            summed = weights @ csr_array((values, (np.array(self._rows), columns)), shape=shape)
        sums = Sums(len(summed))
        sums.update(zip(self._places, summed.T, strict=True))
        return sums
