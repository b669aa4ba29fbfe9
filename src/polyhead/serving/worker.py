"""A process that answers batches: `python -m polyhead.serving.worker`.

in    a line of JSON, the `Order`; then a line of JSON a batch: a list of parts, each texts of one request
out   lines of JSON: {"say": …} while it loads, {"ready": …} once it does, {"error": …} if it cannot;
      then for each batch {"parts": [bytes of each], "tokens": n, "seconds": s}, and behind it the parts' results: JSON
      objects with commas between; or {"failed": why}

Two batches are under way at a time: while one runs, the next is tokenised. No torch is imported here unless a model
that was not exported is to be run.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, BinaryIO

from polyhead.errors import PolyheadError
from polyhead.inference.predictor import Predictor
from polyhead.inference.results import Result
from polyhead.processes import answer_a_process, write_error
from polyhead.records import Text
from polyhead.serving.account import account_of, texts_to_try
from polyhead.serving.logs import places
from polyhead.serving.orders import Answer

Finish = Callable[[], Answer]


def main() -> None:
    """Answer batches until there are no more."""
    for ending in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(ending, signal.SIG_IGN)  # a group of processes may be told; this one ends once its input does
    answer_a_process(_answer, finish=True)


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    if not (line := source.readline()):
        return  # whoever started this one is gone
    try:
        predictor = _load(json.loads(line), sink)
    except PolyheadError as error:
        write_error(sink, error)
        return
    finally:
        sink.flush()
    begun: SimpleQueue[Finish | None] = SimpleQueue()
    writer = Thread(target=_write, args=(begun, sink))
    writer.start()
    for line in iter(source.readline, b""):
        try:
            begun.put(_begin(predictor, json.loads(line)))
        except Exception as error:  # in its turn, behind the answers that are still to come
            begun.put(_failed(error))
    begun.put(None)
    writer.join()


def _load(order: Mapping[str, Any], sink: BinaryIO) -> Predictor:
    """Load the model and have it answer, so that what is slow the first time is over."""

    def say(line: str) -> None:
        _write_line(sink, {"say": line})

    predictor = Predictor.load(order["model"], runtime=order["runtime"], precision=order["precision"], say=say)
    for texts in texts_to_try(predictor):
        predictor(texts)
    _write_line(sink, {"ready": account_of(predictor, order["model"])})
    return predictor


def _begin(predictor: Predictor, parts: Sequence[Mapping[str, Any]]) -> Finish:
    start = time.perf_counter()
    texts: list[Text] = [
        text if isinstance(text, str) else (text[0], text[1]) for part in parts for text in part["texts"]
    ]
    end, tokens = predictor.begin(texts)

    def finish() -> Answer:
        results = iter(end())
        ranked = [predictor.ranked([next(results) for _ in part["texts"]], part.get("top_k")) for part in parts]
        answers = [_results(part, own) for part, own in zip(parts, ranked, strict=True)]
        return Answer(answers, tokens, time.perf_counter() - start)

    return finish


def _failed(error: Exception) -> Finish:
    def finish() -> Answer:
        raise error

    return finish


def _results(part: Mapping[str, Any], results: Sequence[Result]) -> bytes:
    truncated, tasks, confidence = part.get("truncated", ()), part["tasks"], part["confidence"]
    found = []
    for at, result in enumerate(results):
        answers = {name: result.predictions[name].at_least(confidence).to_json() for name in tasks}
        second = {} if result.second is None else {"second": result.second}
        about = {"text": result.text, **second, "windows": result.windows, "truncated": at in truncated}
        found.append(json.dumps({**about, **answers}, ensure_ascii=False))
    return ",".join(found).encode()


def _write(begun: SimpleQueue[Finish | None], sink: BinaryIO) -> None:
    while (finish := begun.get()) is not None:
        try:
            answer = finish()
        except MemoryError:
            os._exit(1)  # the next process has what this one has lost
        except Exception as error:  # whatever it is: whoever sent the batch hears of it
            # Not what it says, which may quote a text.
            _write_line(sink, {"failed": type(error).__name__, "where": places(error)})
            continue
        header = {"parts": [len(part) for part in answer.parts], "tokens": answer.tokens, "seconds": answer.seconds}
        sink.write(json.dumps(header).encode() + b"\n" + b"".join(answer.parts))
        sink.flush()


def _write_line(sink: BinaryIO, value: object) -> None:
    sink.write(json.dumps(value).encode() + b"\n")
    sink.flush()


if __name__ == "__main__":
    main()
