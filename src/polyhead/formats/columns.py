"""How one field of a file becomes the annotation of one task."""

from __future__ import annotations

from typing import Any, Protocol

from polyhead.notices import Notices
from polyhead.records import Source


class Column(Protocol):
    """Reads one field of one file for one task. A kind of task makes it; see `polyhead.tasks.base.Task.column`."""

    @property
    def field(self) -> str:
        """The field of the file that it reads."""

    def read(self, value: Any, text: str, source: Source | None, notices: Notices) -> Any:
        """Turn a JSON value into an annotation.

        Raises:
            AnnotationError: If the value is not what the kind of task reads.
        """

    def finish(self, notices: Notices) -> None:
        """Tell what is known only after the whole file."""
