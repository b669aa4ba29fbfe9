"""Records and rows of a run on disk, so that data of any size are read and tokenised once, in bounded memory.

file → Record → Spool (lines)      → StoredRecords   read again lazily: learning, holding out, dev scores
       Record → Example → pack     → StoredRows      memory-mapped arrays, from which batches are gathered

`cache.py` says where they lie and for how long, `keys.py` what makes two of them the same.
"""

from polyhead.preparing.cache import Cache, Entry
from polyhead.preparing.codec import CannotStoreError
from polyhead.preparing.examples import examples_of
from polyhead.preparing.spool import Spool, StoredRecords

__all__ = ["Cache", "CannotStoreError", "Entry", "Spool", "StoredRecords", "examples_of"]
