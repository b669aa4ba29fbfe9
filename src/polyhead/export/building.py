"""One export: the graphs are made in a folder of their own, checked, and then given away whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from polyhead.bundle import Bundle, Exported, Graph, write_exported
from polyhead.bundle.exported import TABLES, GraphFormat, Precision
from polyhead.errors import ExportError
from polyhead.export.checking import Agreement, Reference, unequal
from polyhead.export.gate import Drop, Gate
from polyhead.export.graph import write_onnx
from polyhead.export.quantising import last_products, search
from polyhead.export.texts import TEXTS
from polyhead.inference import Predictor
from polyhead.inference.candidates import Candidate, candidates, is_installed, ways_of
from polyhead.model import TorchRuntime
from polyhead.model.weights import load_model
from polyhead.telemetry import no_telemetry

_FILES = {"onnx": "model.onnx", "openvino": "model.xml"}
_INT8 = "model.int8.onnx"
_RUNS: dict[GraphFormat, dict[str, tuple[Precision, ...]]] = {
    "onnx": {"onnxruntime": ("fp32",), "openvino": ("fp32", "bf16")},
    "openvino": {"openvino": ("fp32", "bf16")},
}
"""By format, what runs it, and in which precisions."""
_FEW = 12
"""Texts by which it is told how far a layer's quantisation moves logits."""

Say = Callable[[str], None]


@dataclass
class ExportedModel:
    """What was written.

    Attributes:
        folder: The exported bundle.
        checks: By precision and runtime, how far answers are torch's.
        drops: By precision lower than fp32, what each task loses on dev data.
        kept: Operators of the int8 graph that stayed in fp32, the heads' last layers aside, because it lost too much.
        left_out: Runtimes that do not answer as torch does, and why they may not run it.
    """

    folder: Path
    checks: dict[str, dict[str, Agreement]] = field(default_factory=dict)
    drops: dict[str, list[Drop]] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return all figures."""
        return {
            "folder": str(self.folder),
            "bytes": sum(file.stat().st_size for file in self.folder.iterdir()) if self.folder.is_dir() else 0,
            **self.figures(),
        }

    def figures(self) -> dict[str, Any]:
        """Return, by precision, what was found."""
        found: dict[str, Any] = {}
        for precision, checks in self.checks.items():
            own: dict[str, Any] = {"runtimes": {name: one.to_json() for name, one in checks.items()}}
            if precision in self.drops:
                own["dev"] = [drop.to_json() for drop in self.drops[precision]]
            if precision == "int8":
                own["kept_in_fp32"] = self.kept
            found[precision] = own
        return {"precisions": found, "left_out": self.left_out}


class Export:
    """One export, in a folder of its own until all is checked."""

    def __init__(self, bundle: Bundle, work: Path, *, to: str, say: Say) -> None:
        self._bundle, self._work, self._to, self._say = bundle, work, to, say
        self._network = load_model(bundle)
        self._runtime = TorchRuntime(self._network)
        self._torch = self._predictor(self._runtime)
        self._types = self._network.takes_types
        self._gate: Gate | None = None
        self._done = ExportedModel(work)
        self._onnx = work / _FILES["onnx"]
        self._answers = Reference(self._torch, [*TEXTS, *zip(TEXTS[:-1:3], TEXTS[1::3], strict=False)])

    def run(self, folder: Path, precisions: Sequence[Precision], dev: Sequence[Path], max_drop: float) -> ExportedModel:
        """Make the graphs, check them, and write the exported bundle; see `polyhead.export.export`."""
        self._say("torch writes the graph")
        write_onnx(self._network, self._onnx, tasks=len(self._bundle.tasks), types=self._types)
        tables = self._write_tables()
        if any(precision != "fp32" for precision in precisions):
            self._say("dev scores in fp32")
            self._gate = Gate(self._torch, dev, max_drop=max_drop)
        graphs = self._graphs(precisions)
        self._bundle = self._with(graphs, tables=tables)
        if "int8" in precisions:
            self._quantise()
        for graph in graphs:
            for way in ways_of(graph):
                self._check(way)
        passed = [self._passed(graph) for graph in graphs]
        self._done.folder = folder
        self._write(folder, self._with(passed, tables=tables))
        return self._done

    def _graphs(self, precisions: Sequence[Precision]) -> list[Graph]:
        """Return the graphs that are to be written, with all that may run them, and make all but the quantised one."""
        graphs = []
        if whole := tuple(precision for precision in precisions if precision != "int8"):
            form: GraphFormat = "openvino" if self._to == "openvino" else "onnx"
            runs: dict[str, tuple[Precision, ...]] = {
                name: tuple(own for own in whole if own in can)
                for name, can in _RUNS[form].items()
                if is_installed(name) and set(whole) & set(can)
            }
            graphs.append(Graph(file=_FILES[form], format=form, runs=runs))
            if form == "openvino":
                self._say("OpenVINO converts the graph")
                _convert(self._onnx, self._work / _FILES[form])
        if "int8" in precisions:
            graphs.append(Graph(file=_INT8, format="onnx", runs={"onnxruntime": ("int8",)}))
        return graphs

    def _quantise(self) -> None:
        gate, last = self._require_gate(), self._done.drops.setdefault("int8", [])

        def passes(path: Path) -> bool:  # noqa: ARG001 (the graph's own file)
            last[:] = gate.drops(self._opened(self._int8_way()))
            self._say("int8: " + "; ".join(map(str, last)))
            return gate.passes(last)

        few = Reference(self._torch, TEXTS[:_FEW])

        def distance(path: Path) -> float:  # noqa: ARG001
            return few.agreement(self._opened(self._int8_way())).logits

        self._say("ONNX Runtime quantises the graph")
        target, fixed = self._work / _INT8, last_products(self._onnx)
        try:
            self._done.kept[:] = search(self._onnx, target, fixed=fixed, passes=passes, distance=distance)
        except ExportError as error:
            raise _lost_too_much("int8", last, gate.max_drop, f"{error}. ") from error

    def _check(self, way: Candidate) -> None:
        """Compare with torch, in fp32, or on dev data."""
        self._say(f"{way}: compared with torch")
        predictor = self._opened(way)
        found = self._answers.agreement(predictor)
        if way.precision == "fp32":
            if (problem := unequal(found)) is not None:
                self._done.left_out[str(way)] = problem
                return
        elif way.precision not in self._done.drops:
            gate = self._require_gate()
            self._done.drops[way.precision] = drops = gate.drops(predictor)
            self._say(f"{way.precision}: " + "; ".join(map(str, drops)))
            if not gate.passes(drops):
                raise _lost_too_much(way.precision, drops, gate.max_drop)
        self._done.checks.setdefault(way.precision, {})[way.runtime] = found

    def _passed(self, graph: Graph) -> Graph:
        """Return a graph with what runs it as it should.

        Raises:
            ExportError: If nothing does.
        """
        runs = {
            name: tuple(own for own in precisions if name in self._done.checks.get(own, {}))
            for name, precisions in graph.runs.items()
        }
        runs = {name: own for name, own in runs.items() if own}
        if not runs:
            reasons = "; ".join(f"{way}: {problem}" for way, problem in self._done.left_out.items())
            raise ExportError(f"refused, and nothing was written: {reasons}")
        return graph.model_copy(update={"runs": runs})

    def _require_gate(self) -> Gate:
        assert self._gate is not None  # noqa: S101 (it is made wherever a precision below fp32 is asked for)
        return self._gate

    def _int8_way(self) -> Candidate:
        return candidates(self._bundle, runtime="onnxruntime", precision="int8")[0]

    def _opened(self, way: Candidate) -> Predictor:
        many, one = (way.open(self._bundle, purpose) for purpose in ("throughput", "latency"))
        return self._predictor(many, one)

    def _predictor(self, runtime: Any, alone: Any = None) -> Predictor:
        return Predictor(
            tasks=self._bundle.tasks,
            text_encoder=self._bundle.text_encoder(),
            runtime=runtime,
            alone=alone,
            bundle=self._bundle,
            temperatures=self._bundle.about.temperatures,
        )

    def _write_tables(self) -> bool:
        if tables := dict(self._runtime.tables):
            save_file(tables, self._work / TABLES)
        return bool(tables)

    def _with(self, graphs: Sequence[Graph], *, tables: bool) -> Bundle:
        """Return the model as the exported one that is in the work folder."""
        exported = Exported(
            format_version=1,
            graphs=tuple(graphs),
            types=self._types,
            tables=tables,
            checks=self._done.figures(),
            versions=_versions(),
        )
        return Bundle(
            about=self._bundle.about,
            tokenizer_json=self._bundle.tokenizer_json,
            config_json=self._bundle.config_json,
            weights=None,
            path=self._work,
            exported=exported,
        )

    def _write(self, folder: Path, bundle: Bundle) -> None:
        assert bundle.exported is not None  # noqa: S101
        names = bundle.exported.files

        def move(target: Path) -> None:
            for name in names:
                shutil.move(self._work / name, target / name)

        write_exported(
            folder,
            about=bundle.about,
            config_json=bundle.config_json,
            tokenizer_json=bundle.tokenizer_json,
            exported=bundle.exported,
            write_graphs=move,
        )


def _convert(source: Path, target: Path) -> None:
    with no_telemetry():
        import openvino

    openvino.save_model(openvino.convert_model(source), target, compress_to_fp16=False)


def _lost_too_much(precision: str, drops: Sequence[Drop], most: float, said: str = "") -> ExportError:
    return ExportError(
        f"{precision}: refused, and nothing was written: {said}On dev a task may lose {most:g} points (--max-drop): "
        + "; ".join(map(str, drops))
    )


def _versions() -> dict[str, str]:
    import onnx
    import torch

    from polyhead import __version__

    with no_telemetry():
        import onnxruntime

    modules = {"torch": torch, "onnx": onnx, "onnxruntime": onnxruntime}
    return {"polyhead": __version__, **{name: str(module.__version__) for name, module in modules.items()}}
