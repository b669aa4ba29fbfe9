"""What of a run is tensors: taken out for a state, and put back bit for bit.

model/<name>                 weights, frozen ones too
optimizer/<number>/<name>    moments and steps of each weight that is not frozen
average/<epoch>/<name>       weights at the ends of the last epochs
random/<generator>           random numbers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from polyhead.errors import SettingsError
from polyhead.model import MultiTaskModel
from polyhead.model.weights import weights_of
from polyhead.training.averaging import LastEpochs
from polyhead.training.engine import Engine
from polyhead.training.randomness import random_tensors, random_values, restore_random

RANDOM = "random"


def take(model: MultiTaskModel, engine: Engine, last: LastEpochs) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a run by name, and what of the same things is no tensor, as JSON."""
    moments = engine.optimizer.state_dict()["state"]
    tensors = {f"model/{name}": tensor for name, tensor in weights_of(model).items()}
    numbers: dict[str, dict[str, Any]] = {}
    for at, own in moments.items():
        for name, value in own.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer/{at}/{name}"] = value.detach().cpu().contiguous()
            else:
                numbers.setdefault(str(at), {})[name] = value
    for epoch, kept in last.kept():
        tensors |= {f"average/{epoch}/{name}": tensor for name, tensor in kept.items()}
    tensors |= {f"{RANDOM}/{name}": state for name, state in random_tensors().items()}
    values: dict[str, Any] = {"optimizer": numbers, RANDOM: random_values()}
    if engine.scaler is not None:
        values["scaler"] = engine.scaler.state_dict()
    return tensors, values


def put_back(
    tensors: Mapping[str, Tensor],
    values: Mapping[str, Any],
    *,
    step: int,
    model: MultiTaskModel,
    engine: Engine,
    last: LastEpochs,
) -> None:
    """Give a run what `take` returned; the rates are those of its own settings at the step.

    Raises:
        SettingsError: If the weights are not those of this model, as after a change of encoder or tasks.
    """
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "optimizer": {}, "average": {}, RANDOM: {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition("/")
        parts[part][rest] = tensor
    _check(parts["model"], model)
    model.load_state_dict(parts["model"])
    _restore_optimizer(parts["optimizer"], values["optimizer"], engine)
    _restore_rates(engine, step)
    if engine.scaler is not None and "scaler" in values:  # not in the state of a run that was of another precision
        engine.scaler.load_state_dict(values["scaler"])
    for name, tensor in parts["average"].items():
        epoch, _, rest = name.partition("/")
        last.restore(int(epoch), rest, tensor)
    restore_random(parts[RANDOM], values[RANDOM])


def _check(found: Mapping[str, Tensor], model: MultiTaskModel) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    shapes = {name: tuple(tensor.shape) for name, tensor in found.items()}
    if shapes != wanted:
        first = min(name for name in wanted.keys() | shapes.keys() if wanted.get(name) != shapes.get(name))
        raise SettingsError(
            f"--resume: the state's weights are not those of this model: {first} has the shape "
            f"{shapes.get(first, 'none')} there, {wanted.get(first, 'none')} here. Encoder, tasks and labels must stay"
        )


def _restore_optimizer(tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], engine: Engine) -> None:
    moments: dict[int, dict[str, Any]] = {int(at): dict(own) for at, own in numbers.items()}
    for name, tensor in tensors.items():
        at, _, key = name.partition("/")
        moments.setdefault(int(at), {})[key] = tensor
    # Its groups, with rates and decay, are those of the settings.
    engine.optimizer.load_state_dict({**engine.optimizer.state_dict(), "state": moments})


def _restore_rates(engine: Engine, step: int) -> None:
    """Set the schedule to a step. It is a pure function of that, so nothing of it was saved."""
    schedule = engine.schedule
    schedule.last_epoch = step
    rates = [base * factor(step) for base, factor in zip(schedule.base_lrs, schedule.lr_lambdas, strict=True)]
    for group, rate in zip(engine.optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    schedule._last_lr = rates
