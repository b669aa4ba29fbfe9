"""A result as people read it: entities coloured in their text, classes below."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import category

from rich.text import Text

from polyhead.inference import Result
from polyhead.tasks import Prediction

_COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")


class Highlighter:
    """Draws results.

    Args:
        labels: All entity types and classes; a type keeps its colour whatever a text holds.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._styles = {label: f"bold {_COLOURS[at % len(_COLOURS)]}" for at, label in enumerate(dict.fromkeys(labels))}

    def lines(self, result: Result) -> list[Text]:
        """Return the text, once for each task that marks stretches of it, then a line for each other answer."""
        marked = {name: answer for name, answer in result.predictions.items() if not answer.summary()}
        lines = [self._marked(result.text, answer) for answer in marked.values()] or [Text(visible(result.text))]
        if result.second is not None:
            lines.append(Text(visible(result.second)))
        width = max(map(len, result.predictions))
        for name, answer in result.predictions.items():
            lines.append(Text.assemble("  ", (f"{name:<{width}}  ", "dim"), self._in_words(answer)))
        if result.windows > 1:
            lines.append(Text(f"  read in {result.windows} overlapping windows", "dim"))
        return lines

    def _marked(self, text: str, answer: Prediction) -> Text:
        drawn = Text()
        at = 0
        for span in answer.highlights():
            drawn.append(visible(text[at : span.start]))
            style = self._styles.get(span.label, "bold")
            drawn.append(f"[{visible(text[span.start : span.end])}]", f"{style} underline")
            drawn.append(f"{span.label}", f"{style} reverse")
            at = span.end
        return drawn.append(visible(text[at:]))

    def _in_words(self, answer: Prediction) -> Text:
        if summary := answer.summary():
            return Text(visible(summary), "bold")
        count = len(answer.highlights())
        return Text(f"{count} found" if count else "none found")


def visible(text: str) -> str:
    """Keep a text from steering the terminal: control characters but tab and line feed become a replacement sign."""
    return "".join("\ufffd" if category(char) == "Cc" and char not in "\t\n" else char for char in text)
