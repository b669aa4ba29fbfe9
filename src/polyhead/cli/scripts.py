"""The two plain scripts, `src/train.py` and `src/predict.py`: the same functions behind the options they always had."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from polyhead.cli.predict import choose_tasks
from polyhead.cli.train import train_command, train_with
from polyhead.inference import Predictor

_SINGLE_FILE = "mtl_epoch{epoch}.pt"
_EITHER_DASH = {"token_normalize_func": lambda token: token.replace("_", "-")}
"""The scripts' options have underscores, those of the command line have dashes: here both do."""

train_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
predict_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _script_of(command: Callable[..., None], options: dict[str, Any], run: Callable[[dict[str, Any]], None]) -> Any:
    """Make a command like another, with some parameters declared anew.

    Args:
        command: The command whose parameters are taken over.
        options: Name of a parameter to what replaces its annotation.
        run: Gets the values by name.
    """
    known = inspect.signature(command, eval_str=True)

    @wraps(command)
    def script(**values: Any) -> None:
        run(values)

    parameters = [
        parameter.replace(annotation=options.get(name, parameter.annotation), kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in known.parameters.items()
    ]
    del script.__wrapped__
    script.__signature__ = known.replace(parameters=parameters)  # type: ignore[attr-defined]
    script.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    script.__doc__ = (
        "Train one encoder with one head a task; write mtl_epoch1.pt, mtl_epoch2.pt, … and the folder form beside them."
    )
    return script


train_app.command(context_settings=_EITHER_DASH)(
    _script_of(
        train_command,
        {
            "data": Annotated[list[Path] | None, typer.Option("--data", help="Training file: JSON or JSON lines.")],
            "output": Annotated[
                Path | None,
                typer.Option("--save_dir", "--output", help="Folder of the run.", show_default="saved_model"),
            ],
        },
        lambda values: train_with(values, single_file=_SINGLE_FILE),
    )
)


@predict_app.command(context_settings=_EITHER_DASH)
def _predict(
    model_path: Annotated[Path, typer.Option("--model_path", help="A .pt file, a bundle, or the folder of a run.")],
    text: Annotated[str, typer.Option("--text", help="The text.")],
    task: Annotated[str, typer.Option("--task", help="Name of the task: classification or ner.")],
) -> None:
    """Predict one task for one text."""
    predictor = Predictor.load(model_path)
    (name,) = choose_tasks(predictor, [task])
    (result,) = predictor([text])
    sys.stdout.write(f"Task: {name}\nInput: {text}\n{result.predictions[name].plain()}\n")
