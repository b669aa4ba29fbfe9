"""A linear-chain conditional random field over the units of a row (Lafferty et al. 2001)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from polyhead.tasks import Constraints

_MARGIN = 7.0
"""Kept from the smallest number there is, in logs: a thousand tags may be summed."""


class Crf(nn.Module):
    """Scores of what follows what; forbidden steps have no probability at all.

    All methods take chains without gaps: unit 0 of a chain is its first, and `lengths` says how many it has.

    Args:
        constraints: Which tags may come first, and which may follow which.
    """

    start_allowed: Tensor
    step_allowed: Tensor

    def __init__(self, constraints: Constraints) -> None:
        super().__init__()
        tags = len(constraints.start)
        self.start = nn.Parameter(torch.zeros(tags))
        self.step = nn.Parameter(torch.zeros(tags, tags))
        self.register_buffer("start_allowed", torch.tensor(constraints.start), persistent=False)
        self.register_buffer("step_allowed", torch.tensor(constraints.step), persistent=False)

    def table(self) -> Tensor:
        """Return, shape (1 + tags, tags), the scores of first tags, then of steps."""
        return torch.cat([self.start[None], self.step])

    def log_sum(self, emissions: Tensor, lengths: Tensor, continues: Tensor) -> Tensor:
        """Sum over all sequences that keep the constraints.

        Args:
            emissions: Shape (chains, units, tags).
            lengths: Shape (chains,): units of each chain, at least 1.
            continues: Shape (chains,): the chain goes on with an earlier one, so that any tag may come first in it.

        Returns:
            Shape (chains,): the log of the summed exponentials of the sequences' scores.
        """
        weights = torch.where(self.step_allowed, self.step, -torch.inf).exp()  # a forbidden step weighs a true 0
        reached = self.start_allowed | continues[:, None]
        forward = emissions[:, 0] + torch.where(reached, self._first(continues), -torch.inf)
        for unit in range(1, emissions.shape[1]):
            into, reached_now = self._into(forward, reached, weights)
            inside = (unit < lengths)[:, None]
            forward = torch.where(inside, torch.where(reached_now, into + emissions[:, unit], -torch.inf), forward)
            reached = torch.where(inside, reached_now, reached)
        return forward.logsumexp(dim=1)

    def _into(self, forward: Tensor, reached: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Sum, for each tag, over the tags before it.

        Args:
            forward: Shape (chains, tags): the log of the sums up to a unit.
            reached: Of the same shape: whether any sequence comes to a tag there.
            weights: Shape (tags, tags): the exponentials of the steps' scores.

        Returns:
            The log of the sums (anything, where no sequence comes), and where one comes.
        """
        reached_now = (reached.to(forward.dtype) @ self.step_allowed.to(forward.dtype)) > 0
        highest = forward.amax(dim=1, keepdim=True).detach()
        lowest = torch.where(reached, forward, highest).amin(dim=1, keepdim=True)
        info = torch.finfo(forward.dtype)
        if float(((highest - lowest).amax() + self.step.abs().amax()).detach()) < -math.log(info.tiny) - _MARGIN:
            # One matrix product sums over all tags before: far cheaper than over (chains, tags, tags), and as exact as
            # long as no exponential leaves the range of numbers.
            return ((forward - highest).exp() @ weights).clamp_min(info.tiny).log() + highest, reached_now
        leads = reached[:, :, None] & self.step_allowed
        steps = torch.where(leads, forward[:, :, None] + self.step, -torch.inf)
        return torch.where(reached_now[:, None], steps, 0.0).logsumexp(dim=1), reached_now

    def score(self, emissions: Tensor, tags: Tensor, lengths: Tensor, continues: Tensor) -> Tensor:
        """Return, shape (chains,), the score of one sequence of tags a chain; `tags` has shape (chains, units)."""
        inside = torch.arange(tags.shape[1], device=tags.device) < lengths[:, None]
        own = emissions.gather(2, tags[:, :, None])[:, :, 0]
        steps = self.step[tags[:, :-1], tags[:, 1:]]
        first = torch.where(continues, 0.0, self.start[tags[:, 0]])
        return (own * inside).sum(1) + (steps * inside[:, 1:]).sum(1) + first

    def expected_score(self, emissions: Tensor, beliefs: Tensor, lengths: Tensor, continues: Tensor) -> Tensor:
        """Return, shape (chains,), the mean score of sequences whose tags are drawn independently.

        Args:
            emissions: Shape (chains, units, tags).
            beliefs: Of the same shape: how probable each tag is.
            lengths: As above.
            continues: As above.
        """
        inside = torch.arange(beliefs.shape[1], device=beliefs.device) < lengths[:, None]
        beliefs = beliefs * inside[:, :, None]
        own = (emissions * beliefs).sum((1, 2))
        # What the scheme forbids has no score that could be learnt: it has no part in the mean.
        steps = ((beliefs[:, :-1] @ (self.step * self.step_allowed)) * beliefs[:, 1:]).sum((1, 2))
        first = torch.where(continues, 0.0, beliefs[:, 0] @ (self.start * self.start_allowed))
        return own + steps + first

    def _first(self, continues: Tensor) -> Tensor:
        return torch.where(continues[:, None], torch.zeros_like(self.start), self.start)
