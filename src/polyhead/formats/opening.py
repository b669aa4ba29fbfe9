"""A path to the records in it: finds the format, and has it read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats.arrow import Arrow
from polyhead.formats.brat import Brat
from polyhead.formats.conll import Conll
from polyhead.formats.conllu import Conllu
from polyhead.formats.dialogflow import Dialogflow
from polyhead.formats.docbin import DocBin
from polyhead.formats.doccano import Doccano
from polyhead.formats.going_on import OnBad, read_on
from polyhead.formats.hub import hub_records, is_on_hub
from polyhead.formats.iob import Iob
from polyhead.formats.jointbert import JointBert
from polyhead.formats.json_array import JsonArray
from polyhead.formats.json_lines import JsonLines
from polyhead.formats.label_studio import LabelStudio
from polyhead.formats.losses import Lost, ignore
from polyhead.formats.luis import Luis
from polyhead.formats.parquet import Parquet
from polyhead.formats.place import Place, opened
from polyhead.formats.prodigy import Prodigy
from polyhead.formats.rasa import Rasa
from polyhead.formats.rasa_json import RasaJson
from polyhead.formats.rasa_md import RasaMarkdown
from polyhead.formats.raw import AS_IT_IS, Format, RawRecord, Way
from polyhead.formats.saved_set import SavedSet
from polyhead.formats.separated import CommaSeparated, TabSeparated
from polyhead.formats.spacy_json import SpacyJson
from polyhead.formats.spacy_jsonl import SpacyJsonLines
from polyhead.formats.text_lines import TextLines
from polyhead.formats.watson import Watson

FORMATS: tuple[Format, ...] = (
    Rasa(),
    RasaMarkdown(),
    RasaJson(),
    LabelStudio(),
    SpacyJsonLines(),
    Doccano(),
    Prodigy(),
    SpacyJson(),
    Luis(),
    Dialogflow(),
    Watson(),
    Brat(),
    DocBin(),
    Parquet(),
    Arrow(),
    SavedSet(),
    JointBert(),
    Conllu(),
    Iob(),
    Conll(),
    TabSeparated(),
    CommaSeparated(),
    JsonArray(),
    JsonLines(),
)
"""Those that tell more of themselves come first: the first that fits is taken."""


def read_raw(
    path: str | Path,
    *,
    plain_text: bool = False,
    way: Way = AS_IT_IS,
    lost: Lost = ignore,
    on_bad: OnBad | None = None,
) -> Iterator[RawRecord]:
    """Yield the records of a file or folder, in order, holding one at a time where its format lets us.

    Args:
        path: A file or folder, or the name of a data set on the Hub, ``hf:owner/name``; ``-`` is standard input.
        plain_text: Take a file that is in no known format as one text a line.
        way: Its format, where its name and beginning do not tell, and what else a user says of it.
        lost: Hears of whatever the format holds that no record takes over.
        on_bad: Hears of records that cannot be read, which then do not end the reading where the format allows that.

    Raises:
        DataError: If it cannot be read, is in no known format, is not UTF-8, or holds no record.
        SettingsError: If there is no format of that name.
    """
    if is_on_hub(path):
        yield from _some(hub_records(path, lost), str(path))
        return
    with opened(path) as place:
        chosen, options = _chosen(place, way, plain_text), way.options
        if on_bad:
            yield from read_on(chosen, place, options, lost, on_bad)
        else:
            yield from _some(chosen.records(place, options, lost), place.name)


def _some(records: Iterator[RawRecord], name: str) -> Iterator[RawRecord]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{name}: no record in it")
    yield first
    yield from records


def lines_are_records(path: str | Path, way: Way = AS_IT_IS) -> bool:
    """Whether each record of a file is a line that can be copied into another file as it is.

    Args:
        path: The file.
        way: How it is to be read.

    Raises:
        DataError: If the file cannot be read, or is in no known format.
        SettingsError: If there is no format of that name.
    """
    with opened(path) as place:
        return not place.packed and bool(getattr(_chosen(place, way, plain_text=False), "a_line_each", False))


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        SettingsError: If there is none of that name.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise SettingsError(f"format {name!r}: there is none; {name_the_known(name, [own.name for own in FORMATS])}")


def _chosen(place: Place, way: Way, plain_text: bool) -> Format:
    return format_named(way.form) if way.form else _format_of(place, plain_text)


def _format_of(place: Place, plain_text: bool) -> Format:
    text = TextLines()
    if plain_text and not place.is_folder and (place.is_called(".txt") or not place.head):
        return text
    if not place.is_folder and not place.head:
        raise DataError(f"{place.name}: the file is empty")
    for candidate in FORMATS:
        if candidate.fits(place):
            return candidate
    if plain_text and not place.is_folder:
        return text
    known = ", ".join(own.title for own in FORMATS)
    if place.is_folder:
        raise DataError(f"{place.name}: is a folder that is in no known format; name the data file in it")
    place.bytes()  # which may be UTF-16
    raise DataError(
        f"{place.name}:1: in no known format: the file begins with {place.head[:20]!r}; known: {known}; "
        f"name the format if the file is in one of them"
    )
