"""`polyhead`: the commands, and how errors reach a person."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer

from polyhead import __version__
from polyhead.cli.arguments import name_each_number
from polyhead.cli.calibrate import calibrate_command
from polyhead.cli.check import check_command
from polyhead.cli.compare import compare_command
from polyhead.cli.console import announce, error_console
from polyhead.cli.convert import convert_command
from polyhead.cli.evaluate import evaluate_command
from polyhead.cli.export import export_command
from polyhead.cli.find_issues import find_issues_command
from polyhead.cli.heads import add_head_command, remove_head_command
from polyhead.cli.info import info_command
from polyhead.cli.inspect import inspect_command
from polyhead.cli.learning_curve import learning_curve_command
from polyhead.cli.plan import plan_command
from polyhead.cli.predict import predict_command
from polyhead.cli.serve import serve_command
from polyhead.cli.split import split_command
from polyhead.cli.study import study_command
from polyhead.cli.train import train_command
from polyhead.cli.tune import tune_command
from polyhead.errors import PolyheadError, TrainingStoppedError

_BY_SIGNAL = 128
"""A shell's status of what a signal ended: this, and its number; 130 after Ctrl-C, 143 after SIGTERM."""

app = typer.Typer(
    name="polyhead",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.command("check")(check_command)
app.command("convert")(convert_command)
app.command("split")(split_command)
app.command("plan")(plan_command)
app.command("train")(train_command)
app.command("tune")(tune_command)
app.command("evaluate")(evaluate_command)
app.command("calibrate")(calibrate_command)
app.command("compare")(compare_command)
app.command("find-issues")(find_issues_command)
app.command("learning-curve")(learning_curve_command)
app.command("study")(study_command)
app.command("predict")(predict_command)
app.command("export")(export_command)
app.command("serve")(serve_command)
app.command("info")(info_command)
app.command("inspect")(inspect_command)
app.command("add-head")(add_head_command)
app.command("remove-head")(remove_head_command)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"polyhead {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error. Works anywhere.")] = False,
) -> None:
    """One encoder, many heads: train, evaluate and run every text task with one shared encoder."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        arguments: What stands behind the command's name; those of the process where not given.
    """
    sys.exit(run(app, sys.argv[1:] if arguments is None else arguments))


def run(command: Callable[..., object], arguments: list[str]) -> int:
    """Run a command; errors become one message and a status.

    Args:
        command: A Typer application.
        arguments: What stands behind its name. ``--debug`` anywhere before ``--`` lets tracebacks through.

    Returns:
        The exit status: 0, 2 for an error, 130 for Ctrl-C, 143 for SIGTERM while a model was trained.
    """
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    before, debug = len(own), "--debug" in own
    own = [argument for argument in own if argument != "--debug"]
    arguments = [*name_each_number(own), *arguments[before:]]
    try:
        status = command(args=arguments, standalone_mode=True)
    except SystemExit as ending:
        if isinstance(ending.__context__, BrokenPipeError):  # the reader of our output, `head` say, has seen enough
            return 0
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except TrainingStoppedError as stop:
        error_console().print(str(stop), markup=False)
        return _BY_SIGNAL + stop.signal
    except KeyboardInterrupt:
        error_console().print("stopped")
        return 130
    except Exception as error:
        if debug:
            raise
        announce(error_console(), "error", _message(error))
        return 2
    return status if isinstance(status, int) else 0


def _message(error: Exception) -> str:
    if isinstance(error, PolyheadError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:  # a full disk, a folder that may not be written to
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return f"unexpected {type(error).__name__}: {error}\nThis is a fault of polyhead; --debug shows where."
