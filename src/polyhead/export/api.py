"""From a trained model to an exported bundle."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from polyhead.bundle.exported import PRECISIONS, Precision
from polyhead.errors import MissingExtraError, SettingsError, name_the_known
from polyhead.export.building import Export, ExportedModel, Say
from polyhead.inference import open_model
from polyhead.inference.candidates import is_installed

FORMATS = ("onnx", "openvino")
MAX_DROP = 0.5
_CAN = {"onnx": PRECISIONS, "openvino": ("fp32", "bf16")}


def export(
    model: str | Path,
    output: str | Path,
    *,
    to: str = "onnx",
    precisions: Sequence[str] = ("fp32",),
    dev: str | Path | Sequence[str | Path] = (),
    max_drop: float = MAX_DROP,
    say: Say | None = None,
) -> ExportedModel:
    """Write a trained model as a graph that runs without torch, once it is known to answer as the model does.

    In fp32 logits must be within 1e-4 of torch's and decoded answers the same, alone and in batches. In bf16 and int8
    answers change a little: dev data say what that costs each task.

    Args:
        model: A bundle, the output folder of a run, or a ``.pt`` file.
        output: The new folder; it must not be there yet.
        to: ``onnx``, which ONNX Runtime and OpenVINO run, or ``openvino``.
        precisions: Of fp32, bf16 (OpenVINO) and int8 (ONNX Runtime), those in which it may run.
        dev: Data that the model was not trained on; needed for bf16 and int8. Together they annotate every task.
        max_drop: Points of a hundred that a task's usual figure may lose in bf16 or int8.
        say: Hears what is being done.

    Raises:
        BundleError: If the model cannot be opened, or was exported itself.
        SettingsError: If the output is there already, or an option is unknown or does not go with another.
        MissingExtraError: If what exports or runs the graph is not installed.
        ExportError: If torch cannot export the encoder, the graph does not answer as the model does, or a task loses
            too much. Then nothing is written.
    """
    folder, chosen = Path(output), _checked(to, precisions)
    files = [Path(dev)] if isinstance(dev, str | Path) else list(map(Path, dev))
    if folder.exists():
        raise SettingsError(f"--output: {folder} is there already; name a new folder")
    if max_drop < 0:
        raise SettingsError(f"--max-drop: points of a hundred, 0 or more, found {max_drop}")
    if (lower := [name for name in chosen if name != "fp32"]) and not files:
        raise SettingsError(
            f"--precision {lower[0]}: answers change a little; --dev FILE says what that costs each task"
        )
    bundle = open_model(model)
    if bundle.exported is not None:
        raise SettingsError(f"{model} was exported already; give the bundle that it was made from")
    _require_installed(to, chosen)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as work:
        return Export(bundle, Path(work), to=to, say=say or _silent).run(folder, chosen, files, max_drop)


def _checked(to: str, precisions: Sequence[str]) -> list[Precision]:
    if to not in FORMATS:
        raise SettingsError(f"--to: {to!r} is none; {name_the_known(to, FORMATS)}")
    if not precisions:
        raise SettingsError(f"--precision: name at least one of {', '.join(PRECISIONS)}")
    for name in precisions:
        if name not in PRECISIONS:
            raise SettingsError(f"--precision: {name!r} is none; {name_the_known(name, PRECISIONS)}")
        if name not in _CAN[to]:
            raise SettingsError(f"--precision {name}: ONNX Runtime runs it; it goes with --to onnx, not with --to {to}")
    return [name for name in PRECISIONS if name in precisions]  # type: ignore[misc]


def _require_installed(to: str, precisions: Sequence[str]) -> None:
    for name in ("onnx", "onnxscript"):
        if not is_installed(name):
            raise MissingExtraError("exporting a model", "export")
    wanted = "export to OpenVINO" if to == "openvino" else "bf16, which OpenVINO runs," if "bf16" in precisions else ""
    if wanted and not is_installed("openvino"):
        raise MissingExtraError(wanted, "openvino")


def _silent(said: str) -> None:
    pass
