"""Each tag that fits no scheme, or breaks its file's."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from polyhead.checking.findings import Findings
from polyhead.labels import TagReader
from polyhead.records import Source

_SAYS = {
    "opened by I": "with no entity of its type before it (read as the start of one)",
    "unclosed": "with the entity before it still open (read as ended)",
}
_MOST = 100_000
"""Places of a file that are kept until its scheme is known."""


@dataclass
class TagFindings:
    """Hears of the tags of one file and one task. What breaks the scheme is known once the whole file was seen.

    Attributes:
        task: The task's name.
        findings: Hears of them.
        text: The text of the record that is read.
        unfit_in_record: Whether the record that is read has a tag that fits no scheme.
    """

    task: str
    findings: Findings
    text: str = ""
    unfit_in_record: bool = False
    _broken: list[tuple[str, Source | None, str, str]] = field(default_factory=list)
    _told: Counter[str] = field(default_factory=Counter)
    _reader: TagReader | None = None

    def listen(self, reader: TagReader) -> None:
        """Begin to hear of a file's tags."""
        self._reader, reader.listener = reader, self

    def begin(self, text: str) -> None:
        """Hear which record comes."""
        self.text, self.unfit_in_record = text, False

    def unfit(self, source: Source | None, problem: str) -> None:
        """Take a tag that fits no scheme."""
        self.unfit_in_record = True
        self.findings.add("tag", source, f"{self.task}: {problem}", text=self.text, task=self.task)

    def broken(self, source: Source | None, event: str, found: str) -> None:
        """Take a place that breaks some scheme, until the file's is known."""
        if self._reader is not None and event not in self._reader.breaks():
            # Most files have a scheme that this does not break; what is kept until that is known is little in others.
            if len(self._broken) < _MOST:
                self._broken.append((event, source, found, self.text))
            return
        self._tell(event, source, found, self.text)

    def finish(self) -> None:
        """Tell of what broke the scheme."""
        breaks = self._reader.breaks() if self._reader else {}
        for event, source, found, text in self._broken:
            if event in breaks:
                self._tell(event, source, found, text)
        for event, case in breaks.items():
            if more := case.count - self._told[event]:
                self.findings.add("scheme", case.source, f"{self.task}: {more:,} more, {_SAYS[event]}", task=self.task)
        self._broken.clear()

    def _tell(self, event: str, source: Source | None, found: str, text: str) -> None:
        self._told[event] += 1
        self.findings.add("scheme", source, f"{self.task}: {found}, {_SAYS[event]}", text=text, task=self.task)
