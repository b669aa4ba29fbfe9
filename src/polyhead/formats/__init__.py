"""Data files to records. A new format is one file in this folder and one line in `FORMATS`.

read_raw(path)      a file → its records as plain objects, each with file and line
read_records(path)  the same, with the fields that tasks read turned into annotations
"""

from polyhead.formats.columns import Column
from polyhead.formats.opening import FORMATS, format_of, read_raw
from polyhead.formats.raw import RawRecord
from polyhead.formats.reading import Limits, read_records, read_texts, record_of

__all__ = [
    "FORMATS",
    "Column",
    "Limits",
    "RawRecord",
    "format_of",
    "read_raw",
    "read_records",
    "read_texts",
    "record_of",
]
