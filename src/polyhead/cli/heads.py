"""`polyhead add-head` and `polyhead remove-head`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.console import error_console
from polyhead.cli.train import Force, Resume, train_on_terminal
from polyhead.errors import MissingExtraError
from polyhead.inference import open_model
from polyhead.settings import load_settings


def add_head_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    task: Annotated[str, typer.Option(metavar="NAME", help="The new task, described in the settings as [tasks.NAME].")],
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML) with the task and its data.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="saved_model")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.epochs=5. Beats the file."),
    ] = None,
    resume: Resume = False,
    force: Force = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Train a further head on a model's encoder, which stays as it is, and so do the other heads.

    Afterwards the logits of the other heads are compared with those of before, bit for bit.

    [bold]Example[/bold]

      polyhead add-head runs/snips --task topic --config topic.toml --output runs/snips-topic
    """
    settings = load_settings(config, assignments or [], {"output": output, "strict": strict or None})
    try:
        from polyhead.training.extending import settings_of_head
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    base = open_model(model)
    train_on_terminal(settings_of_head(settings, task, base), base=base, resume=resume, force=force)


def remove_head_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    task: Annotated[str, typer.Option(metavar="NAME", help="The task to leave out.")],
    output: Annotated[Path, typer.Option(help="Folder of the new bundle.")],
) -> None:
    """Write a model without one of its heads.

    The logits of the other heads are compared with those of before, bit for bit, before anything is written.

    [bold]Example[/bold]

      polyhead remove-head runs/snips-topic --task topic --output smaller
    """
    try:
        from polyhead.training.extending import remove_head
    except ImportError as error:
        raise MissingExtraError("taking a model apart", "train") from error
    folder = remove_head(model, task, output)
    console = error_console()
    console.print(f"saved in {folder}; the other heads' logits are bit-equal to before", markup=False)
