"""The word embeddings of an encoder in training, without the rows that no text of the data can touch.

A row of a piece that never comes has no gradient: all that a step does to it is weight decay. So the optimiser is given
a table of the rows that can come, which for most data are a fraction of the vocabulary, and the decay of the others is
kept account of and made good when someone asks for the whole table: with the same multiplications in the same order,
so that the result is that of the whole table, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

_MOST = 0.8
"""With a larger share of rows that can come, nothing would be gained."""
_AT_ONCE = 1024
"""Rows whose decay is made good at once: they stay in the processor's cache."""


class CutTable(nn.Module):
    """Stands for a `torch.nn.Embedding` in training; its state is that of the whole table.

    Args:
        whole: The table.
        rows: Shape (rows that can come,): their ids, sorted.
    """

    rows: Tensor
    places: Tensor
    rest: Tensor
    _table: Tensor

    def __init__(self, whole: nn.Embedding, rows: Tensor) -> None:
        super().__init__()
        device = whole.weight.device
        self.num_embeddings, self.embedding_dim = whole.num_embeddings, whole.embedding_dim
        self.padding_idx = whole.padding_idx
        rows = rows.to(device)
        places = torch.full((whole.num_embeddings,), -1, dtype=torch.long, device=device)
        places[rows] = torch.arange(len(rows), device=device)
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("rest", (places < 0).nonzero()[:, 0], persistent=False)
        self.register_buffer("_table", whole.weight.detach(), persistent=False)
        self.weight = nn.Parameter(whole.weight.detach()[rows], requires_grad=whole.weight.requires_grad)
        self._owed: list[float] = []
        self._is_current = True
        padding = -1 if whole.padding_idx is None else int(places[whole.padding_idx])
        self._padding = None if padding < 0 else padding
        self.train(whole.training)

    def forward(self, ids: Tensor) -> Tensor:
        """Look pieces up, in training among the rows that can come, else in the whole table."""
        if self.training:
            return functional.embedding(self.places[ids], self.weight, self._padding)
        return functional.embedding(ids, self.whole())

    def whole(self) -> Tensor:
        """Return the whole table as it is now."""
        if not self._is_current:
            with torch.no_grad():
                self._make_good()
                self._table[self.rows] = self.weight.detach()
            self._is_current = True
        return self._table

    def follow(self, optimizer: Optimizer) -> None:
        """Hear of an optimiser's steps, and of the decay that they mean for the rows that it does not have."""

        def note(*_: Any) -> None:
            self._is_current = False
            for group in optimizer.param_groups:  # looked up anew: loading a state puts others in their place
                if group["weight_decay"] and any(own is self.weight for own in group["params"]):
                    self._owe(1.0 - float(group["lr"]) * group["weight_decay"])

        optimizer.register_step_post_hook(note)

    def _owe(self, factor: float) -> None:
        if self.weight.grad is not None:  # without a gradient an optimiser leaves weights alone
            self._owed.append(factor)

    def _make_good(self) -> None:
        """Multiply the other rows by the decay of each step since the last time."""
        if not self._owed:
            return
        for start in range(0, len(self.rest), _AT_ONCE):
            rows = self.rest[start : start + _AT_ONCE]
            values = self._table[rows]
            for factor in self._owed:
                values.mul_(factor)
            self._table[rows] = values
        self._owed = []

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:  # noqa: ARG002
        destination[prefix + "weight"] = self.whole()

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *_: Any) -> None:
        with torch.no_grad():
            self._owed = []
            self._table.copy_(state_dict[prefix + "weight"])
            self.weight.copy_(self._table[self.rows])
            self._is_current = True


def cut_table(encoder: nn.Module, used: Tensor) -> CutTable | None:
    """Cut an encoder's table of word embeddings down, where that gains something and nothing else reads it.

    Args:
        encoder: The encoder.
        used: Shape (any,): the ids that can come, padding and special tokens included; sorted, each once.

    Returns:
        What stands for the table now; `None` where it was left alone.
    """
    table = encoder.get_input_embeddings()  # type: ignore[operator]
    if type(table) is not nn.Embedding or not table.weight.requires_grad:
        return None
    if table.max_norm is not None or table.scale_grad_by_freq or table.sparse:
        return None
    names = [name for name, own in encoder.named_parameters(remove_duplicate=False) if own is table.weight]
    if len(names) != 1 or len(used) > _MOST * table.num_embeddings:
        return None
    cut = CutTable(table, used)
    encoder.set_input_embeddings(cut)  # type: ignore[operator]
    return cut
