"""A trained model as one graph that runs without torch, checked against torch before it is given away.

bundle → graph (torch.onnx) → [OpenVINO] [int8] → the same answers? → exported bundle, or an error and nothing at all
"""

from polyhead.export.api import export
from polyhead.export.pipelines import export_pipeline
from polyhead.export.spacy_pipeline import export_spacy

__all__ = ["export", "export_pipeline", "export_spacy"]
