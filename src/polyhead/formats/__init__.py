"""Data files to records, and back. A new format is one file in this folder and one line in `FORMATS`.

read_raw(path)      a file or folder → its records as plain objects, each with file and line
read_records(path)  the same, with the fields that tasks read turned into annotations
Writer.write(…)     annotated texts → a file or folder of another tool
"""

from polyhead.formats.annotated import Annotated
from polyhead.formats.columns import Column
from polyhead.formats.holds import Holds, fitted
from polyhead.formats.losses import Loss, Lost
from polyhead.formats.opening import FORMATS, format_named, lines_are_records, read_raw
from polyhead.formats.raw import RawRecord, ReadOptions, Way, Writer
from polyhead.formats.reading import Limits, read_records, read_texts, record_of

__all__ = [
    "FORMATS",
    "Annotated",
    "Column",
    "Holds",
    "Limits",
    "Loss",
    "Lost",
    "RawRecord",
    "ReadOptions",
    "Way",
    "Writer",
    "fitted",
    "format_named",
    "lines_are_records",
    "read_raw",
    "read_records",
    "read_texts",
    "record_of",
]
