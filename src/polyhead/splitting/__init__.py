"""Data files to parts, such as train, dev and test.

files → read_inputs → groups that stay together → stratify → even_out → JSON lines and split.json
"""

from polyhead.splitting.api import split
from polyhead.splitting.manifest import verify

__all__ = ["split", "verify"]
