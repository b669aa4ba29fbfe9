"""Files of every format, changed until they are none any more."""

from __future__ import annotations

import shutil
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from polyhead.converting import annotated
from polyhead.converting.convert import WRITERS
from polyhead.errors import DataError
from polyhead.formats import FORMATS, Annotated, Way, fitted, read_raw
from polyhead.formats.losses import ignore
from polyhead.notices import Notices
from polyhead.records import Span, Spans
from tests.contract.test_formats import SAMPLES

Content = Mapping[str, bytes]
"""By name the files of a data set; one file stands alone under its own name."""

_ZLIB = b"\x78"

RECORDS = [
    Annotated("Play Rome by John, now!", "play", None, Spans((Span(5, 9, "work"), Span(13, 17, "artist")))),
    Annotated("where is the café 中文 😀", "ask", None, Spans((Span(13, 17, "place"),))),
    Annotated("two words", "a b", ("x", "y"), Spans(()), {"id": 7, "note": "n"}),
    Annotated("nothing known of it", None, None, None),
    Annotated("[brackets](like) {these} # and \\ * _ that", "odd/label+more", None, Spans((Span(0, 10, "B-X"),))),
]

STRANGE = [
    b"\\ud800",
    b'"a\\udfffb"',
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\r",
        b"\r\n",
        b"\n\n",
        b"\t",
        b" ",
        b'"',
        b"'",
        b"\\",
    ),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"(",
        b")",
        b":",
        b",",
        b"|",
        b"#",
        b"- ",
        b"  ",
        b"&a ",
        b"*a",
        b"!!python/object:os.system ",
        b"%",
    ),
    *(
        b"null",
        b"NaN",
        b"-1",
        b"1e999",
        b"9" * 5000,
        b"[" * 3000,
        b'{"a":' * 2000,
        b"- " * 2000,
        b"\xe2\x80\xa8",
        b"\xc2\x85",
    ),
    *(
        b"-DOCSTART-",
        b"O",
        b"B-",
        b"I-X",
        b"T1\tX 0 1",
        b";",
        b"true",
        b'"start": 99999',
        b"99999999999999999999",
        b"<script>",
    ),
]


@dataclass
class Outcome:
    """What became of some cases.

    Attributes:
        read: Those that gave records.
        refused: Those that gave a complaint.
        faults: What went wrong otherwise.
        slowest: The longest time, in seconds, and its case.
    """

    read: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


def seeds(folder: Path, real: Path | None) -> dict[str, list[Content]]:
    """Return, by format, good files: of the contract tests, written by ourselves, and of the tools themselves."""
    found: dict[str, list[Content]] = {form.name: [] for form in FORMATS}
    for name, sample in SAMPLES.items():
        if name in found:
            content = {sample.name: sample.content} if isinstance(sample.content, str) else sample.content
            found[name].append({file: text.encode() for file, text in content.items()})
    for writer in WRITERS:
        if writer.name in found:
            fitting = [own for own in (fitted(record, writer.holds, ignore) for record in RECORDS) if own is not None]
            writer.write(fitting, folder / f"by-{writer.name}", ignore)
            found[writer.name].append(_content(folder / f"by-{writer.name}"))
    for path in sorted(real.rglob("*")) if real else ():
        if path.is_file() and path.stat().st_size < 20_000:
            _add_real(path, found)
    return {name: own for name, own in found.items() if own}


def _add_real(path: Path, found: dict[str, list[Content]]) -> None:
    from polyhead.formats.place import opened

    with opened(path) as place:
        fitting = [form.name for form in FORMATS if place.head and form.fits(place)]
    if fitting:
        found[fitting[0]].append(_content(path))


def _content(path: Path) -> Content:
    if path.is_file():
        return {path.name: path.read_bytes()}
    return {str(file.relative_to(path)): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def changed(content: bytes, random: Random) -> bytes:
    """Change a file in one way; of one that is packed as a whole, mostly what is inside."""
    if content.startswith(_ZLIB) and random.random() < 0.9:
        try:
            return zlib.compress(changed(zlib.decompress(content), random))
        except zlib.error:  # it was changed outside before
            pass
    at, other = (random.randrange(len(content) + 1) for _ in range(2))
    near = at + random.randrange(1, 40)
    ways: list[Callable[[], bytes]] = [
        lambda: content[:at],
        lambda: content[:at] + content[near:],
        lambda: content[:at] + content[at:near] * random.randrange(2, 4) + content[near:],
        lambda: content[:at] + random.choice(STRANGE) + content[at:],
        lambda: content[:at] + random.choice(STRANGE) + content[near:],
        lambda: content[:at] + content[other : other + 40] + content[at:],
        lambda: bytes(byte ^ (1 << random.randrange(8)) if place == at else byte for place, byte in enumerate(content)),
        lambda: content.replace(b"\n", random.choice([b"\r\n", b"\r", b"", b"\n\n"])),
        lambda: b"".join(random.sample(content.splitlines(True), len(content.splitlines(True)))),
    ]
    return random.choice(ways)()


class FormatFuzzer:
    """Reads changed files of one format.

    Args:
        name: The format.
        contents: Good files of it.
        scratch: An empty folder.
    """

    def __init__(self, name: str, contents: list[Content], scratch: Path) -> None:
        self._name, self._contents, self._scratch = name, contents, scratch

    def one(self, number: int, outcome: Outcome) -> None:
        """Do one case."""
        case = f"{self._name} {number}"
        random = Random(case)
        content = dict(random.choice(self._contents))
        for _ in range(random.randrange(1, 4)):
            file = random.choice(sorted(content))
            content[file] = changed(content[file], random)
        path = self._put(content)
        started = time.process_time()
        try:
            self._read(path, Way(self._name if random.random() < 0.7 else None))
            outcome.read += 1
        except DataError as error:
            outcome.refused += 1
            if not str(error).startswith(str(path)):
                outcome.faults.append(f"{case}: no place in {str(error)[:200]!r}")
        except Exception as error:
            outcome.faults.append(f"{case}: {type(error).__name__}: {str(error)[:200]}")
        outcome.slowest = max(outcome.slowest, (time.process_time() - started, case))

    def _put(self, content: dict[str, bytes]) -> Path:
        path = self._scratch / "data"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        for name, own in content.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(own)
        alone = len(content) == 1 and "/" not in next(iter(content))
        return path / next(iter(content)) if alone else path

    @staticmethod
    def _read(path: Path, way: Way) -> None:
        before = 0
        for record in annotated(read_raw(path, way=way), lost=ignore, notices=Notices()):
            assert record.source is not None
            assert record.text.encode() is not None
            assert record.source.line >= (before if record.source.path == str(path) else 0), "lines go back"
            before = record.source.line if record.source.path == str(path) else 0
            for span in record.spans.spans if record.spans else ():
                assert record.text[span.start : span.end].strip(), "an entity without text"
