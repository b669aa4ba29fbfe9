"""`polyhead predict`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import IO, Annotated

import typer

from polyhead.bundle.saving import new_file
from polyhead.cli.adapters import passes_line
from polyhead.cli.console import error_console, output_console, progress_bar
from polyhead.cli.highlight import Highlighter
from polyhead.cli.runtimes import PrecisionOption, RuntimeOption, said_once
from polyhead.errors import SettingsError, name_the_known
from polyhead.formats import Limits, read_texts
from polyhead.inference import Predictor, Result
from polyhead.inference.bulk import MOST_WORKERS, answered_by_others
from polyhead.inference.candidates import AUTO
from polyhead.inference.worker import Order, line_of
from polyhead.records import Text, is_unicode

_SHOWN_EVERY = 64
"""Answers after which the bar moves: moving it takes as long as an answer."""


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
    top_k: Annotated[
        int | None,
        typer.Option("--top-k", metavar="N", min=1, help="Show the N most probable classes beside an answer."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
    runtime: RuntimeOption = AUTO,
    precision: PrecisionOption = None,
    workers: Annotated[
        int,
        typer.Option(
            "--workers", min=1, max=MOST_WORKERS, help="Processes that answer a file, each with its share of the cores."
        ),
    ] = 1,
) -> None:
    """Answer every task for texts, in one pass of the encoder.

    [bold]Examples[/bold]

      polyhead predict saved_model "John lives in New York."

      polyhead predict saved_model --input texts.jsonl --output answers.jsonl

      polyhead predict saved_model "Book a table for two." --top-k 3

      polyhead predict pairs "A man sleeps." --second "Nobody is awake."

      cat texts.txt | polyhead predict saved_model --input - --json

      polyhead predict exported --input texts.jsonl --output answers.jsonl --runtime openvino --precision bf16
    """
    if texts and source:
        raise SettingsError("--input: give texts or --input, not both")
    if second is not None and (source or len(texts or ()) != 1):
        raise SettingsError("--second: goes with one TEXT; pairs in a file have a field each")
    if not texts and not source:
        raise SettingsError("nothing to predict: give a TEXT, or --input FILE (- is standard input)")
    if workers > 1 and not (source and (output or as_json)):
        raise SettingsError("--workers: goes with --input FILE, and --output FILE or --json")
    predictor = Predictor.load(model, runtime=runtime, precision=precision, say=said_once)
    chosen = choose_tasks(predictor, tasks or [])
    if predictor.bundle and (line := passes_line(predictor.bundle.about)) is not None:
        said_once(line)
    limits = predictor.bundle.limits() if predictor.bundle else Limits()
    given = read_texts(source, limits) if source else _checked(texts or [], second, limits)
    if not output and not as_json:
        _show((_only(result, chosen, min_confidence) for result in predictor.stream(given, top_k=top_k)), predictor)
        return
    way = predictor.way() if workers > 1 else (runtime, precision)
    order = Order(str(model), *way, tuple(chosen), min_confidence, top_k)
    lines = (
        answered_by_others(given, order, workers=workers)
        if workers > 1
        else (line_of(result, order.tasks, order.confidence) for result in predictor.stream(given, top_k=top_k))
    )
    if output:
        with _writing(output) as file:
            _write(_watched(lines), file)
    else:
        _write(lines, sys.stdout)


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


def _watched(lines: Iterable[str]) -> Iterator[str]:
    """Pass answers on and count them on a bar."""
    with progress_bar(error_console()) as bar:
        task = bar.add_task("predicting", total=None)
        for number, line in enumerate(lines, start=1):
            yield line
            if number % _SHOWN_EVERY == 0:
                bar.update(task, advance=_SHOWN_EVERY)


def _write(lines: Iterable[str], file: IO[str]) -> None:
    for line in lines:
        file.write(line + "\n")
    file.flush()


def _show(results: Iterable[Result], predictor: Predictor) -> None:
    console = output_console()
    highlighter = Highlighter([name for task in predictor.tasks for name in task.label_names()])
    for number, result in enumerate(results):
        if number:
            console.print()
        for line in highlighter.lines(result):
            console.print(line)
