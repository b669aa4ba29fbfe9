"""A trained model is given a further head, or loses one; the others answer as before, which is proved."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polyhead.bundle import About, Bundle, EncodingState, write_folder
from polyhead.bundle.locate import RUN_FILE
from polyhead.errors import PolyheadError, SettingsError, name_the_known
from polyhead.inference import open_model
from polyhead.model import MultiTaskModel, Pretrained
from polyhead.model.proof import heads_of, prove_unchanged
from polyhead.model.weights import load_model, save_weights
from polyhead.settings import RunSettings
from polyhead.tasks import task_state
from polyhead.training.run_folder import RunFolder


def pretrained_of(bundle: Bundle) -> tuple[Pretrained, EncodingState]:
    """Return a trained model's encoder as if it were a published one, and how texts become rows."""
    encoding = bundle.about.encoding
    pretrained = Pretrained(
        name=bundle.about.encoder,
        encoder=load_model(bundle).encoder,
        config_json=bundle.config_json,
        tokenizer_json=bundle.tokenizer_json,
        pad_id=encoding.pad_id,
        most_pieces=encoding.max_pieces,
    )
    return pretrained, encoding


def take_over(bundle: Bundle, model: MultiTaskModel) -> None:
    """Give a model the heads of a bundle, and have neither them nor the encoder learn.

    Args:
        bundle: A trained model.
        model: A model on the bundle's encoder, with its heads and others.
    """
    known = load_model(bundle)
    for task in bundle.tasks:
        model.head(task.name).load_state_dict(known.head(task.name).state_dict())
        model.head(task.name).requires_grad_(False)
    model.encoder.requires_grad_(False)


def settings_of_head(settings: RunSettings, task: str, base: Bundle) -> RunSettings:
    """Return the settings of a run that adds one head: of the tasks that are described, only the new one.

    Args:
        settings: They describe the task and its data.
        task: The new task.
        base: The model.

    Raises:
        SettingsError: If the task is not described, the model has one of its name, or the run would replace the model.
    """
    output = settings.output.resolve()
    if base.path and output in (base.path.resolve(), *base.path.resolve().parents) and (output / RUN_FILE).is_file():
        raise SettingsError(f"output: {settings.output} holds the model itself, which would be replaced; name another")
    if task in (there := [own.name for own in base.tasks]):
        raise SettingsError(f"--task: the model has a task {task!r} already (it has {', '.join(there)}); name another")
    if task not in settings.tasks:
        known = name_the_known(task, settings.tasks)
        raise SettingsError(f"--task: the settings describe no task {task!r} in [tasks.{task}]; {known}")
    sets = {name: own for name, own in settings.data.sets.items() if own.tasks is None or task in own.tasks}
    fed = {name: own.model_copy(update={"tasks": {task: (own.tasks or {}).get(task)}}) for name, own in sets.items()}
    return settings.model_copy(
        update={
            "encoder": base.about.encoder,
            "tasks": {task: settings.tasks[task]},
            "data": settings.data.model_copy(update={"sets": fed}),
            "training": settings.training.model_copy(update={"freeze": "encoder", "unfreeze": None}),
        }
    )


def about_with_head(about: About, base: About) -> About:
    """Return what a model with a further head is: what it was, and how the head came to it."""
    (added,) = (state["name"] for state in about.tasks if state["name"] not in {own["name"] for own in base.tasks})
    settings = {
        **base.settings,
        "added_heads": {**base.settings.get("added_heads", {}), added: about.settings},
    }
    kept = {"temperatures": base.temperatures, "settings": settings, "dev": _joined(base.dev, about.dev)}
    return about.model_copy(update=kept)


def _joined(before: Mapping[str, Any] | None, added: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if before is None or added is None:
        return dict(before or added or {}) or None
    return {**before, "tasks": {**before["tasks"], **added["tasks"]}}


def prove_heads(base: Bundle, folder: RunFolder) -> None:
    """See that the bundles of a run answer the tasks that the model had as it did; else discard the run.

    Raises:
        BundleError: If they do not.
    """
    before = load_model(base)
    try:
        for epoch in folder.epochs():
            prove_unchanged(before, load_model(open_model(epoch)), [task.name for task in base.tasks])
    except PolyheadError:
        folder.discard()
        raise


def remove_head(model: str | Path, task: str, output: str | Path) -> Path:
    """Write a model without one of its heads; the others answer as before, which is proved first.

    Args:
        model: A bundle, the output folder of a run, or a ``.pt`` file.
        task: The task to leave out.
        output: The bundle's folder; it must not be there yet.

    Returns:
        The folder.

    Raises:
        SettingsError: If the model has no such task, or no other, or the folder is there already.
        BundleError: If the model cannot be opened, or another head would answer otherwise.
    """
    bundle, folder = open_model(model), Path(output)
    kept = [own for own in bundle.tasks if own.name != task]
    if len(kept) == len(bundle.tasks):
        raise SettingsError(f"--task: the model has no task {task!r}; {name_the_known(task, [t.name for t in kept])}")
    if not kept:
        raise SettingsError(f"--task: {task!r} is the model's only task; without it nothing would be left")
    if folder.exists():
        raise SettingsError(f"--output: {folder} is there already; name a new folder")
    before = load_model(bundle)
    after = heads_of(before, [own.name for own in kept])
    prove_unchanged(before, after, [own.name for own in kept])
    write_folder(
        folder,
        about=_about_without(bundle.about, task, kept=[task_state(own) for own in kept]).model_copy(
            update={"adapters": after.adapters.states if after.adapters else ()}
        ),
        config_json=bundle.config_json,
        tokenizer_json=bundle.tokenizer_json,
        write_weights=lambda path: save_weights(after, path),
    )
    return folder


def _about_without(about: About, task: str, *, kept: list[dict[str, Any]]) -> About:
    dev = about.dev
    if dev is not None:
        # All tasks right is another question with fewer tasks: its old answer goes.
        tasks = {name: scores for name, scores in dev["tasks"].items() if name != task}
        dev = {**dev, "frame_accuracy": None, "tasks": tasks}
    temperatures = {name: value for name, value in about.temperatures.items() if name != task}
    return about.model_copy(update={"tasks": tuple(kept), "dev": dev, "temperatures": temperatures})
