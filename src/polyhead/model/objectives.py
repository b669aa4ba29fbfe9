"""Losses of the heads: each is what one kind of logits is trained with, on data and on what teachers say."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from polyhead.batching import Target
from polyhead.model.crf import Crf
from polyhead.tasks import IGNORE, HeadSpec


@dataclass(frozen=True)
class TargetTensors:
    """A `Target` on the model's device; its attributes are those of `polyhead.batching.Target`."""

    values: Tensor
    soft: Tensor | None
    weights: Tensor
    continues: Tensor

    @classmethod
    def of(cls, target: Target, device: torch.device) -> TargetTensors:
        """Move a target to a device."""
        values, weights, continues = (
            torch.from_numpy(array).to(device) for array in (target.values, target.weights, target.continues)
        )
        soft = None if target.soft is None else torch.from_numpy(target.soft).to(device)
        return cls(values, soft, weights, continues)

    def known(self) -> Tensor:
        """Return where there is a target."""
        return ~self.values.isnan() if self.values.is_floating_point() else self.values != IGNORE

    def row_weights(self, like: Tensor) -> Tensor:
        """Return the rows' weights, of a shape that multiplies with a tensor whose first dimension is the rows."""
        return self.weights.reshape(-1, *[1] * (like.ndim - 1))


@dataclass(frozen=True)
class Units:
    """How many rows or units a batch's loss is a mean over.

    Attributes:
        known: Those that have a target.
        told: Those of which teachers say something.
    """

    known: int
    told: int


class Objective(nn.Module):
    """A loss. It is a mean over rows or units, so that it does not grow with the batch.

    Args:
        spec: The head's description.

    Attributes:
        share_of_precision: What the loss is times the precision, one over the variance, in a likelihood that has one
            (Kendall, Gal and Cipolla 2018): 1, as for a softmax at a temperature; ½ for a Gaussian.
    """

    class_weights: Tensor | None
    share_of_precision = 1.0

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__()
        self.spec = spec
        weights = torch.tensor(spec.class_weights) if spec.class_weights else None
        self.register_buffer("class_weights", weights, persistent=False)

    def learn(self, logits: Tensor, target: TargetTensors) -> Tensor:
        """Return the loss on data, of logits in fp32 and at least one target."""
        raise NotImplementedError

    def imitate(self, logits: Tensor, soft: Tensor, target: TargetTensors, temperature: float) -> Tensor:
        """Return the loss against what teachers hold probable (Hinton et al. 2015).

        Args:
            logits: In fp32.
            soft: Of the same shape; NaN where the teachers say nothing.
            target: For weights and chains.
            temperature: Above 1 teachers seem less sure, so that more is seen of what they hold less probable.
        """
        raise NotImplementedError

    def units(self, target: TargetTensors) -> Units:
        """Count what the two losses are means over, for batches that go through the model in parts."""
        lead = 2 if self.spec.of_units else 1
        known = target.known().reshape(*target.values.shape[:lead], -1).any(-1)
        told = 0 if target.soft is None else int(self._told(target.soft).sum())
        return Units(int(known.sum()), told)

    @staticmethod
    def _told(soft: Tensor) -> Tensor:
        """Return of which rows or units teachers say something."""
        return ~soft.isnan().any(-1)

    def table(self) -> Tensor | None:
        """Return what decoding needs beside logits."""
        return None


class CrossEntropy(Objective):
    """One class each: the mean over the rows or units that have a target."""

    def learn(self, logits: Tensor, target: TargetTensors) -> Tensor:
        """Return the mean cross-entropy."""
        losses = functional.cross_entropy(
            logits.flatten(0, -2),
            target.values.flatten(),
            ignore_index=IGNORE,
            weight=self.class_weights,
            label_smoothing=self.spec.smoothing,
            reduction="none",
        ).view(target.values.shape)
        return (losses * target.row_weights(losses)).sum() / target.known().sum()

    def imitate(self, logits: Tensor, soft: Tensor, target: TargetTensors, temperature: float) -> Tensor:
        """Return the mean divergence of the student's classes from the teachers', times the temperature's square."""
        wanted, told = _softened(soft, temperature)
        divergence = torch.special.xlogy(wanted, wanted) - wanted * (logits / temperature).log_softmax(-1)
        losses = divergence.sum(-1) * told * temperature**2
        return (losses * target.row_weights(losses)).sum() / told.sum()


class BinaryCrossEntropy(Objective):
    """Each output on its own: summed over the outputs of a row or unit, mean over rows or units."""

    def learn(self, logits: Tensor, target: TargetTensors) -> Tensor:
        """Return the mean of the summed binary cross-entropies; class weights are those of the outputs' yes."""
        known = target.known().reshape(logits.shape)
        wanted = target.values.reshape(logits.shape).clamp_min(0).float()
        wanted = wanted * (1 - self.spec.smoothing) + self.spec.smoothing / 2
        losses = functional.binary_cross_entropy_with_logits(
            logits, wanted, pos_weight=self.class_weights, reduction="none"
        )
        losses = (losses * known).sum(-1)
        return (losses * target.row_weights(losses)).sum() / known.any(-1).sum()

    def imitate(self, logits: Tensor, soft: Tensor, target: TargetTensors, temperature: float) -> Tensor:
        """Return the mean of the summed binary divergences, times the temperature's square."""
        told = ~soft.isnan()
        wanted = (torch.where(told, soft, 0.5).logit(1e-6) / temperature).sigmoid()
        losses = functional.binary_cross_entropy_with_logits(logits / temperature, wanted, reduction="none")
        losses = losses - functional.binary_cross_entropy(wanted, wanted, reduction="none")
        losses = (losses * told).sum(-1) * temperature**2
        return (losses * target.row_weights(losses)).sum() / told.any(-1).sum()

    @staticmethod
    def _told(soft: Tensor) -> Tensor:
        return (~soft.isnan()).any(-1)


class SquaredError(Objective):
    """A number: the mean squared distance."""

    share_of_precision = 0.5

    def learn(self, logits: Tensor, target: TargetTensors) -> Tensor:
        """Return the mean squared error."""
        return self._mean(logits, target.values.reshape(logits.shape), target)

    def imitate(self, logits: Tensor, soft: Tensor, target: TargetTensors, temperature: float) -> Tensor:  # noqa: ARG002
        """Return the mean squared distance from the teachers' number."""
        return self._mean(logits, soft, target)

    @staticmethod
    def _mean(logits: Tensor, wanted: Tensor, target: TargetTensors) -> Tensor:
        told = ~wanted.isnan()
        losses = torch.where(told, logits - wanted.nan_to_num(), 0.0).square()
        return (losses * target.row_weights(losses)).sum() / told.sum()


class CrfLoss(Objective):
    """A whole sequence of tags: the mean over units, so that it compares with a linear head's."""

    def __init__(self, spec: HeadSpec) -> None:
        super().__init__(spec)
        if spec.constraints is None:
            raise ValueError("a CRF head needs constraints in its HeadSpec")
        self.crf = Crf(spec.constraints)

    def learn(self, logits: Tensor, target: TargetTensors) -> Tensor:
        """Return the negative log-likelihood of the rows' tags, a unit."""
        chains = _Chains.where(target.known())
        emissions = chains.gather(logits)
        tags = chains.gather(target.values[:, :, None])[:, :, 0]
        continues = target.continues[chains.rows]
        missed = self.crf.log_sum(emissions, chains.lengths, continues) - self.crf.score(
            emissions, tags, chains.lengths, continues
        )
        return (missed * target.weights[chains.rows]).sum() / chains.lengths.sum()

    def imitate(self, logits: Tensor, soft: Tensor, target: TargetTensors, temperature: float) -> Tensor:
        """Return how far, a unit, the student's sequences are from tags drawn as the teachers hold them probable.

        That is the cross-entropy of the two distributions over sequences (Wang et al. 2020, section 3), the teachers'
        being taken as independent from unit to unit.
        """
        wanted, told = _softened(soft, temperature)
        chains = _Chains.where(told)
        emissions, beliefs = chains.gather(logits), chains.gather(wanted)
        continues = target.continues[chains.rows]
        missed = self.crf.log_sum(emissions, chains.lengths, continues) - self.crf.expected_score(
            emissions, beliefs, chains.lengths, continues
        )
        return (missed * target.weights[chains.rows]).sum() / chains.lengths.sum()

    def table(self) -> Tensor:
        """Return the scores of first tags and of steps."""
        return self.crf.table()


@dataclass(frozen=True)
class _Chains:
    """Rows' units with a target, moved together so that no gap is between them.

    Attributes:
        rows: Shape (chains,): the rows that have any.
        places: Shape (chains, units): where each stands in its row; beyond `lengths` anything.
        lengths: Shape (chains,): how many there are.
    """

    rows: Tensor
    places: Tensor
    lengths: Tensor

    @classmethod
    def where(cls, known: Tensor) -> _Chains:
        """Find the units; `known` has shape (rows, length)."""
        rows = known.any(1).nonzero()[:, 0]
        lengths = known[rows].sum(1)
        places = known[rows].int().argsort(dim=1, descending=True, stable=True)[:, : int(lengths.max())]
        return cls(rows, places, lengths)

    def gather(self, values: Tensor) -> Tensor:
        """Return, shape (chains, units, …), what stands at the units; values beyond a chain's length are zeroed."""
        found = values[self.rows].gather(1, self.places[:, :, None].expand(-1, -1, values.shape[-1]))
        inside = torch.arange(found.shape[1], device=found.device) < self.lengths[:, None]
        return torch.where(inside[:, :, None], found, torch.zeros_like(found))


def _softened(soft: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return probabilities at a temperature, 0 where nothing was said, and where something was."""
    told = ~soft.isnan().any(-1)
    known = torch.where(told[..., None], soft, torch.ones_like(soft))
    raised = known.clamp_min(torch.finfo(known.dtype).tiny) ** (1 / temperature)
    return raised / raised.sum(-1, keepdim=True) * told[..., None], told


OBJECTIVES: dict[str, type[Objective]] = {
    "cross_entropy": CrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "squared_error": SquaredError,
    "crf": CrfLoss,
}
