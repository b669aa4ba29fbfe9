"""The peer of `benchmarks/serving.py`: two transformers pipelines behind FastAPI, as their users write it.

    PEER_MODELS=FOLDER uvicorn --app-dir benchmarks fastapi_peer:app

FOLDER holds `classification` and `ner`, as `polyhead export --to transformers` writes them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import transformers
from fastapi import FastAPI
from pydantic import BaseModel

place = Path(os.environ["PEER_MODELS"])
labels = transformers.pipeline("text-classification", model=str(place / "classification"))
tags = transformers.pipeline("token-classification", model=str(place / "ner"), aggregation_strategy="first")
app = FastAPI()


class Request(BaseModel):
    texts: list[str]


@app.get("/health")
def health() -> dict[str, bool]:
    return {"ready": True}


@app.post("/predict")
def predict(request: Request) -> list[dict[str, Any]]:
    found = zip(request.texts, labels(request.texts), tags(request.texts), strict=True)
    return [
        {
            "text": text,
            "classification": label,
            "ner": [{**entity, "score": float(entity["score"])} for entity in entities],
        }
        for text, label, entities in found
    ]
