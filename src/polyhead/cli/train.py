"""`polyhead train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from polyhead.bundle import Bundle
from polyhead.cli.console import error_console
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.settings import RunSettings, load_settings


class Strategy(StrEnum):
    """How tasks and data sets share the steps."""

    joint = "joint"
    alternating = "alternating"
    proportional = "proportional"
    uniform = "uniform"
    temperature = "temperature"
    round_robin = "round_robin"


class LoraShare(StrEnum):
    """Which tasks share an adapter."""

    shared = "shared"
    own = "own"


class Balancing(StrEnum):
    """How the losses of several tasks become one gradient."""

    static = "static"
    uncertainty = "uncertainty"
    dwa = "dwa"
    upgrad = "upgrad"
    pcgrad = "pcgrad"
    cagrad = "cagrad"
    nashmtl = "nashmtl"


class Precision(StrEnum):
    """Number format of the matrix products."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class OnNonfinite(StrEnum):
    """What a loss or gradient that is no finite number does."""

    stop = "stop"
    skip = "skip"


Resume = Annotated[
    bool, typer.Option("--resume", help="Go on where an earlier process was broken off, to the very same weights.")
]
Force = Annotated[bool, typer.Option("--force", help="With --resume: go on although settings or data are others now.")]


def train_command(
    data: Annotated[
        list[Path] | None, typer.Argument(metavar="DATA", help="Training files, in any known format.")
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Dev file, which chooses the best epoch. Without one a stratified tenth is held out."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder of the run.", show_default="saved_model")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Hub name, folder, or 'minilm', which needs no network.", show_default="distilbert-base-uncased"
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Times through the data.", show_default="2")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows in a batch.", show_default="by the size of the data")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(help="The encoder's highest learning rate.", show_default="by its width")
    ] = None,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            help="joint: one pass a batch for all tasks. alternating: one sub-batch a task in each step. The others: "
            "one batch of one data set or task in each step.",
            show_default="joint",
        ),
    ] = None,
    balancing: Annotated[
        Balancing | None,
        typer.Option(
            help="static: the tasks' weights. uncertainty, dwa: weights that are found. The others put the tasks' "
            "gradients together.",
            show_default="static",
        ),
    ] = None,
    freeze: Annotated[
        str | None, typer.Option(metavar="encoder|embeddings|N", help="Keep this part of the encoder as it is.")
    ] = None,
    lora: Annotated[
        int | None,
        typer.Option(
            "--lora", metavar="RANK", help="Keep the encoder as it is, and train adapters (LoRA) of this rank: 8, say."
        ),
    ] = None,
    lora_share: Annotated[
        LoraShare | None,
        typer.Option(
            "--lora-share",
            help="shared: one adapter for all tasks. own: one a task, and a pass of the encoder for each.",
            show_default="shared",
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.", show_default="42")] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(help="auto takes bf16 where the hardware has it, fp16 on other GPUs.", show_default="auto"),
    ] = None,
    on_nonfinite: Annotated[
        OnNonfinite | None,
        typer.Option(
            help="What a loss or gradient that is no finite number does: stop the run, or skip the batch.",
            show_default="stop",
        ),
    ] = None,
    trackers: Annotated[
        list[str] | None,
        typer.Option(
            "--tracker",
            metavar="tensorboard|mlflow|wandb|trackio",
            help="Hears of the run as it goes. May be repeated.",
        ),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (TOML).")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as training.lr=3e-5. Beats the file."),
    ] = None,
    resume: Resume = False,
    force: Force = False,
    keep: Annotated[
        int | None, typer.Option(help="States that are kept while the run is not finished.", show_default="2")
    ] = None,
    profile: Annotated[
        bool, typer.Option("--profile", help="Tell at the end where the time of a step goes, and how fast it was.")
    ] = False,
    diagnose: Annotated[
        bool,
        typer.Option("--diagnose", help="Tell at the end whether a task dominates, or two are in each other's way."),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Train one encoder with one head a task, and save a bundle after every epoch.

    [bold]Examples[/bold]

      polyhead train train.json --encoder minilm

      polyhead train train.jsonl --dev dev.jsonl --epochs 5 --output runs/first

      polyhead train --config run.toml --set training.lr=3e-5

      polyhead train train.json --encoder minilm --lora 8

      polyhead train --config run.toml --resume
    """
    train_with(dict(locals()))


_SETTINGS = {
    "data": "data.train",
    "dev": "data.dev",
    "output": "output",
    "encoder": "encoder",
    "epochs": "training.epochs",
    "batch_size": "training.batch_size",
    "lr": "training.lr",
    "strategy": "training.strategy",
    "balancing": "training.balancing",
    "freeze": "training.freeze",
    "lora": "adapters.rank",
    "lora_share": "adapters.share",
    "seed": "training.seed",
    "precision": "training.precision",
    "on_nonfinite": "training.on_nonfinite",
    "trackers": "tracking.trackers",
    "keep": "saving.keep",
}
"""Which setting each option of the command is."""


def train_with(options: dict[str, Any], *, single_file: str | None = None) -> None:
    """Run a training from the options of `train_command`; see `train_on_terminal`."""
    flags = {setting: options[option] for option, setting in _SETTINGS.items()}
    for name, setting in (("strict", "strict"), ("diagnose", "training.diagnose")):
        flags[setting] = options[name] or None  # not given means: what the file says
    settings = load_settings(options["config"], options["assignments"] or [], flags)
    train_on_terminal(
        settings,
        single_file=single_file,
        resume=options["resume"],
        force=options["force"],
        profile=options["profile"],
    )


def train_on_terminal(
    settings: RunSettings,
    *,
    resume: bool,
    force: bool,
    single_file: str | None = None,
    base: Bundle | None = None,
    profile: bool = False,
) -> None:
    """Run a training with its account on the terminal; see `polyhead.training.run_training`.

    Raises:
        SettingsError: If there is something to force, but nothing to resume.
    """
    if force and not resume:
        raise SettingsError("--force: goes on with a run whose settings or data have changed, so it needs --resume")
    try:
        from polyhead.cli.live import console_reporter
        from polyhead.training import run_training
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    console = error_console()
    run = run_training(
        settings,
        reporter=console_reporter(console),
        single_file=single_file,
        base=base,
        resume=resume,
        force=force,
        profile=profile,
    )
    console.print(f"\nsaved in {run.folder}; its best epoch is {run.best}", markup=False)
    console.print(f"next: polyhead predict {run.folder} 'a text'", markup=False)
