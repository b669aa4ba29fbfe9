"""Tiny encoders of the families that people train on, with random weights, as folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from tests.tiny_encoders import tokenizer_of, write_encoder

_NARROW: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
}  # fmt: skip
_POSITIONS = 66


def _deberta(size: int, **more: Any) -> transformers.PreTrainedModel:
    config = transformers.DebertaV2Config(
        vocab_size=size, max_position_embeddings=_POSITIONS, relative_attention=True, position_buckets=16,
        pos_att_type=["p2c", "c2p"], type_vocab_size=0, position_biased_input=False, pad_token_id=0, **_NARROW, **more,
    )  # fmt: skip
    return transformers.DebertaV2Model(config)


def _make(family: str, size: int) -> transformers.PreTrainedModel:
    usual = {"vocab_size": size, "max_position_embeddings": _POSITIONS, **_NARROW}
    with_padding = {**usual, "pad_token_id": 1}
    makers = {
        "distilbert": lambda: transformers.DistilBertModel(
            transformers.DistilBertConfig(
                vocab_size=size, dim=32, hidden_dim=64, n_layers=2, n_heads=2, max_position_embeddings=_POSITIONS
            )
        ),
        "bert": lambda: transformers.BertModel(transformers.BertConfig(**usual)),
        "roberta": lambda: transformers.RobertaModel(transformers.RobertaConfig(**with_padding)),
        "xlm-roberta": lambda: transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**with_padding)),
        "electra": lambda: transformers.ElectraModel(transformers.ElectraConfig(embedding_size=16, **usual)),
        "albert": lambda: transformers.AlbertModel(transformers.AlbertConfig(embedding_size=16, **usual)),
        "deberta-v2": lambda: _deberta(size),
        "deberta-v3": lambda: _deberta(size, share_att_key=True, norm_rel_ebd="layer_norm"),
        "modernbert": lambda: transformers.ModernBertModel(
            transformers.ModernBertConfig(**usual, global_attn_every_n_layers=2, local_attention=8, pad_token_id=0)
        ),
    }
    return makers[family]()


_TOKENIZERS = {"roberta": "roberta", "xlm-roberta": "roberta", "deberta-v2": "deberta", "deberta-v3": "deberta"}
FAMILIES = (
    "distilbert", "bert", "roberta", "xlm-roberta", "electra", "albert", "deberta-v2", "deberta-v3", "modernbert",
)  # fmt: skip


def save_family(family: str, folder: Path) -> Path:
    """Write an encoder of a family as a folder that `AutoModel` and `AutoTokenizer` load."""
    kind = _TOKENIZERS.get(family, "distilbert")
    tokenizer = tokenizer_of(kind)
    torch.manual_seed(0)
    model = _make(family, tokenizer.get_vocab_size())
    for name, weight in model.named_parameters():  # wide enough that texts differ in what they give
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.2)
        elif name.endswith("bias"):
            torch.nn.init.normal_(weight, std=0.1)
    return write_encoder(model, tokenizer, kind, folder)
