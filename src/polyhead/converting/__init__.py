"""From one data format into another, with an account of whatever does not come through."""

from polyhead.converting.convert import convert
from polyhead.converting.reading import FieldNames, annotated

__all__ = ["FieldNames", "annotated", "convert"]
