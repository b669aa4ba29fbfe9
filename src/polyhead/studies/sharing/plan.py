"""The trainings of a study, and what they are called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from polyhead.studies.sharing.teams import Team, slug_of, teams_of
from polyhead.studies.sharing.training import Job


@dataclass(frozen=True)
class Plan:
    """The trainings of a study.

    Attributes:
        names: The tasks.
        teams: Who is trained together; the joint model first, then each task by itself.
        seeds: Of each team.
        pairs: Whether each two tasks are trained together.
    """

    names: tuple[str, ...]
    teams: tuple[Team, ...]
    seeds: tuple[int, ...]
    pairs: bool

    @classmethod
    def of(cls, names: tuple[str, ...], *, first_seed: int, seeds: int, pairs: bool) -> Self:
        """Plan a study.

        Args:
            names: The tasks.
            first_seed: The first seed; the others follow it.
            seeds: How many.
            pairs: Whether each two tasks are trained together.
        """
        return cls(names, tuple(teams_of(names, pairs=pairs)), tuple(range(first_seed, first_seed + seeds)), pairs)

    def name(self, team: Team, seed: int) -> str:
        """Return the name of a training, as files have it."""
        return f"{slug_of(team, self.names)}-seed{seed}"

    def in_words(self, job: Job) -> str:
        """Return the name of a training for people."""
        who = "joint" if job.team == self.names else " + ".join(job.team)
        return f"{who}, seed {job.seed}"

    def is_timed(self, team: Team, seed: int) -> bool:
        """Whether a training's model is timed: of the first seed's, the joint one and the tasks' own."""
        return seed == self.seeds[0] and team in self.twins()

    def twins(self) -> tuple[Team, ...]:
        """Return who is compared: all tasks, then each."""
        return self.teams[: len(self.names) + 1]

    def all(self) -> list[tuple[Team, int]]:
        """Return all trainings, those of a seed together."""
        return [(team, seed) for seed in self.seeds for team in self.teams]
