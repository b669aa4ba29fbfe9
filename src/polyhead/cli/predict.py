"""`polyhead predict`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Annotated

import typer
from rich.console import Console

from polyhead.bundle.saving import new_file
from polyhead.cli.console import error_console, output_console, progress_bar
from polyhead.cli.highlight import Highlighter
from polyhead.errors import SettingsError, name_the_known
from polyhead.formats import Limits, read_texts
from polyhead.inference import Predictor, Result
from polyhead.records import Text, is_unicode


def predict_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    texts: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="Texts.")] = None,
    second: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="A second text, read together with the first, for a model of pairs."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE|-", help="Read texts: JSON, JSON lines, or one text a line; - is stdin."),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write one JSON object a line to this file.")] = None,
    tasks: Annotated[
        list[str] | None, typer.Option("--task", metavar="NAME", help="Answer this task alone; may be repeated.")
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option("--min-confidence", min=0.0, max=1.0, help="Leave out what is held less probable than this."),
    ] = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Answer every task for texts, in one pass of the encoder.

    [bold]Examples[/bold]

      polyhead predict saved_model "John lives in New York."

      polyhead predict saved_model --input texts.jsonl --output answers.jsonl

      polyhead predict pairs "A man sleeps." --second "Nobody is awake."

      cat texts.txt | polyhead predict saved_model --input - --json
    """
    if texts and source:
        raise SettingsError("--input: give texts or --input, not both")
    if second is not None and (source or len(texts or ()) != 1):
        raise SettingsError("--second: goes with one TEXT; pairs in a file have a field each")
    if not texts and not source:
        raise SettingsError("nothing to predict: give a TEXT, or --input FILE (- is standard input)")
    predictor = Predictor.load(model)
    chosen = choose_tasks(predictor, tasks or [])
    limits = predictor.bundle.limits() if predictor.bundle else Limits()
    given = read_texts(source, limits) if source else _checked(texts or [], second, limits)
    results = (_only(result, chosen, min_confidence) for result in predictor.stream(given))
    if output:
        with _writing(output) as file:
            _write_json(_watched(results), file)
    elif as_json:
        _write_json(results, sys.stdout)
    else:
        _show(results, output_console(), predictor)


def choose_tasks(predictor: Predictor, names: list[str]) -> list[str]:
    """Return the names of the tasks to answer: those asked for, or all.

    Raises:
        SettingsError: If the model has no task of a name.
    """
    known = [task.name for task in predictor.tasks]
    for name in names:
        if name not in known:
            raise SettingsError(f"--task: the model has no task {name!r}; {name_the_known(name, known)}")
    return names or known


def _checked(texts: Iterable[str], second: str | None, limits: Limits) -> Iterator[Text]:
    if second is None and limits.second_field and not limits.second_optional:
        raise SettingsError(f"--second: the model reads two texts, the second from {limits.second_field!r}; give it")
    for text in texts:
        for part in (text,) if second is None else (text, second):
            if len(part) > limits.max_characters:
                raise SettingsError(f"TEXT: has {len(part):,} characters, the limit is {limits.max_characters:,}")
            if not is_unicode(part):
                raise SettingsError(f"TEXT: {part!a} is not valid Unicode; write it in the terminal's encoding")
        yield text if second is None else (text, second)


def _only(result: Result, tasks: list[str], confidence: float) -> Result:
    return replace(result, predictions={name: result.predictions[name].at_least(confidence) for name in tasks})


@contextmanager
def _writing(path: Path) -> Iterator[IO[str]]:
    """Open the output, which appears whole or not at all; a device such as /dev/stdout is written to directly."""
    place = nullcontext(path) if path.exists() and not path.is_file() else new_file(path)
    with place as target, target.open("w", encoding="utf-8") as file:
        yield file


def _watched(results: Iterable[Result]) -> Iterator[Result]:
    """Pass results on and count them on a bar."""
    with progress_bar(error_console()) as bar:
        task = bar.add_task("predicting", total=None)
        for result in results:
            yield result
            bar.update(task, advance=1)


def _write_json(results: Iterable[Result], file: IO[str]) -> None:
    for result in results:
        file.write(json.dumps(result.to_json(), ensure_ascii=False) + "\n")
    file.flush()


def _show(results: Iterable[Result], console: Console, predictor: Predictor) -> None:
    highlighter = Highlighter([name for task in predictor.tasks for name in task.label_names()])
    for number, result in enumerate(results):
        if number:
            console.print()
        for line in highlighter.lines(result):
            console.print(line)
