"""A trained model as a folder: JSON, tokenizer, safetensors, and a manifest with sizes and checksums."""

from polyhead.bundle.about import FORMAT_VERSION, About, EncodingState
from polyhead.bundle.bundle import Bundle
from polyhead.bundle.exported import Exported, Graph
from polyhead.bundle.folder import read_folder, write_exported, write_folder
from polyhead.bundle.locate import locate
from polyhead.bundle.saving import new_folder, write_text

__all__ = [
    "FORMAT_VERSION",
    "About",
    "Bundle",
    "EncodingState",
    "Exported",
    "Graph",
    "locate",
    "new_folder",
    "read_folder",
    "write_exported",
    "write_folder",
    "write_text",
]
