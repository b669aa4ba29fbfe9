"""`polyhead tune`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from polyhead.cli.console import error_console, output_console
from polyhead.cli.tune_tables import tune_tables
from polyhead.errors import MissingExtraError
from polyhead.settings import merged_settings


def tune_command(
    config: Annotated[
        Path,
        typer.Argument(metavar="CONFIG", help="Settings file (TOML), as for train; values may be ranges."),
    ],
    data: Annotated[
        list[Path] | None, typer.Argument(metavar="DATA", help="Training files, instead of those of CONFIG.")
    ] = None,
    dev: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="Dev file, which scores each trial.")] = None,
    trials: Annotated[
        int, typer.Option(help="Trials in all; the first has the default settings. More go on from earlier ones.")
    ] = 20,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long to search at most: 90s, 30m, 1h, 1h30m.")
    ] = None,
    fraction: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of the training texts to train on; dev stays whole.")
    ] = 1.0,
    confirm: Annotated[
        int,
        typer.Option(
            metavar="SEEDS", help="Then train the best and the default settings with so many fresh seeds: what is luck?"
        ),
    ] = 0,
    no_prune: Annotated[
        bool, typer.Option("--no-prune", help="Train each trial to its end, also one that does worse than most.")
    ] = False,
    output: Annotated[Path, typer.Option(metavar="FOLDER", help="Where best.toml, trials and plots go.")] = Path(
        "tuned"
    ),
    anew: Annotated[bool, typer.Option("--anew", help="Drop the trials there are, and begin again.")] = False,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="One setting or range, such as 'training.epochs={range=[2,8]}'."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings about the data as errors.")] = False,
) -> None:
    """Search the best settings in the ranges that a settings file marks, by the dev score.

    A range is { range = [1e-5, 1e-3], scale = "log" } or { choices = ["joint", "alternating"] } instead of a value.
    Each trial is kept: the same command goes on after a kill, and with more --trials.

    [bold]Examples[/bold]

      polyhead tune run.toml --trials 20 --timeout 1h

      polyhead tune run.toml --fraction 0.1 --confirm 3 --output tuned

      polyhead train --config tuned/best.toml
    """
    try:
        from polyhead.cli.studies import ConsoleStudyReporter
        from polyhead.studies.tuning import best_in
        from polyhead.studies.tuning.account import FILES
        from polyhead.studies.tuning.durations import seconds_of
        from polyhead.studies.tuning.search import Plan
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
    flags = {"data.train": data, "data.dev": dev, "strict": strict or None}
    merged = merged_settings(config, assignments or [], flags)
    seconds = None if timeout is None else seconds_of(timeout, where="--timeout")
    plan = Plan(trials=trials, seconds=seconds, prune=not no_prune, checks=confirm)
    console = error_console()
    with ConsoleStudyReporter(console) as reporter:
        found = best_in(
            merged, plan=plan, fraction=fraction, folder=output, anew=anew, reporter=reporter, file=str(config)
        )
    for name in FILES:
        if (output / name).exists():
            console.print(f"wrote  {output / name}", markup=False)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
        return
    out = output_console()
    for table in tune_tables(found, width=out.width):
        out.print(table)
    for line in _words(found):
        out.print(line, markup=False)


def _words(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what came of it, and how much of it is to be believed."""
    best, gain = found["best"], found["gain"]
    if best is None:
        yield "no trial was trained to its end, so there are no best settings"
        return
    if best == 0:
        yield "no trial beat the default settings, which best.toml holds"
    else:
        more = "" if gain is None else f", {100 * gain:.2f} points more than the default settings"
        yield (
            f"the best is trial {best}{more} on the dev data that chose it: of many trials the luckiest comes first, "
            f"so the gain is less in truth"
        )
        if found["confirmed"] is None:
            yield "how much less: --confirm 3 trains both anew with fresh seeds; data that chose nothing say it best"
        else:
            yield _verdict(found["confirmed"])
    yield _importance(found)
    yield f"next: polyhead train --config {found['best_file']}"


def _verdict(confirmed: Mapping[str, Any]) -> str:
    own, count = confirmed["figures"]["score"], len(confirmed["seeds"])
    seeds = f"{count} fresh seeds" if count > 1 else "one fresh seed"
    said = f"with {seeds} on the same dev data: {100 * own['difference']:+.2f} points"
    if own["interval"] is None:
        return f"{said} (one seed: no telling how sure that is)"
    low, high = (100 * end for end in own["interval"])
    shown = "the best settings are better" if low > 0 else "that the best settings are better is not shown"
    shown = "the default settings are better" if high < 0 else shown
    return f"{said} (95 % interval {low:.2f} to {high:.2f}): {shown}"


def _importance(found: Mapping[str, Any]) -> str:
    rows = found["importance"]
    if not rows:
        return "what mattered: too few trials to say"
    told = [own["setting"] for own in rows if own["share"] > own["chance"]]
    complete = sum(own["state"] == "complete" for own in found["trials"])
    if told:
        return f"what mattered, as far as {complete} complete trials tell it from chance: {', '.join(told)}"
    return f"what mattered: {complete} complete trials tell no setting from chance"
