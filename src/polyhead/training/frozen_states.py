"""The states that a frozen encoder gives to rows, in files that are mapped into memory.

layer-0.npy, …   shape (pieces, width): the states of a layer, row after row; bf16 as its bits, in uint16
places.npy       shape (rows,): where each row begins
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from polyhead.batching import token_budget_batches
from polyhead.batching.sampling import Indices
from polyhead.errors import BundleError
from polyhead.preparing.arrays import ArrayWriter, open_array
from polyhead.preparing.cache import Entry

_PLACES = "places.npy"
_STORED = {torch.float32: np.float32, torch.float16: np.float16, torch.bfloat16: np.uint16}  # numpy knows no bf16
_READ = {np.dtype(stored): dtype for dtype, stored in _STORED.items()}

Encode = Callable[[Indices], Sequence[Tensor]]
"""From rows to the states of each layer that is kept: shape (pieces, width), row after row, without padding."""


class FrozenStates:
    """States of rows.

    Args:
        layers: Of each layer, the states of all rows.
        places: Shape (rows,): where each row begins.
        lengths: Shape (rows,): pieces of each row.
        entry: Where they are, which is held as long as this object lives.
    """

    def __init__(self, layers: Sequence[NDArray[Any]], places: Indices, lengths: Indices, entry: Entry) -> None:
        self._layers, self._places, self._lengths, self._entry = layers, places, lengths, entry

    @property
    def nbytes(self) -> int:
        """Their size."""
        return sum(layer.nbytes for layer in self._layers)

    def gather(self, rows: Indices) -> tuple[list[Tensor], Tensor]:
        """Put rows together, padded to the longest with zeros, which no head reads.

        Returns:
            Of each layer, the states, shape (rows, length, width); and the mask, shape (rows, length).
        """
        starts, lengths = self._places[rows].tolist(), self._lengths[rows]
        mask = np.arange(lengths.max()) < lengths[:, None]
        stretches = [slice(start, start + length) for start, length in zip(starts, lengths.tolist(), strict=True)]
        return [_padded(layer, stretches) for layer in self._layers], torch.from_numpy(mask.astype(np.int64))


def names_of(layers: int) -> list[str]:
    """Return the files that hold the states of so many layers."""
    return [*(f"layer-{number}.npy" for number in range(layers)), _PLACES]


def open_states(entry: Entry, lengths: Indices, *, layers: int, width: int) -> FrozenStates:
    """Map states into memory.

    Args:
        entry: Where they are.
        lengths: Shape (rows,): pieces of each row.
        layers: How many were kept.
        width: Of a state.

    Raises:
        BundleError: If the files are not what these rows' states are.
    """
    folder = entry.folder
    *names, _ = names_of(layers)
    try:
        found = [open_array(folder / name) for name in names]
        places = np.load(folder / _PLACES, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BundleError(f"{folder}: cannot be read as the states of an encoder: {error!r}") from error
    pieces = int(lengths.sum())
    for name, layer in zip(names, found, strict=True):
        if layer.shape != (pieces, width) or layer.dtype not in _READ:
            raise BundleError(
                f"{folder / name}: holds {layer.dtype} of the shape {layer.shape}, wanted ({pieces}, {width})"
            )
    if places.shape != lengths.shape or places.dtype != np.int64 or not _are_within(places, lengths, pieces):
        raise BundleError(f"{folder / _PLACES}: does not say where {len(lengths):,} rows of {pieces:,} pieces begin")
    return FrozenStates(found, places, lengths, entry)


def write_states(
    folder: Path, lengths: Indices, encode: Encode, *, budget: int, make_room: Callable[[int], None]
) -> Iterator[int]:
    """Run the encoder over all rows, those of like length together, and write their states.

    Files are written from their beginning to their end, and not through memory: there a full disk kills a process.

    Args:
        folder: Where they go.
        lengths: Shape (rows,): pieces of each row.
        encode: Runs the encoder.
        budget: Pieces, padding included, that go through at once.
        make_room: Called with the bytes that are needed, before the first of them is written.

    Yields:
        After each batch, the pieces in it.

    Raises:
        OSError: If they cannot be written.
    """
    batches = token_budget_batches(lengths.tolist(), budget=budget)
    order = np.concatenate(batches)
    places = np.empty(len(lengths), dtype=np.int64)
    places[order] = np.cumsum(lengths[order]) - lengths[order]
    pieces = int(lengths.sum())
    with ExitStack() as stack:
        files: list[ArrayWriter] = []
        for rows in batches:
            arrays = [_stored(states) for states in encode(rows)]
            if not files:
                make_room(sum(array.itemsize * array.shape[1] for array in arrays) * pieces)
                np.save(folder / _PLACES, places)
                names = names_of(len(arrays))[:-1]
                files = [
                    stack.enter_context(ArrayWriter(folder / name, array.dtype, array.shape[1:]))
                    for name, array in zip(names, arrays, strict=True)
                ]
            for file, array in zip(files, arrays, strict=True):
                file.append(array)
            yield int(lengths[rows].sum())


def _stored(states: Tensor) -> NDArray[Any]:
    if states.dtype not in _STORED:
        states = states.float()
    bits = states.contiguous().cpu()
    return bits.view(torch.uint16).numpy() if bits.dtype is torch.bfloat16 else bits.numpy()


def _padded(layer: NDArray[Any], stretches: Sequence[slice]) -> Tensor:
    longest = max(stretch.stop - stretch.start for stretch in stretches)
    found = np.zeros((len(stretches), longest, layer.shape[1]), dtype=layer.dtype)
    for row, stretch in zip(found, stretches, strict=True):
        row[: stretch.stop - stretch.start] = layer[stretch]
    return torch.from_numpy(found).view(_READ[layer.dtype])


def _are_within(places: Indices, lengths: Indices, pieces: int) -> bool:
    return bool((places >= 0).all() and (places + lengths <= pieces).all())
