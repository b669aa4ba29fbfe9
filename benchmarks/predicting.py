"""What `benchmarks/inference.py` times: polyhead's ways to answer texts, two pipelines, and the bare graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[list[str]], Any]


def ready(name: str, place: Path, texts: list[str]) -> tuple[Run, int, float]:
    """Return what answers texts, the tokens of all texts, and the operations of a pass over them."""
    if name.startswith("pipelines"):
        return pipelines(place, 32 if name.endswith("32") else 1), 0, 0.0
    from polyhead import Predictor
    from polyhead.inference import open_model

    if name == "by_hand":
        return by_hand(place, texts)
    if name == "torch":
        return Predictor.load((place / "model").read_text()), 0, 0.0
    runtime, _, precision = name.partition(" ")
    open_model(place / "exported")
    return Predictor.load(place / "exported", runtime=runtime, precision=precision or None), 0, 0.0


def pipelines(place: Path, batch: int) -> Run:
    """Two pipelines, as a user builds them from the library's documentation."""
    import transformers

    labels = transformers.pipeline("text-classification", model=str(place / "classification"))
    tags = transformers.pipeline("token-classification", model=str(place / "ner"), aggregation_strategy="first")
    return lambda texts: (labels(texts, batch_size=batch), tags(texts, batch_size=batch))


def by_hand(place: Path, texts: list[str]) -> tuple[Run, int, float]:
    """Time the graph alone: what the fastest way gives on batches that are there already."""
    from polyhead.batching import collate, rows_of, token_budget_batches
    from polyhead.inference import open_model
    from polyhead.inference.candidates import candidates
    from polyhead.inference.choosing import fastest
    from polyhead.inference.predictor import _TOKEN_BUDGET
    from polyhead.inference.running import Runner

    bundle = open_model(place / "exported")
    encoder = bundle.text_encoder()
    rows = [row for text in encoder.encode(texts) for row in rows_of(text, encoder)]
    lengths = [row.length for row in rows]
    batches = [
        collate([rows[at] for at in part], encoder) for part in token_budget_batches(lengths, budget=_TOKEN_BUDGET)
    ]
    runner = Runner(fastest(bundle, candidates(bundle), "throughput").open(bundle, "throughput"))
    return lambda _: list(runner.run(batches)), sum(lengths), operations(bundle.config, lengths)


def operations(config: dict[str, Any], lengths: list[int]) -> float:
    """Return the operations of the encoder's matrix products on real tokens, two for a multiplication and addition."""
    width = config.get("hidden_size") or config["dim"]
    inner = config.get("intermediate_size") or config["hidden_dim"]
    layers = config.get("num_hidden_layers") or config["n_layers"]
    return float(
        sum(
            2 * layers * (length * (4 * width * width + 2 * width * inner) + 2 * length**2 * width)
            for length in lengths
        )
    )
