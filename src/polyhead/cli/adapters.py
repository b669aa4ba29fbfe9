"""What a person is told of a model that runs its encoder more than once."""

from __future__ import annotations

from polyhead.bundle import About


def passes_line(about: About) -> str | None:
    """Return a line on how often the encoder runs for a text; `None` where it runs once."""
    passes = about.passes()
    if len(passes) < 2:
        return None
    groups = "; ".join(", ".join(tasks) for _, tasks in passes)
    return f"the encoder runs {len(passes)} times a text, once for each group of tasks that share an adapter: {groups}"
