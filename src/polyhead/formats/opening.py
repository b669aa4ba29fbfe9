"""A path to the records in it: finds the format, and has it read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from polyhead.errors import DataError, SettingsError, name_the_known
from polyhead.formats.brat import Brat
from polyhead.formats.dialogflow import Dialogflow
from polyhead.formats.docbin import DocBin
from polyhead.formats.doccano import Doccano
from polyhead.formats.json_array import JsonArray
from polyhead.formats.json_lines import JsonLines
from polyhead.formats.label_studio import LabelStudio
from polyhead.formats.losses import Lost, ignore
from polyhead.formats.luis import Luis
from polyhead.formats.place import Place, opened
from polyhead.formats.prodigy import Prodigy
from polyhead.formats.rasa import Rasa
from polyhead.formats.rasa_json import RasaJson
from polyhead.formats.rasa_md import RasaMarkdown
from polyhead.formats.raw import NO_OPTIONS, Format, RawRecord, ReadOptions
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
    JsonArray(),
    JsonLines(),
)
"""Those that tell more of themselves come first: the first that fits is taken."""


def read_raw(
    path: str | Path,
    *,
    plain_text: bool = False,
    form: str | None = None,
    options: ReadOptions = NO_OPTIONS,
    lost: Lost = ignore,
) -> Iterator[RawRecord]:
    """Yield the records of a file or folder, in order, holding one at a time where its format lets us.

    Args:
        path: A file or folder; ``-`` is standard input.
        plain_text: Take a file that is in no known format as one text a line.
        form: The name of its format; found by name and beginning where not given.
        options: What a user says about a file that does not say it itself.
        lost: Hears of whatever the format holds that no record takes over.

    Raises:
        DataError: If it cannot be read, is in no known format, is not UTF-8, or holds no record.
        SettingsError: If there is no format of that name.
    """
    with opened(path) as place:
        chosen = format_named(form) if form else _format_of(place, plain_text)
        count = 0
        for count, record in enumerate(chosen.records(place, options, lost), start=1):  # noqa: B007
            yield record
        if not count:
            raise DataError(f"{place.name}: no record in it")


def format_named(name: str) -> Format:
    """Return a format.

    Raises:
        SettingsError: If there is none of that name.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise SettingsError(f"format {name!r}: there is none; {name_the_known(name, [own.name for own in FORMATS])}")


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
