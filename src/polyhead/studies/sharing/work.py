"""The trainings that a study has left to do, one after the other or in several processes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

from polyhead.errors import PolyheadError, TrainingError
from polyhead.machine import cores
from polyhead.processes import EndedError, Process, read_header
from polyhead.studies.sharing.outcome import Outcome
from polyhead.studies.sharing.training import Job, Setup, train_team
from polyhead.training import Reporter

MODULE = "polyhead.studies.sharing.worker"


class Done(NamedTuple):
    """A training that is finished.

    Attributes:
        job: Which.
        outcome: What is kept of it.
        seconds: How long it took, with scores.
    """

    job: Job
    outcome: Outcome
    seconds: float


def one_by_one(jobs: Sequence[Job], setup: Setup, reporter: Reporter) -> Iterator[Done]:
    """Train here.

    Args:
        jobs: The trainings, in their order.
        setup: What they have in common.
        reporter: Hears how each goes.

    Yields:
        Each that is finished.
    """
    for job in jobs:
        began = time.perf_counter()
        yield Done(job, train_team(job, setup, reporter), time.perf_counter() - began)


def side_by_side(jobs: Sequence[Job], setup: Setup, *, workers: int) -> Iterator[Done]:
    """Train in several processes, each of which has its share of the processor's cores.

    Args:
        jobs: The trainings, the longest first.
        setup: What they have in common.
        workers: How many processes.

    Yields:
        Each that is finished, in the order in which they are.

    Raises:
        PolyheadError: If one cannot be trained.
        TrainingError: If a process ended by itself.
    """
    left: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        left.put(job)
    done: queue.SimpleQueue[Done | PolyheadError] = queue.SimpleQueue()
    count = min(workers, len(jobs))
    with ExitStack() as stack:
        for _ in range(count):
            worker = stack.enter_context(Process(MODULE, cores=cores_of_each(workers)))
            threading.Thread(target=_serve, args=(worker, setup, left, done), daemon=True).start()
        for _ in jobs:
            found = done.get()
            if isinstance(found, PolyheadError):
                raise found
            yield found


def cores_of_each(workers: int) -> int:
    """Return how many cores each of so many processes may keep busy."""
    return max(1, cores() // workers)


def _serve(
    worker: Process,
    setup: Setup,
    left: queue.SimpleQueue[Job],
    done: queue.SimpleQueue[Done | PolyheadError],
) -> None:
    """Have a process train what is left, until nothing is."""
    try:
        worker.send(_told(setup))
        while True:
            job = left.get_nowait()
            began = time.perf_counter()
            worker.send({"team": job.team, "seed": job.seed, "model": job.model and str(job.model.absolute())})
            outcome = Outcome.from_json(read_header(worker.answers))
            done.put(Done(job, outcome, time.perf_counter() - began))
    except queue.Empty:
        return
    except PolyheadError as error:
        done.put(error)
    except (EndedError, EOFError, OSError, ValueError) as error:
        ended = error if isinstance(error, EndedError) else worker.ended()
        done.put(
            TrainingError(
                f"a process that trains {ended}; what is finished is kept, and the same command goes on from there. "
                f"Where memory ran out, take fewer --workers"
            )
        )


def _told(setup: Setup) -> dict[str, Any]:
    """Return what a process needs to know to make the same setup."""
    return {
        "settings": setup.settings.model_dump(mode="json"),
        "folder": str(setup.folder.absolute()),
        "beside": setup.beside,
    }
