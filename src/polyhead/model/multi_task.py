"""One encoder, many heads.

ids, mask → encoder → states (rows, length, width) of each layer
                        ├── sentence heads       → (rows, width)
                        └── token and span heads → (rows, length, width)

With adapters of their own, each group of tasks has a pass of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from polyhead.model.adapters import Switch, passes
from polyhead.model.heads import Head
from polyhead.model.objectives import TargetTensors, Units
from polyhead.tasks import HeadSpec


class MultiTaskModel(nn.Module):
    """One encoder, one head a task.

    Args:
        encoder: Any encoder that `transformers.AutoModel` builds.
        heads: What each task asks for.
        head_dropout: Dropout before each layer of the heads.

    Attributes:
        encoder: The encoder.
        hidden: Width of its states.
        heads: By `head_key` of the task's name.
        takes_types: Whether the encoder tells a second text by the types of its pieces.
        adapters: Says with which adapter the encoder is run for which tasks, where it has some.
    """

    adapters: Switch | None

    def __init__(self, *, encoder: nn.Module, heads: Mapping[str, HeadSpec], head_dropout: float = 0.1) -> None:
        super().__init__()
        config = encoder.config
        self.hidden = int(config.hidden_size)  # type: ignore[union-attr,arg-type]
        self.encoder = encoder
        self.specs = dict(heads)
        layers = int(config.num_hidden_layers) + 1  # type: ignore[union-attr,arg-type]
        self.heads = nn.ModuleDict(
            {
                head_key(name): Head(spec, width=self.hidden, layers=layers, dropout=head_dropout)
                for name, spec in heads.items()
            }
        )
        self.takes_types = int(getattr(config, "type_vocab_size", 0) or 0) > 1
        self.adapters = None
        self._all_layers = any(spec.layers == "mix" for spec in heads.values())

    def forward(
        self, ids: Tensor, mask: Tensor, types: Tensor | None = None, *, tasks: Collection[str] | None = None
    ) -> dict[str, Tensor]:
        """Run the encoder, once a group of tasks that share an adapter, and every head that is asked for.

        Args:
            ids: Shape (rows, length).
            mask: Shape (rows, length).
            types: Shape (rows, length): 0 for a row's first text, 1 for its second; not given where no row has two.
            tasks: Names of the tasks; all where not given.

        Returns:
            By task, the logits.
        """
        logits: dict[str, Tensor] = {}
        for adapter, own in self.passes(tasks):
            logits |= self.run_heads(self.states(ids, mask, types, adapter=adapter), mask, tasks=own)
        return {name: logits[name] for name in self.specs if name in logits}

    def passes(self, tasks: Collection[str] | None = None) -> list[tuple[str | None, list[str]]]:
        """Return the passes of the encoder that answer tasks, by default all: of each its adapter and its tasks."""
        return passes(self.adapters, [name for name in self.specs if tasks is None or name in tasks])

    def run_heads(
        self, states: Sequence[Tensor], mask: Tensor, *, tasks: Collection[str] | None = None
    ) -> dict[str, Tensor]:
        """Run every head that is asked for.

        Args:
            states: Of each layer, the last one last; shape (rows, length, width). Where no head that is asked for mixes
                layers, those of the last layer will do. What stands at padding makes no difference to any loss.
            mask: Shape (rows, length).
            tasks: Names of the tasks; all where not given.

        Returns:
            By task, the logits.
        """
        return {name: self.heads[head_key(name)](states, mask) for name in self.specs if tasks is None or name in tasks}

    def states(
        self, ids: Tensor, mask: Tensor, types: Tensor | None = None, *, adapter: str | None = None
    ) -> Sequence[Tensor]:
        """Run the encoder.

        Args:
            ids: Shape (rows, length).
            mask: Shape (rows, length).
            types: As `forward` takes them.
            adapter: The adapter that it is run with, as `passes` names it.

        Returns:
            Of each layer, shape (rows, length, width), the last one last; of the last alone where no head mixes layers.
        """
        if self.adapters is not None:
            self.adapters.use(adapter)
        given = {"token_type_ids": types} if types is not None and self.takes_types else {}
        found = self.encoder(
            input_ids=ids, attention_mask=mask, output_hidden_states=self._all_layers, return_dict=True, **given
        )
        return found.hidden_states if self._all_layers else (found.last_hidden_state,)

    def losses(
        self,
        logits: Mapping[str, Tensor],
        targets: Mapping[str, TargetTensors],
        *,
        soft_weight: float = 0.0,
        temperature: float = 1.0,
        whole: Mapping[str, Units] | None = None,
    ) -> dict[str, Tensor]:
        """Return the loss of each task that has targets, on data and on what teachers say, in fp32.

        Args:
            logits: By task.
            targets: By task; each has a target or a teacher's answer somewhere.
            soft_weight: Weight of the teachers' part.
            temperature: Of the teachers' part.
            whole: For a part of a batch, what the losses of the whole batch are means over, by task: then those of
                the parts add up to those of the whole.
        """
        losses = {}
        for name, target in targets.items():
            objective = self.head(name).objective
            own = logits[name].float()
            learnt, told = (1.0, 1.0) if whole is None else _shares(objective.units(target), whole[name])
            parts = []
            if bool(target.known().any()):
                parts.append(learnt * objective.learn(own, target))
            if target.soft is not None:
                parts.append(told * soft_weight * objective.imitate(own, target.soft, target, temperature))
            losses[name] = torch.stack(parts).sum()
        return losses

    def tables(self) -> dict[str, Tensor]:
        """Return, by task, what decoding needs beside logits."""
        found = {name: self.head(name).objective.table() for name in self.specs}
        return {name: table.detach() for name, table in found.items() if table is not None}

    def head(self, task: str) -> Head:
        """Return a task's head."""
        return cast("Head", self.heads[head_key(task)])

    def device(self) -> torch.device:
        """Return where the weights are."""
        return next(self.parameters()).device


def _shares(part: Units, whole: Units) -> tuple[float, float]:
    """Return a part's shares of a batch's rows or units with a target, and of those that teachers speak of."""
    return part.known / max(1, whole.known), part.told / max(1, whole.told)


def head_key(task: str) -> str:
    """Return the key of a task's head: a task may be called ``type`` or ``train``, an attribute of a module may not."""
    return f"{task}_head"
