"""Tag schemes (IOB1, BIO, BILOU, BIOES) to spans and back.

One reading serves all schemes: a span opens at ``B``, ``U``, ``S``, and at ``I``, ``L``, ``E`` where no span of that
type is open; it closes after ``U``, ``S``, ``L``, ``E``. For well-formed files of any scheme this gives the spans that
the scheme defines, IOB1 included (``B`` is used there only between neighbours of one type).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from polyhead.errors import AnnotationError
from polyhead.notices import Notices
from polyhead.records import Source, Span

_OPENS, _CLOSES = frozenset("BUS"), frozenset("USLE")
_FAMILIES = {"U": "BILOU", "L": "BILOU", "S": "BIOES", "E": "BIOES"}
_PREFIXES = frozenset("BIUSLE")
_BREAKS = ("opened by I", "unclosed")
"""What breaks a scheme, but not every one."""

Extent = tuple[int, int]


def spans_of_tags(tags: Sequence[str], words: Sequence[Extent]) -> tuple[Span, ...]:
    """Read tags as spans.

    Args:
        tags: One tag for each of the first ``len(tags)`` words.
        words: Start and end character of each word.

    Returns:
        The spans, in the order of the text.
    """
    spans: list[Span] = []
    open_span = False
    for tag, (start, end) in zip(tags, words, strict=False):
        prefix, label = tag[:1], tag[2:]
        if tag == "O":
            open_span = False
        elif prefix not in _OPENS and open_span and spans[-1].label == label:
            spans[-1] = Span(spans[-1].start, end, label)
            open_span = prefix not in _CLOSES
        else:
            spans.append(Span(start, end, label))
            open_span = prefix not in _CLOSES
    return tuple(spans)


def tags_of_spans(spans: Sequence[Span], units: Sequence[Extent]) -> list[str]:
    """Write spans as BIO tags, one a unit; a unit belongs to a span that it shares a character with.

    Args:
        spans: In the order of the text, not overlapping.
        units: Start and end character of each unit, in the order of the text.
    """
    tags = ["O"] * len(units)
    index = 0
    for span in spans:
        while index < len(units) and units[index][1] <= span.start:
            index += 1
        prefix = "B"
        while index < len(units) and units[index][0] < span.end:
            tags[index] = f"{prefix}-{span.label}"
            prefix = "I"
            index += 1
    return tags


class TagListener(Protocol):
    """Hears of every tag that is odd, where `TagReader` alone would keep the first."""

    def unfit(self, source: Source | None, problem: str) -> None:
        """Hear of a tag that fits no scheme."""

    def broken(self, source: Source | None, event: str, found: str) -> None:
        """Hear of a place that breaks some scheme: an ``event`` of `TagReader.breaks`."""


@dataclass
class _Case:
    count: int
    source: Source | None
    found: str


@dataclass
class TagReader:
    """Checks the tags of one file, record by record, and recognises their scheme.

    What breaks the file's scheme but can be read is counted, and told once by `finish`.

    Attributes:
        listener: Hears of each case.
    """

    listener: TagListener | None = None

    _family: str | None = None
    _cases: dict[str, _Case] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    def check(self, tags: Sequence[object], source: Source | None) -> list[str]:
        """Check one record's tags.

        Returns:
            The tags.

        Raises:
            AnnotationError: If a tag is not a string or fits no scheme.
        """
        checked = self._checked(tags, source)
        for event, position in _events(checked):
            case = self._cases.get(event)
            told = self.listener if event in _BREAKS else None
            if case is None or told:
                tag = checked[position - 1] if position <= len(checked) else "the end"
                found = f"tag {position} is {tag!r}"
                case = self._cases.setdefault(event, _Case(0, source, found))
                if told:
                    told.broken(source, event, found)
            case.count += 1
        return checked

    @property
    def scheme(self) -> str:
        """The scheme that the tags seen so far are written in."""
        if self._family:
            return self._family
        return "IOB1" if "opened by I" in self._cases and "opened by B" not in self._cases else "BIO"

    def finish(self, notices: Notices) -> None:
        """Tell what broke the scheme of the file, now that the whole file was seen."""
        breaks = self.breaks()
        if case := breaks.get("opened by I"):
            rule = "{tags continue|tag continues} an entity that nothing opened (read as the start of one)"
            notices.add(rule, case.source, f"{case.found}, with no entity of its type before it", case.count)
        if case := breaks.get("unclosed"):
            rule = f"{{entities end|entity ends}} without a closing {self._family} tag (read as ended)"
            notices.add(rule, case.source, f"{case.found}, with the entity before it still open", case.count)

    def breaks(self) -> dict[str, _Case]:
        """Return what breaks the scheme of the tags seen so far, by event: ``opened by I``, ``unclosed``."""
        allowed = {"opened by I": self.scheme == "IOB1", "unclosed": self._family is None}
        return {event: self._cases[event] for event in _BREAKS if event in self._cases and not allowed[event]}

    def _checked(self, tags: Sequence[object], source: Source | None) -> list[str]:
        """Return the tags; those that the file had before need no second look."""
        try:
            if not self._all_known(tags):
                self._known.update([self._check_one(tag, position) for position, tag in enumerate(tags, start=1)])
        except AnnotationError:
            if self.listener:
                self._tell_unfit(tags, source, self.listener)
            raise
        return [str(tag) for tag in tags]

    def _all_known(self, tags: Sequence[object]) -> bool:
        try:
            return self._known.issuperset(tags)
        except TypeError:  # what no set can hold is no tag
            return False

    def _tell_unfit(self, tags: Sequence[object], source: Source | None, listener: TagListener) -> None:
        for position, tag in enumerate(tags, start=1):
            try:
                self._check_one(tag, position)
            except AnnotationError as error:
                listener.unfit(source, str(error))

    def _check_one(self, tag: object, position: int) -> str:
        if not isinstance(tag, str):
            raise AnnotationError(f"tag {position} must be a string such as 'O' or 'B-PER', found {tag!r}")
        if tag == "O":
            return tag
        if len(tag) < 3 or tag[0] not in _PREFIXES or tag[1] != "-":
            hint = " (did you mean 'O'?)" if tag.strip() in {"o", "0", "", "O", "OUT"} else ""
            raise AnnotationError(
                f"tag {position} fits no scheme: found {tag!r}; a tag is 'O' or a prefix of BIO, IOB1, BILOU or BIOES "
                f"with a type, such as 'B-PER'{hint}"
            )
        family = _FAMILIES.get(tag[0])
        if family and self._family and family != self._family:
            raise AnnotationError(f"tag {position} fits no scheme: found {tag!r} in a file of {self._family} tags")
        self._family = self._family or family
        return tag


def _events(tags: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Yield where an entity opens by itself, or ends without a closing tag, with the tag's position from 1."""
    before = "O"
    for position, tag in enumerate([*tags, "O"], start=1):
        is_open = before[0] in "BI"
        continues = is_open and before[2:] == tag[2:] and tag != "O"
        if tag != "O" and not continues:
            yield "opened by B" if tag[0] in _OPENS else "opened by I", position
        if is_open and (not continues or tag[0] in _OPENS):
            yield "unclosed", position
        before = tag
