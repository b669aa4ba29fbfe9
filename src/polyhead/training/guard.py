"""What a run does when numbers or memory go wrong, and what it says of it: each thing once, the rest to the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from polyhead.errors import NonFiniteError, TrainingError
from polyhead.settings import TrainingSettings
from polyhead.training.engine import resolve_precision
from polyhead.training.passes import Size
from polyhead.training.reporting import Reporter
from polyhead.training.spikes import Spikes
from polyhead.training.suspects import Trouble, some_of

_MOST_IN_A_ROW = 10
"""Batches in a row that may be left out. When each is bad, it is not the batches that are."""


@dataclass(frozen=True)
class Place:
    """Where in a run something happened.

    Attributes:
        epoch: From 1.
        step: From 1.
    """

    epoch: int
    step: int

    def __str__(self) -> str:
        return f"epoch {self.epoch}, step {self.step}"


class Guard:
    """Decides what becomes of a run in which something goes wrong. All that it knows survives a resume.

    Args:
        settings: What to do about numbers; the token budget.
        reporter: Hears of each thing that goes wrong once.
        log: Adds a line to the run's log: the event, then its values.
    """

    def __init__(self, settings: TrainingSettings, *, reporter: Reporter, log: Callable[..., None]) -> None:
        self._skips = settings.on_nonfinite == "skip"
        self._precision = resolve_precision(settings.precision)
        self._reporter, self._log = reporter, log
        self._budget = settings.token_budget
        self._halvings = self._skipped = self._in_a_row = self._overflows = 0
        self._spikes, self._spiked = Spikes(), dict[str, int]()

    @property
    def token_budget(self) -> int | None:
        """Pieces, padding included, that may go through the encoder at once; `None`: whole batches."""
        return self._budget

    def taken(self, place: Place, losses: Mapping[str, float], *, records: Callable[[str], tuple[str, ...]]) -> None:
        """Hear of a step that was taken, and look for spikes.

        Args:
            place: Which it was.
            losses: By task, all finite.
            records: Names the records of a task in it; only asked where they are needed.
        """
        self._in_a_row = 0
        for task, loss in losses.items():
            usual = self._spikes.look_at(task, loss)
            if usual is not None:
                self._spike(place, task, (loss, usual), records(task))

    def nonfinite(self, place: Place, trouble: Trouble) -> None:
        """Hear of a loss or gradient that is no finite number, with which no step was taken.

        Raises:
            NonFiniteError: Unless the batch is to be left out, and that helps.
        """
        self._in_a_row += 1
        stops = not self._skips or self._in_a_row >= _MOST_IN_A_ROW or not trouble.weights_are_finite
        self._log(
            "nonfinite",
            epoch=place.epoch,
            step=place.step,
            losses={name: str(loss) for name, loss in trouble.losses.items()},  # JSON has no NaN
            what=trouble.what,
            records=list(trouble.records),
            alone=list(trouble.alone),
            action="stop" if stops else "skip",
        )
        if stops:
            raise NonFiniteError(self._complaint(place, trouble), weights_are_finite=trouble.weights_are_finite)
        self._skipped += 1
        if self._skipped == 1:
            self._reporter.warn(
                f"{trouble.what} in {place}; the batch was left out. {trouble.who()} Further ones are in log.jsonl only"
            )

    def overflowed(self, place: Place) -> None:
        """Hear of a step that was left out because the scale of losses in fp16 was too high, and is lower now.

        That is how the right scale is found, no fault of the batch: nothing stops, and nobody is warned.
        """
        self._overflows += 1
        self._log("overflow", epoch=place.epoch, step=place.step)

    def did_not_fit(self, place: Place, size: Size) -> None:
        """Hear that memory ran out; halve what may go through at once.

        Raises:
            TrainingError: If a single row went through.
        """
        if size.rows == 1:
            raise TrainingError(
                f"memory ran out in {place} with a single row of {size.longest} pieces; set encoding.max_length below "
                f"that, keep a part of the encoder as it is (--freeze), or take a smaller encoder"
            )
        self._budget = size.slots // 2
        self._halvings += 1
        where = {"epoch": place.epoch, "step": place.step}
        self._log("memory", **where, rows=size.rows, longest=size.longest, slots=size.slots, token_budget=self._budget)
        if self._halvings == 1:
            self._reporter.warn(
                f"memory ran out in {place}: {size.rows} rows of up to {size.longest} pieces did not fit. From now on "
                f"at most {self._budget:,} pieces go through at once, and a larger batch in parts whose gradients are "
                f"added up: the steps stay the same"
            )

    def summary(self) -> list[str]:
        """Return a line on each thing that went wrong; none for a run in which nothing did."""
        lines = []
        if self._skipped:
            count = "1 batch was" if self._skipped == 1 else f"{self._skipped:,} batches were"
            lines.append(f"{count} left out: a loss or gradient was no finite number ('nonfinite' in log.jsonl)")
        if self._overflows:
            count = "1 step was" if self._overflows == 1 else f"{self._overflows:,} steps were"
            lines.append(f"{count} left out until fp16 had a scale that fits ('overflow' in log.jsonl)")
        if self._spiked:
            counts = ", ".join(f"{task} {count:,}" for task, count in self._spiked.items())
            lines.append(f"losses that stood far above what was usual: {counts} ('spike' in log.jsonl)")
        if self._halvings:
            lines.append(
                f"memory ran out; at the end at most {self._budget:,} pieces went through at once: "
                f"training.token_budget={self._budget} begins so"
            )
        return lines

    def to_json(self) -> dict[str, Any]:
        """Return all that a resumed run must know."""
        return {
            "token_budget": self._budget,
            "halvings": self._halvings,
            "skipped": self._skipped,
            "in_a_row": self._in_a_row,
            "overflows": self._overflows,
            "usual": self._spikes.to_json(),
            "spiked": dict(self._spiked),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_json` gave."""
        budgets = [budget for budget in (state["token_budget"], self._budget) if budget is not None]
        self._budget = min(budgets, default=None)
        self._halvings, self._skipped, self._in_a_row = state["halvings"], state["skipped"], state["in_a_row"]
        self._overflows = state.get("overflows", 0)  # older states have none
        self._spikes.restore(state["usual"])
        self._spiked = dict(state["spiked"])

    def _spike(self, place: Place, task: str, loss_and_usual: tuple[float, float], records: tuple[str, ...]) -> None:
        loss, usual = loss_and_usual
        where = {"epoch": place.epoch, "step": place.step}
        self._log("spike", **where, task=task, loss=loss, usual=usual, records=list(records))
        if not self._spiked:
            self._reporter.warn(
                f"the loss of task {task!r} jumped to {loss:.3g} in {place}, where {usual:.3g} was usual; look at the "
                f"batch's records: {some_of(records)}. Further jumps are in log.jsonl only"
            )
        self._spiked[task] = self._spiked.get(task, 0) + 1

    def _complaint(self, place: Place, trouble: Trouble) -> str:
        cures = ["mend or remove these records"] if trouble.is_of_records else []
        cures.append("lower training.lr")
        if self._precision != "fp32":
            cures.append("try --precision fp32")
        first = f"{trouble.what} in {place}; no step was taken with it."
        if not self._skips:
            cures.append("leave such batches out (--on-nonfinite skip)")
        elif trouble.weights_are_finite:
            first = f"{first} It is the {_MOST_IN_A_ROW}th batch in a row of which that is so."
        return f"{first} {trouble.who()} What helps: {', or '.join(cures)}. The bundles of earlier epochs are whole"
