"""What makes training on a processor fast, and changes nothing of what is learnt.

layer       a layer of an encoder, forward and backward by hand: BERT's, RoBERTa's, DistilBERT's and their like
attention   softmax over short rows
dropout     random masks for a tenth of what torch's cost
adapted     linear layers with adapters, seen as plain ones
known       which encoders have such layers; `speed_up` gives them to a model
table       the word embeddings, without the rows that no text of the data can touch
"""

from polyhead.model.fast.known import speed_up
from polyhead.model.fast.table import CutTable, cut_table

__all__ = ["CutTable", "cut_table", "speed_up"]
