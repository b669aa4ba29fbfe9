"""`[adapters]` to adapters: which tasks share one, what they stand beside, and what does not go with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from polyhead.bundle import Bundle
from polyhead.bundle.adapters import AdapterState, passes_of
from polyhead.errors import SettingsError, name_the_known
from polyhead.model import MultiTaskModel
from polyhead.model.adapters import Adapters, inject, require_peft
from polyhead.model.targets import choose_targets
from polyhead.settings import RunSettings
from polyhead.settings.adapters import AdapterSettings

_ALPHA_FACTOR = 2.0


def adapt(model: MultiTaskModel, settings: RunSettings) -> None:
    """Give a model's encoder the adapters that are set, if any; then they and the heads learn, and nothing else.

    Args:
        model: The model, whose encoder is as it was published.
        settings: All settings.

    Raises:
        SettingsError: If they do not go with the encoder, the tasks, or other settings.
        MissingExtraError: If PEFT is not installed.
    """
    own = settings.adapters
    if own.rank is None:
        _check_unused(own)
        return
    require_peft()
    _check_training(settings)
    groups = groups_of(own, list(model.specs))
    states = _new(model, own, own.rank, groups, first=0)
    inject(model.encoder, states, dropout=own.dropout)
    model.adapters = Adapters(model.encoder, states, merge=len(states) == 1 if own.merge is None else own.merge)


def adapt_head(model: MultiTaskModel, settings: RunSettings, base: Bundle) -> None:
    """Give heads that are added to a model an adapter that learns, where one is set.

    Without one they read the encoder as the other heads do, where these all share one adapter, and as it is without
    adapters where they do not. The other heads' passes stay what they were, bit for bit.

    Args:
        model: The model on the base's encoder, of which nothing that was there learns.
        settings: All settings.
        base: The model that gets the heads.

    Raises:
        SettingsError: If they do not go with the encoder.
        MissingExtraError: If PEFT is not installed.
    """
    own, before = settings.adapters, base.about.adapters
    known = {task.name for task in base.tasks}
    added = [name for name in model.specs if name not in known]
    if own.rank is None:
        _check_unused(own)
        if len(before) == 1 and set(before[0].tasks) == known:
            before = (before[0].model_copy(update={"tasks": (*before[0].tasks, *added)}),)
        if before:
            model.adapters = Adapters(model.encoder, before)
        return
    if own.merge:
        raise SettingsError("adapters.merge: an added head's adapter is kept: merged, it would change the other heads")
    first = 1 + max((int(one.key.rpartition("_")[2]) for one in before), default=-1)
    states = _new(model, own, own.rank, groups_of(own, added), first=first)
    inject(model.encoder, states, dropout=own.dropout)
    model.adapters = Adapters(model.encoder, (*before, *states))


def groups_of(settings: AdapterSettings, tasks: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the tasks that share an adapter, in the order of the tasks.

    Raises:
        SettingsError: If groups are set that do not have each task once.
    """
    if settings.groups is None:
        return [(name,) for name in tasks] if settings.share == "own" else [tuple(tasks)]
    named = [name for group in settings.groups for name in group]
    for name in named:
        if name not in tasks:
            raise SettingsError(f"adapters.groups: there is no task {name!r}; {name_the_known(name, tasks)}")
        if named.count(name) > 1:
            raise SettingsError(f"adapters.groups: {name!r} stands there twice; a task has one adapter")
    if left := [name for name in tasks if name not in named]:
        raise SettingsError(f"adapters.groups: {left[0]!r} is in none; name each task once, alone if it shares none")
    if not all(settings.groups):
        raise SettingsError("adapters.groups: a group has no task; leave it out")
    return [tuple(name for name in tasks if name in group) for group in settings.groups]


def facts(model: MultiTaskModel, settings: AdapterSettings) -> Iterator[str]:
    """Yield what a person should know of a model's adapters, and of how much learns."""
    if not isinstance(model.adapters, Adapters):
        return
    states, merge = model.adapters.states, model.adapters.merge
    own = {(one.rank, one.alpha, one.targets) for one in states}
    what = "; ".join(f"rank {rank} (alpha {alpha:g}) on {', '.join(targets)}" for rank, alpha, targets in sorted(own))
    yield f"{what}, {'merged into the encoder' if merge else 'kept beside the encoder'} when it is saved"
    groups = passes_of(states, list(model.specs))
    if len(groups) > 1:
        shared = "; ".join(", ".join(names) for _, names in groups)
        yield f"{len(groups)} passes of the encoder, one a group of tasks: {shared}"
    if settings.dropout and model.device().type == "cpu":
        yield "with adapters.dropout the encoder's layers run by their own code, which on a processor is slower"
    learning = [weight.numel() for weight in model.parameters() if weight.requires_grad]
    weights = sum(weight.numel() for weight in model.parameters())
    adapters = sum(weight.numel() for weight in model.adapters.weights())
    yield (
        f"{sum(learning):,} of {weights:,} parameters learn ({100 * sum(learning) / weights:.2f} %), {adapters:,} are "
        f"the adapters'"
    )


def resolved(model: MultiTaskModel) -> dict[str, Any]:
    """Return what was worked out of the settings, by their names; nothing where the model has no adapters."""
    if not isinstance(model.adapters, Adapters):
        return {}
    last = model.adapters.states[-1]
    return {"alpha": last.alpha, "targets": list(last.targets), "merge": model.adapters.merge}


def _new(
    model: MultiTaskModel, settings: AdapterSettings, rank: int, groups: Sequence[tuple[str, ...]], *, first: int
) -> tuple[AdapterState, ...]:
    targets = choose_targets(model.encoder, settings.targets)
    alpha = _ALPHA_FACTOR * rank if settings.alpha is None else settings.alpha
    if settings.merge and len(groups) > 1:
        raise SettingsError("adapters.merge: goes with one adapter for all tasks; several are kept beside the encoder")
    return tuple(
        AdapterState(key=f"adapter_{number}", tasks=group, rank=rank, alpha=alpha, targets=targets)
        for number, group in enumerate(groups, start=first)
    )


def _check_unused(settings: AdapterSettings) -> None:
    """Refuse settings of adapters that would do nothing."""
    if settings != AdapterSettings():
        given = next(name for name in AdapterSettings.model_fields if name in settings.model_fields_set)
        raise SettingsError(f"adapters.{given}: does nothing without adapters.rank (--lora), for example 8")


def _check_training(settings: RunSettings) -> None:
    training = settings.training
    for name in ("freeze", "unfreeze"):
        if getattr(training, name) is not None:
            raise SettingsError(
                f"training.{name}: with adapters the encoder's own weights stay as they are in any case, and adapters "
                f"learn in all layers; leave it out, or leave out adapters.rank"
            )
