"""Tiny encoders with tokenizers trained on the spot: what the big ones are made of, offline, in milliseconds.

distilbert   WordPiece, lower case, accents stripped: [CLS] text [SEP]
roberta      byte-level BPE, a blank belongs to the word behind it: <s> text </s>
deberta      sentencepiece-like unigram with NFKC, a blank becomes ▁: [CLS] text [SEP]
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

KINDS = ("distilbert", "roberta", "deberta")

CORPUS = [
    "John lives in New York.",
    "Anna works for Deutsche Bahn in Berlin, Germany!",
    "Book a flight from São Paulo to Łódź on 3 March, please.",
    "\U0001f600 emoji \U0001f469\u200d\U0001f4bb and cafe\u0301 with a combining mark",
    "我 住 在 北京 市 今天会下雨吗？ 東京 タワー",
    "مرحبا يعيش في القاهرة שלום עולם",
    "play some music by the beatles on spotify at 5 pm",
    "what's the weather like? it's (really) good -- isn't it",
]

_SIZES = {"vocab_size": 400, "show_progress": False}
_NARROW = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer_of(kind: str) -> Tokenizer:
    """Train the tokenizer of a kind."""
    return {"distilbert": _word_piece, "roberta": _byte_level, "deberta": _unigram}[kind]()


def save_encoder(kind: str, folder: Path, *, max_positions: int = 64) -> Path:
    """Write an encoder with random weights as a folder that `AutoModel` and `AutoTokenizer` load."""
    tokenizer = tokenizer_of(kind)
    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    model = {"distilbert": _distilbert, "roberta": _roberta, "deberta": _deberta}[kind](size, max_positions)
    return write_encoder(model, tokenizer, kind, folder)


def write_encoder(model: transformers.PreTrainedModel, tokenizer: Tokenizer, kind: str, folder: Path) -> Path:
    """Write an encoder with the tokenizer of a kind."""
    names = ("<s>", "</s>", "<pad>", "<unk>") if kind == "roberta" else ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
    cls, sep, pad, unk = names
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token=cls, sep_token=sep, pad_token=pad, unk_token=unk
    )
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def _distilbert(size: int, positions: int) -> transformers.PreTrainedModel:
    return transformers.DistilBertModel(
        transformers.DistilBertConfig(
            vocab_size=size, dim=32, hidden_dim=64, n_layers=2, n_heads=2, max_position_embeddings=positions
        )
    )


def _roberta(size: int, positions: int) -> transformers.PreTrainedModel:
    return transformers.RobertaModel(
        transformers.RobertaConfig(vocab_size=size, max_position_embeddings=positions + 2, pad_token_id=1, **_NARROW)
    )


def _deberta(size: int, positions: int) -> transformers.PreTrainedModel:
    return transformers.DebertaV2Model(
        transformers.DebertaV2Config(
            vocab_size=size,
            max_position_embeddings=positions,
            relative_attention=True,
            position_buckets=16,
            pos_att_type=["p2c", "c2p"],
            type_vocab_size=0,
            position_biased_input=False,
            pad_token_id=0,
            **_NARROW,
        )
    )


def _word_piece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    pieces = {piece for line in CORPUS for piece in _pieces_of(tokenizer, line)}
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {piece: number for number, piece in enumerate([*specials, *sorted(pieces)])}
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def _pieces_of(tokenizer: Tokenizer, line: str) -> Iterator[str]:
    """Yield words, their halves and characters: a trainer of word pieces comes to others in each process."""
    for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(line)):
        yield word
        yield from word
        yield from (f"##{character}" for character in word)
        if len(word) > 3:
            half = len(word) // 2
            yield from (word[:half], f"##{word[half:]}")


def _byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(special_tokens=specials, initial_alphabet=alphabet, **_SIZES)
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def _unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    specials = ["[PAD]", "[CLS]", "[SEP]", "[UNK]"]
    trainer = trainers.UnigramTrainer(special_tokens=specials, unk_token="[UNK]", **_SIZES)
    tokenizer.train_from_iterator(CORPUS, trainer)
    learnt = dict(json.loads(tokenizer.to_str())["model"]["vocab"])
    rounded = sorted((-round(score, 3), piece) for piece, score in learnt.items() if piece not in specials)
    vocabulary = [*((piece, 0.0) for piece in specials), *((piece, -score) for score, piece in rounded)]
    # As the trainer gives it, but in an order, and to digits, that are the same in each process.
    tokenizer.model = models.Unigram(vocabulary, unk_id=specials.index("[UNK]"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer
