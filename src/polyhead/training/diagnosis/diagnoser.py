"""Measures at places that lie evenly over a run, whatever its strategy, without changing a bit of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from accelerate.utils.memory import clear_device_cache

from polyhead.batching import Step, SubBatch
from polyhead.batching.sampling import Indices
from polyhead.errors import SettingsError
from polyhead.evaluation.report.canvas import check_plots
from polyhead.model.freezing import is_frozen
from polyhead.training.diagnosis.groups import layer_groups
from polyhead.training.diagnosis.probe import Measurement, Probe
from polyhead.training.loop import set_training
from polyhead.training.passes import DidNotFitError, Passes
from polyhead.training.prepare import Prepared
from polyhead.training.randomness import RandomState
from polyhead.training.reporting import Reporter

_MOST, _LEAST = 50, 20
_STEPS_EACH = 10
"""A place in so many steps, but for runs so short that it would be too few."""
_ENOUGH = 8
"""Rows with a target that a task should have in a batch; with fewer it gets rows of its own."""
_STREAM = 9
"""Tells these random numbers from those that put rows in order."""


class Diagnoser:
    """Looks at the tasks' gradients now and then.

    A measurement takes random rows, as many as a batch has, for all tasks together, and further rows for a task that
    has too few targets in them; which rows is a function of seed and step. It runs forward once and backward once a
    task, with dropout, and puts random numbers back to where they were.

    Args:
        prepared: The run.
        stopped: Tasks whose losses are left out; looked at anew each time.
        reporter: Hears where it must stop.

    Attributes:
        places: After which steps it measures.
    """

    def __init__(self, prepared: Prepared, *, stopped: Collection[str], reporter: Reporter) -> None:
        self._prepared, self._stopped, self._reporter = prepared, stopped, reporter
        self.places = places_in(prepared.plan.steps)
        self._groups = layer_groups(prepared.model.encoder, prepared.engine.trained)
        self._found: dict[int, Measurement] = {}
        self._is_off = False

    @property
    def balancing(self) -> str:
        """How the losses of the run are balanced."""
        return self._prepared.settings.training.balancing

    @property
    def found(self) -> list[Measurement]:
        """All that was measured, in order."""
        return [self._found[step] for step in sorted(self._found)]

    @property
    def groups(self) -> list[str]:
        """The groups of layers, the lowest first."""
        return list(self._groups)

    def at(self, step: int, *, budget: int | None) -> bool:
        """Measure, if it is time to, and return whether that was so.

        Args:
            step: Steps that were taken.
            budget: Pieces, padding included, that may go through at once.
        """
        if step not in self.places or step in self._found or self._is_off:
            return False
        before = RandomState.now()
        try:
            if found := self._measured(step, budget):
                self._found[step] = found
        except DidNotFitError:
            self._is_off = True
            clear_device_cache(garbage_collection=True)
            self._reporter.warn(
                f"diagnosis: memory ran out after step {step:,} with a gradient for each task, so nothing more is "
                f"measured; smaller batches (training.token_budget) help"
            )
        finally:
            before.restore()
        return True

    def to_json(self) -> list[dict[str, Any]]:
        """Return all that a resumed run must know."""
        return [own.to_json() for own in self.found]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on from what `to_json` gave."""
        self._found = {own["step"]: Measurement.from_json(own) for own in state}

    def _measured(self, step: int, budget: int | None) -> Measurement | None:
        prepared = self._prepared
        weights = dict(prepared.balancing.weights())
        probe = Probe(weights, self._groups)
        passes = Passes(
            prepared.model,
            prepared.examples,
            encoder=prepared.text_encoder,
            engine=prepared.engine,
            losses=prepared.losses(),
            stopped=self._stopped,
            balancing=probe,
        )
        set_training(prepared.model)
        losses = passes.backward(self._rows(step), budget=budget)
        if not probe.is_whole:
            return None
        return Measurement(
            step,
            {name: losses[name] for name in probe.tasks},
            {name: weights[name] for name in probe.tasks},
            probe.gramians,
        )

    def _rows(self, step: int) -> Step:
        members = {
            name: own for name, own in self._prepared.steps.members.items() if len(own) and name not in self._stopped
        }
        random = np.random.default_rng([self._prepared.settings.training.seed, _STREAM, step])
        size = self._prepared.plan.batch_size
        everyone = np.unique(np.concatenate(list(members.values())))
        rows = _some(everyone, size, random)
        few = [name for name, own in members.items() if np.isin(rows, own).sum() < min(_ENOUGH, size, len(own))]
        together = frozenset(members) - set(few)
        own_rows = tuple(SubBatch(_some(members[name], size, random), frozenset({name})) for name in few)
        return (SubBatch(rows, together), *own_rows) if together else own_rows


def check_diagnosis(prepared: Prepared) -> None:
    """See that a run can be diagnosed, where that was asked for.

    Raises:
        SettingsError: If nothing that tasks share is trained, or layers are compiled.
        MissingExtraError: If the plot cannot be drawn.
    """
    if not prepared.settings.training.diagnose:
        return
    check_plots("training.diagnose")
    if prepared.settings.training.compile:
        raise SettingsError(
            "training.diagnose: cannot be had with training.compile, whose kernels depend on the batches that come "
            "first, so that measuring would change the run; leave one of them out"
        )
    if is_frozen(prepared.model.encoder):
        raise SettingsError(
            "training.diagnose: compares the tasks' gradients in the encoder, and this run's encoder is frozen, so "
            "that the tasks cannot be in each other's way; leave it out"
        )


def diagnoser_of(prepared: Prepared, *, stopped: Collection[str], reporter: Reporter) -> Diagnoser | None:
    """Return what measures a run; `None` where that was not asked for, or there is a single task."""
    if not prepared.settings.training.diagnose:
        return None
    if len(prepared.data.tasks) < 2:
        reporter.info("diagnose", "a single task shares nothing with others, so there is nothing to measure")
        return None
    return Diagnoser(prepared, stopped=stopped, reporter=reporter)


def places_in(steps: int) -> frozenset[int]:
    """Return after which steps of a run something is measured: before the first, after the last, evenly between.

    That is at most every tenth step and 50 times; of runs below 200 steps, 20 times.
    """
    count = min(_MOST, max(_LEAST, steps // _STEPS_EACH), steps + 1)
    return frozenset(np.linspace(0, steps, count).round().astype(int).tolist())


def _some(rows: Indices, size: int, random: np.random.Generator) -> Indices:
    return random.choice(rows, size=min(size, len(rows)), replace=False)
