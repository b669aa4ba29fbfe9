"""One encoder, many heads.

ids, mask → encoder → states (rows, length, hidden)
                        ├── first state of a row → sentence heads → (rows, width)
                        └── every state          → token heads    → (rows, length, width)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from polyhead.tasks import HeadSpec


class Head(nn.Module):
    """Dropout and a linear layer, on the sentence's state or on every state.

    Args:
        spec: What the task asks for.
        hidden: Width of the encoder's states.
        dropout: Share of the state's values that are dropped in training.
    """

    def __init__(self, spec: HeadSpec, *, hidden: int, dropout: float) -> None:
        super().__init__()
        self._sentence = spec.reads == "sentence"
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(hidden, spec.width)
        nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, states: Tensor) -> Tensor:
        """Return logits: (rows, width), or (rows, length, width) for a token head."""
        logits: Tensor = self.linear(self.dropout(states[:, 0] if self._sentence else states))
        return logits


class MultiTaskModel(nn.Module):
    """One encoder, one head a task.

    Args:
        encoder: Any encoder that `transformers.AutoModel` builds.
        heads: What each task asks for.
        head_dropout: Dropout before each head's linear layer.

    Attributes:
        encoder: The encoder.
        hidden: Width of its states.
        heads: By `head_key` of the task's name.
    """

    def __init__(self, *, encoder: nn.Module, heads: Mapping[str, HeadSpec], head_dropout: float = 0.1) -> None:
        super().__init__()
        self.hidden = int(encoder.config.hidden_size)  # type: ignore[union-attr,arg-type]
        self.encoder = encoder
        self.specs = dict(heads)
        self.heads = nn.ModuleDict(
            {head_key(name): Head(spec, hidden=self.hidden, dropout=head_dropout) for name, spec in heads.items()}
        )

    def forward(self, ids: Tensor, mask: Tensor, tasks: Collection[str] | None = None) -> dict[str, Tensor]:
        """Run the encoder once and every head that is asked for.

        Args:
            ids: Shape (rows, length).
            mask: Shape (rows, length).
            tasks: Names of the tasks; all where not given.

        Returns:
            By task, the logits.
        """
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        return {name: self.heads[head_key(name)](states) for name in self.specs if tasks is None or name in tasks}

    def device(self) -> torch.device:
        """Return where the weights are."""
        return next(self.parameters()).device


def head_key(task: str) -> str:
    """Return the key of a task's head: a task may be called ``type`` or ``train``, an attribute of a module may not."""
    return f"{task}_head"
