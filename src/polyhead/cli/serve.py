"""`polyhead serve`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from polyhead.cli.runtimes import PrecisionOption, RuntimeOption
from polyhead.errors import MissingExtraError, SettingsError
from polyhead.inference.bulk import MOST_WORKERS
from polyhead.inference.candidates import AUTO

_MOST_EXAMPLES = 20


def serve_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Bundle, output folder of a run, or .pt file.")],
    host: Annotated[str, typer.Option(help="Address to listen at; by default for this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen at; 0: any that is free.")] = 8000,
    runtime: RuntimeOption = AUTO,
    precision: PrecisionOption = None,
    api_key_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keys, one a line, that open /v1/*; without it anyone may.")
    ] = None,
    workers: Annotated[
        int,
        typer.Option(min=1, max=MOST_WORKERS, help="Processes that answer texts, each with its share of the cores."),
    ] = 1,
    max_texts: Annotated[int, typer.Option(min=1, help="Texts in a request.")] = 256,
    max_characters: Annotated[
        int | None, typer.Option(min=1, help="Characters in a text, up to the model's own limit, which is the default.")
    ] = None,
    max_body_bytes: Annotated[int, typer.Option(min=1024, help="Bytes in a request's body.")] = 2**20,
    queue_requests: Annotated[int, typer.Option(min=1, help="Requests that may wait; more are refused (429).")] = 1024,
    queue_tokens: Annotated[int, typer.Option(min=1, help="Tokens that may wait, as estimated.")] = 65_536,
    batch_tokens: Annotated[int, typer.Option(min=1, help="Tokens in a batch, as estimated.")] = 4096,
    deadline_seconds: Annotated[
        float, typer.Option(min=0.01, help="A request without an answer after this gets none (504).")
    ] = 10.0,
    drain_seconds: Annotated[
        float, typer.Option(min=0.0, help="Time to finish what is in flight after SIGTERM.")
    ] = 20.0,
    examples: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Texts that the page offers to try, one a line.")
    ] = None,
    log_requests: Annotated[bool, typer.Option(help="Write a line of JSON for each request.")] = True,
    log_texts: Annotated[bool, typer.Option("--log-texts", help="Write the texts of requests there, too.")] = False,
) -> None:
    """Serve a model over HTTP: an API, a page to try it, health and metrics.

    The page is at /, the API's description at /docs. SIGTERM ends the server once what is in flight is answered; SIGHUP
    loads the model anew from its place.

    [bold]Examples[/bold]

      polyhead serve exported

      polyhead serve exported --host 0.0.0.0 --api-key-file keys.txt --deadline-seconds 2
    """
    try:
        from polyhead.serving.limits import ServerLimits
        from polyhead.serving.server import ServerOptions, serve
    except ImportError as error:
        if error.name and error.name.startswith("polyhead"):
            raise
        raise MissingExtraError("serving a model", "serve") from error
    limits = ServerLimits(
        texts=max_texts,
        characters=max_characters,
        body_bytes=max_body_bytes,
        queue_requests=queue_requests,
        queue_tokens=queue_tokens,
        batch_tokens=batch_tokens,
        deadline_seconds=deadline_seconds,
        drain_seconds=drain_seconds,
    )
    options = ServerOptions(
        host=host,
        port=port,
        runtime=runtime,
        precision=precision,
        processes=workers,
        api_key_file=api_key_file,
        limits=limits,
        log_requests=log_requests,
        log_texts=log_texts,
    )
    serve(model, replace(options, examples=read_examples(examples)) if examples else options)


def read_examples(path: Path) -> list[str]:
    """Read texts, one a line.

    Raises:
        SettingsError: If they cannot be read, or are more than fit on a page.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"--examples: {path}: cannot be read as UTF-8 text: {error}") from error
    texts = [line for line in lines if line]
    if len(texts) > _MOST_EXAMPLES:
        raise SettingsError(f"--examples: {path}: {len(texts)} texts, a page has room for {_MOST_EXAMPLES}")
    return texts
