"""Everything that a run needs, made from its settings before anything is written."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import torch

from polyhead.batching import Example
from polyhead.bundle import Bundle, EncodingState
from polyhead.encoding import TextEncoder
from polyhead.evaluation import Criterion
from polyhead.model import MultiTaskModel, Pretrained, load_pretrained
from polyhead.model.adapters import Adapters
from polyhead.model.compiling import check_compiler, compile_layers
from polyhead.model.fast import CutTable, cut_table, speed_up
from polyhead.model.freezing import freeze
from polyhead.model.recomputing import recompute_layers
from polyhead.notices import Notices
from polyhead.settings import RunSettings, TrainingSettings
from polyhead.tasks import Task, task_state
from polyhead.training import adapting
from polyhead.training.balancing import AGGREGATIONS, Balancing, Learning, balancing_of
from polyhead.training.choosing import criteria_of
from polyhead.training.data import DataSet, TrainingData, load_data
from polyhead.training.engine import (
    Engine,
    check_layers,
    make_accelerator,
    make_engine,
    make_repeatable,
    resolve_precision,
)
from polyhead.training.examples import pieces_in, rows_in
from polyhead.training.extending import pretrained_of, take_over
from polyhead.training.fingerprint import rows_digest
from polyhead.training.loop import LossSettings, Steps
from polyhead.training.plan import Plan, choose_batch_size, make_plan
from polyhead.training.rows import rows_to_train_on
from polyhead.training.teaching import teachers_of

_PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy")


@dataclass(frozen=True)
class Prepared:
    """Everything that a run needs.

    Attributes:
        settings: As they were given.
        data: Records and tasks.
        tasks: All of the model's tasks: those of the data, and those that a model had which is given a further head.
        criteria: What counts when epochs are compared.
        pretrained: The encoder, with what must be kept of it.
        encoding: How texts become rows; what a bundle keeps of it.
        text_encoder: The tokenizer, set up.
        model: The model, on its device.
        examples: The rows to train on.
        steps: Their order.
        plan: The numbers that the run goes by.
        engine: Optimiser and schedule.
        balancing: Turns the tasks' losses into a gradient.
        teachers: A line on what teaches, where something does.
        base: The model that is given a further head, where this is what the run does.
        said: Lines on what was kept of an earlier preparation, or is for a later one.
    """

    settings: RunSettings
    data: TrainingData
    tasks: tuple[Task, ...]
    criteria: dict[str, Criterion]
    pretrained: Pretrained
    encoding: EncodingState
    text_encoder: TextEncoder
    model: MultiTaskModel
    examples: Sequence[Example]
    steps: Steps
    plan: Plan
    engine: Engine
    balancing: Balancing
    teachers: str | None
    base: Bundle | None
    said: tuple[str, ...]

    def resolved_settings(self) -> dict[str, Any]:
        """Return the settings with the values that were worked out, as JSON."""
        settings: dict[str, Any] = self.settings.model_dump(mode="json")
        plan = self.plan.to_json()
        settings["training"] |= {key: plan[key] for key in ("batch_size", "lr", "head_lr")}
        settings["training"]["precision"] = resolve_precision(self.settings.training.precision)
        settings["encoding"]["max_length"] = self.encoding.max_pieces
        settings["adapters"] |= adapting.resolved(self.model)
        return settings

    def losses(self) -> LossSettings:
        """Return how losses become one."""
        return LossSettings(
            weights={task.name: task.weight for task in self.tasks},
            clip=self.settings.training.clip,
            soft_weight=self.settings.teacher.weight,
            temperature=self.settings.teacher.temperature,
        )

    def account(self) -> dict[str, Any]:
        """Return what `run.json` holds from the start."""
        return {
            "settings": self.resolved_settings(),
            "plan": self.plan.to_json(),
            "data": self.data.files,
            "dev": {"records": len(self.data.dev), "held_out": [own.name for own in self.data.sets if own.held_out]},
            "rows": rows_digest(self.examples),
            "tasks": [task_state(task) for task in self.tasks],
            "versions": versions(),
            "machine": {"device": self.model.device().type, "threads": torch.get_num_threads()},
            "seed": self.settings.training.seed,
        }

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield topic and line of what a person should know before the run starts."""
        data = self.data
        yield "encoder", self._encoder_fact()
        for line in adapting.facts(self.model, self.settings.adapters):
            yield "adapters", line
        for task in data.tasks:
            kind = f"{task.kind} from {task.field!r}, {task.describe()}"
            yield "task", f"{task.name}: {kind}, {data.annotated(task.name):,} records"
        for own in data.sets:
            yield "data", f"{own.name}: {self._set_fact(own)}" if len(data.sets) > 1 else self._set_fact(own)
        if (rows := len(self.examples)) > len(data.train) and not self.teachers:
            yield "data", f"{rows:,} rows: longer texts are cut into windows"
        for line in self.said:
            yield "cache", line
        if self.teachers:
            yield "teacher", self.teachers
        yield "plan", ", ".join(self._plan_facts())
        if self.settings.training.compile and self.model.device().type == "cpu":
            yield "compile", "on a processor the layers that are run without training.compile are faster"

    @staticmethod
    def _set_fact(own: DataSet) -> str:
        dev = "a stratified tenth, held out of the training data" if own.held_out else "as given"
        if not own.dev:
            dev = "too few texts to hold any out: it has no part in choosing the best epoch"
        weight = f", weight {own.weight:g}" if own.weight != 1 else ""
        return f"train {len(own.train):,} records{weight}, dev {len(own.dev):,} ({dev})"

    def _plan_facts(self) -> Iterator[str]:
        plan, training = self.plan, self.settings.training
        yield training.strategy
        if training.balancing != "static":
            yield f"losses balanced by {training.balancing}"
        yield f"{training.epochs} epochs of {plan.steps_per_epoch:,} steps"
        yield f"batch {plan.batch_size}"
        if training.token_budget:
            yield f"at most {training.token_budget:,} pieces at once"
        yield f"learning rate {plan.lr:.2g} (heads {plan.head_lr:.2g})"
        if training.layer_decay != 1.0:
            yield f"each layer below at {training.layer_decay:g} of the rate above"
        yield f"warm-up {plan.warmup_steps} steps"
        if training.unfreeze:
            yield f"{training.unfreeze} more layers learn with each epoch"
        if training.average > 1:
            yield f"weights averaged over up to {training.average} epochs where that is better"
        yield resolve_precision(training.precision)
        yield self.model.device().type
        yield f"seed {training.seed}"

    def _encoder_fact(self) -> str:
        weights = sum(weight.numel() for weight in self.model.state_dict().values())
        frozen = sum(weight.numel() for weight in self.model.parameters() if not weight.requires_grad)
        part = f" ({frozen / 1e6:.1f} M frozen)" if frozen else ""
        table = self.model.encoder.get_input_embeddings()  # type: ignore[operator]
        pieces = ""
        if isinstance(table, CutTable):
            pieces = f", {len(table.rows):,} of its {table.num_embeddings:,} pieces occur"
        rows = f"rows of up to {self.encoding.max_pieces} pieces"
        return f"{self.pretrained.name}, {weights / 1e6:.1f} M parameters{part}, {rows}{pieces}"


def prepare(
    settings: RunSettings, notices: Notices, *, base: Bundle | None = None, data: TrainingData | None = None
) -> Prepared:
    """Read the data, load the encoder, build the model, plan the steps.

    Args:
        settings: All settings.
        notices: Hears of what is odd in the data but usable.
        base: A trained model that is given further heads; then neither its encoder nor its heads learn.
        data: What is trained on instead of the settings' files.

    Raises:
        PolyheadError: If settings, data or encoder cannot be used.
    """
    training = settings.training
    data = data or load_data(settings, notices)
    make_repeatable(training.seed)
    pretrained, encoding = _encoder(settings) if base is None else pretrained_of(base)
    text_encoder = TextEncoder(pretrained.tokenizer_json, **encoding.model_dump())
    teachers = teachers_of(settings, data, pretrained.tokenizer_json)
    tasks = (*(base.tasks if base else ()), *data.tasks)
    model = MultiTaskModel(
        encoder=pretrained.encoder, heads={task.name: task.head() for task in tasks}, head_dropout=training.head_dropout
    )
    if base is None:
        freeze(model.encoder, training.freeze)
        check_layers(model.encoder, training)
        adapting.adapt(model, settings)
    else:
        take_over(base, model)
        adapting.adapt_head(model, settings, base)
    accelerator = make_accelerator(training.precision)
    model.to(accelerator.device)
    _set_up_layers(model, training)
    sets = (*data.sets, *teachers.sets)
    examples, said = rows_to_train_on(
        data,
        teachers=teachers,
        tokenizer_json=pretrained.tokenizer_json,
        encoding=encoding,
        encoder=text_encoder,
        notices=notices,
    )
    batch_size = choose_batch_size(training, rows=len(examples))
    by_set = training.mix_by == "set" or (training.mix_by == "auto" and len(sets) > 1)
    rows = rows_in(examples, sets, data.tasks, by_set=by_set)
    steps = Steps(rows, settings=training, batch_size=batch_size)
    first = steps.of_epoch(1)
    plan = make_plan(
        training,
        hidden=model.hidden,
        batch_size=batch_size,
        steps_per_epoch=len(first),
        adapted=settings.adapters.rank is not None,
    )
    names, weights = [task.name for task in data.tasks], {task.name: task.weight for task in tasks}
    balancing = balancing_of(Learning(model, weights, names, first, plan.steps), training)
    if accelerator.device.type == "cpu":
        cut_table(model.encoder, pieces_in(examples, text_encoder))
    engine = make_engine(model, accelerator, settings=training, plan=plan)
    return Prepared(
        settings=settings,
        data=data,
        tasks=tasks,
        criteria=criteria_of(data.tasks, settings),
        pretrained=pretrained,
        encoding=encoding,
        text_encoder=text_encoder,
        model=model,
        examples=examples,
        steps=steps,
        plan=plan,
        engine=engine,
        balancing=balancing,
        teachers=teachers.fact(),
        base=base,
        said=(*data.said, *said),
    )


def _set_up_layers(model: MultiTaskModel, training: TrainingSettings) -> None:
    """Choose what the encoder's layers run by in training; names of weights, and dev scores, know nothing of it."""
    device = model.device()
    if training.compile:
        check_compiler(device)
        compile_layers(model.encoder, goes_back_again=training.balancing in AGGREGATIONS)
    elif device.type == "cpu":
        speed_up(model, model.encoder)
    if training.checkpoint_activations:
        recompute_layers(model.encoder, model.adapters if isinstance(model.adapters, Adapters) else None)


def _encoder(settings: RunSettings) -> tuple[Pretrained, EncodingState]:
    pretrained = load_pretrained(settings.encoder)
    encoding = EncodingState(
        max_pieces=pretrained.max_pieces(settings.encoding.max_length),
        pad_id=pretrained.pad_id,
        overlap=settings.encoding.overlap,
    )
    return pretrained, encoding


def versions() -> dict[str, str]:
    """Return the versions of polyhead and of what trains a model."""
    packages = {name: metadata.version(name) for name in _PACKAGES}
    return {"polyhead": metadata.version("polyhead"), "python": platform.python_version(), **packages}
