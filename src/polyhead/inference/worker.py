"""A process that answers texts: `python -m polyhead.inference.worker`.

in    a line of JSON, the `Order`; then a line of JSON a chunk: a list of texts, or of pairs of texts
out   for each chunk a line of JSON that says how many answers follow, then a line each; or what went wrong

No torch is imported here unless a model that was not exported is to be run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import BinaryIO

from polyhead.errors import PolyheadError
from polyhead.inference.predictor import Predictor
from polyhead.inference.results import Result
from polyhead.processes import answer_a_process, read_header, write_error


@dataclass(frozen=True)
class Order:
    """What is to be done with texts.

    Attributes:
        model: Path of the model.
        runtime: What runs it.
        precision: In which precision.
        tasks: Names of the tasks to answer.
        confidence: What is held less probable is left out.
        top_k: How many of the most probable classes are shown beside an answer; `None` for none.
    """

    model: str
    runtime: str
    precision: str | None
    tasks: tuple[str, ...]
    confidence: float
    top_k: int | None = None


def line_of(result: Result, tasks: tuple[str, ...], confidence: float) -> str:
    """Return an answer as `polyhead predict --json` prints it."""
    kept = {name: result.predictions[name].at_least(confidence) for name in tasks}
    return json.dumps(replace(result, predictions=kept).to_json(), ensure_ascii=False)


def main() -> None:
    """Answer chunks until there are no more."""
    answer_a_process(_answer)


def _answer(source: BinaryIO, sink: BinaryIO) -> None:
    if not (line := source.readline()):
        return  # whoever started this one is gone
    order = json.loads(line)
    predictor = None
    for line in iter(source.readline, b""):
        try:
            predictor = predictor or Predictor.load(
                order["model"], runtime=order["runtime"], precision=order["precision"]
            )
            texts = [text if isinstance(text, str) else tuple(text) for text in json.loads(line)]
            results = predictor.stream(texts, top_k=order["top_k"])
            answers = [line_of(result, order["tasks"], order["confidence"]) for result in results]
        except PolyheadError as error:
            write_error(sink, error)
        else:
            sink.write(json.dumps({"answers": len(answers)}).encode() + b"\n")
            sink.write("".join(f"{answer}\n" for answer in answers).encode())
        sink.flush()


def read_answers(source: BinaryIO) -> list[str]:
    """Read what the process wrote for one chunk.

    Raises:
        PolyheadError: The error that was written.
        EOFError: If there is nothing to read: the process ended.
    """
    answers = [source.readline() for _ in range(read_header(source)["answers"])]
    if not all(answer.endswith(b"\n") for answer in answers):
        raise EOFError
    return [answer.decode()[:-1] for answer in answers]


if __name__ == "__main__":
    main()
