"""One task of a model as a folder that transformers' `pipeline()` opens, with equal answers.

    tagging, token_label   AutoModelForTokenClassification      dropout, linear: what our head is
    single_label           AutoModelForSequenceClassification   a dense layer and an activation stand before the linear

That dense layer is made to pass states on. Behind a tanh it is a tiny multiple of the identity, where tanh is a line,
and the linear layer undoes it; behind a ReLU or GELU it lifts all states by more than they can fall below zero (a layer
norm bounds them), where these are lines, too, and the linear layer's bias undoes that.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from polyhead.bundle import Bundle, new_folder
from polyhead.errors import ExportError, SettingsError, name_the_known
from polyhead.export.checking import TOLERANCE
from polyhead.export.texts import TEXTS
from polyhead.inference import open_model
from polyhead.model.merging import merged
from polyhead.model.multi_task import MultiTaskModel
from polyhead.model.weights import load_model
from polyhead.tasks import Task

_TINY = 2.0**-13
"""Of the identity before a tanh: a state of 30 becomes 0.0037, of which tanh takes 5e-6. Powers of 2 are exact."""
_HEADROOM = 8.0
"""Above what a layer norm allows: GELU is a line from about 6 on."""


def export_pipeline(model: str | Path, output: str | Path, *, task: str) -> Path:
    """Write one task as a folder for transformers.

    Args:
        model: A bundle, the output folder of a run, or a ``.pt`` file.
        output: The new folder; it must not be there yet.
        task: The task's name.

    Returns:
        The folder.

    Raises:
        SettingsError: If the model has no such task, transformers has no such head, or the output is there already.
        ExportError: If the encoder's usual head cannot be made to answer as ours does. Then nothing is written.
    """
    folder, bundle = Path(output), open_model(model)
    if folder.exists():
        raise SettingsError(f"--output: {folder} is there already; name a new folder")
    chosen = _task(bundle, task)
    _check_head(chosen)
    network = _with_its_adapter(load_model(bundle), chosen.name)
    whole = _network(bundle, chosen, network.encoder)
    _give_head(whole, bundle, chosen, network)
    with new_folder(folder) as temporary:
        whole.save_pretrained(temporary)
        _tokenizer(bundle).save_pretrained(temporary)
    return folder


def _with_its_adapter(network: MultiTaskModel, task: str) -> MultiTaskModel:
    """Return a network whose encoder is the one that a task is read with."""
    if network.adapters is None:
        return network
    ((adapter, _),) = network.passes([task])
    return merged(network, adapter)


def _task(bundle: Bundle, name: str) -> Task:
    names = [task.name for task in bundle.tasks]
    if name not in names:
        raise SettingsError(f"--task: the model has no task {name!r}; {name_the_known(name, names)}")
    return bundle.tasks[names.index(name)]


def _check_head(task: Task) -> None:
    head = task.head()
    sort = (head.reads, bool(head.target), head.is_number)
    if sort not in {("sentence", False, False), ("token", False, False)}:
        raise SettingsError(f"--task {task.name}: transformers has no head for the kind {task.kind!r}")
    if head.layers != "last" or head.hidden or (head.reads == "sentence" and head.pooling != "cls"):
        raise SettingsError(
            f"--task {task.name}: transformers' heads read the last layer, at [CLS] for a sentence, without a hidden "
            f"layer; this one has pooling {head.pooling!r}, layers {head.layers!r}, hidden {head.hidden}"
        )
    if head.constraints is not None:
        raise SettingsError(f"--task {task.name}: transformers has no CRF, without which its answers would be others")


def _network(bundle: Bundle, task: Task, encoder: nn.Module) -> Any:
    names = [str(output) for output in task.outputs()]
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: at for at, name in enumerate(names)}}
    config = transformers.AutoConfig.for_model(**{**bundle.config, **labels})
    family = transformers.AutoModelForTokenClassification if task.head().of_units else _SENTENCES
    try:
        whole = family.from_config(config, trust_remote_code=False)
    except ValueError as error:
        raise ExportError(f"transformers has no such model for {bundle.config.get('model_type')}: {error}") from error
    whole.base_model.load_state_dict(encoder.state_dict(), strict=False)
    return whole.eval()


_SENTENCES = transformers.AutoModelForSequenceClassification


def _give_head(whole: Any, bundle: Bundle, task: Task, network: MultiTaskModel) -> None:
    """Give a network the task's head, in a form of which its answers are ours.

    Raises:
        ExportError: If there is none.
    """
    linear: nn.Linear = network.head(task.name).linear  # type: ignore[assignment]
    temperature = bundle.about.temperatures.get(task.name, 1.0)
    weight, bias = linear.weight.detach() / temperature, linear.bias.detach() / temperature
    forms = _forms_of_units if task.head().of_units else _forms_of_sentences
    closest = math.inf
    for fill in forms(whole, network.encoder, weight, bias):
        fill()
        closest = min(closest, _difference(whole, bundle, task, network))
        if closest <= TOLERANCE:
            return
    raise ExportError(
        f"--to transformers --task {task.name}: {type(whole).__name__} has a head of its own making, which cannot "
        f"answer as ours does" + (f" (logits differ by {closest:.2g})" if closest < math.inf else "")
    )


Fill = Callable[[], None]


def _forms_of_units(whole: Any, encoder: nn.Module, weight: Tensor, bias: Tensor) -> Iterator[Fill]:  # noqa: ARG001
    if isinstance(last := getattr(whole, "classifier", None), nn.Linear):
        yield lambda: _set(last, weight, bias)


def _forms_of_sentences(whole: Any, encoder: nn.Module, weight: Tensor, bias: Tensor) -> Iterator[Fill]:
    last = getattr(whole, "classifier", None)
    last, dense = getattr(last, "out_proj", last), _dense_of(whole)
    if not isinstance(last, nn.Linear) or dense is None:
        return
    width = weight.shape[1]

    def behind_a_tanh() -> None:
        _set(dense, torch.eye(width) * _TINY, torch.zeros(width))
        _set(last, weight / _TINY, bias)

    def behind_a_relu(lift: Tensor) -> None:
        _set(dense, torch.eye(width), lift)
        _set(last, weight, (bias.double() - weight.double() @ lift.double()).float())

    yield behind_a_tanh
    if (lift := _bound(encoder, width)) is not None:
        yield lambda: behind_a_relu(lift)


def _dense_of(whole: Any) -> nn.Linear | None:
    """Return the layer before the last of a sentence's head."""
    for path in _DENSE:
        layer: Any = whole
        for name in path.split("."):
            layer = getattr(layer, name, None)
        if isinstance(layer, nn.Linear):
            return layer
    return None


_DENSE = ("pre_classifier", "classifier.dense", "pooler.dense", "base_model.pooler.dense", "base_model.pooler")
"""Of DistilBERT; of RoBERTa, XLM-R and ELECTRA; of DeBERTa; of BERT; of ALBERT."""


def _bound(encoder: nn.Module, width: int) -> Tensor | None:
    """Return, for each value of a state, more than it can be below zero: what the last layer norm allows."""
    norms = [layer for layer in encoder.modules() if isinstance(layer, nn.LayerNorm) and layer.weight.numel() == width]
    if not norms or norms[-1].bias is None:
        return None
    scale, shift = norms[-1].weight.detach().abs(), norms[-1].bias.detach().abs()
    return (scale * math.sqrt(width) + shift + _HEADROOM).ceil()


def _set(layer: nn.Linear, weight: Tensor, bias: Tensor) -> None:
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(bias)


def _difference(whole: Any, bundle: Bundle, task: Task, network: MultiTaskModel) -> float:
    """Return by how much logits differ from the model's, at most, in texts that fit into a row."""
    encoder, temperature = bundle.text_encoder(), bundle.about.temperatures.get(task.name, 1.0)
    most = 0.0
    for text in encoder.encode(TEXTS):
        ids = torch.tensor([encoder.row(text, text.windows[0])[0]])
        mask = torch.ones_like(ids)
        with torch.inference_mode():
            ours = network.eval()(ids, mask, tasks={task.name})[task.name] / temperature
            theirs = whole(input_ids=ids, attention_mask=mask).logits
        most = max(most, float((ours - theirs).abs().max()))
    return most


def _tokenizer(bundle: Bundle) -> transformers.PreTrainedTokenizerFast:
    """Return the tokenizer as transformers has it, with the names of its special tokens."""
    encoder, about = bundle.text_encoder(), bundle.about.encoding
    names = encoder.names([encoder.prefix[0], encoder.suffix[-1], about.pad_id])
    special = dict(zip(("cls_token", "sep_token", "pad_token"), names, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.json"
        file.write_text(bundle.tokenizer_json, encoding="utf-8")
        return transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(file), model_max_length=about.max_pieces, **special
        )
