"""The model that detects: a form of a run's, the fastest that is there, or a file by anybody."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.commands.outside import existing
from pipeline.detecting.class_names import read_class_names, read_packed_class_names
from pipeline.errors import ConfigError, StageError
from pipeline.suggest import did_you_mean
from pipeline.workspace import Run

Kind = Literal["tflite", "graph", "checkpoint", "tfjs"]
ALIASES = {"frozen": "frozen_graph"}


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a run's model: who runs it, its file below output/NAME, the file of its class names, who makes it."""

    kind: Kind
    path: str
    labels: str
    made_by: str = "export"


# The fastest first: that is the order in which they are taken when none is asked for
FORMS = {
    "tflite": Form("tflite", "tflite/detect.tflite", "tflite/labels.txt"),
    "tflite_float": Form("tflite", "tflite/detect_float.tflite", "tflite/labels.txt"),
    "frozen_graph": Form("graph", "frozen/frozen_inference_graph.pb", "frozen/label_map.pbtxt"),
    "saved_model": Form("graph", "frozen/saved_model", "frozen/label_map.pbtxt"),
    "tfjs_fast": Form("tfjs", "tensorflow_js/fast/model.json", "tensorflow_js/labels.json"),
    "tfjs": Form("tfjs", "tensorflow_js/model.json", "tensorflow_js/labels.json"),
    "checkpoint": Form("checkpoint", "frozen/model.json", "frozen/label_map.pbtxt", made_by="freeze"),
}
NAMES = ("tflite", "tflite_float", "frozen", "saved_model", "checkpoint", "tfjs", "tfjs_fast")


@dataclass(frozen=True, slots=True)
class Model:
    """What detects: `path` is absolute; `class_names` maps ids from 1.

    Of a checkpoint, `path` is the folder of the training and `frozen` what was exported of it; of TensorFlow.js the
    folder with model.json, and `build` is plain or fast.
    """

    artefact: str
    kind: Kind
    path: Path
    class_names: dict[int, str]
    frozen: Path | None = None
    build: str = "plain"


def find_model(root: Path, run: Run, artefact: str | None) -> Model:
    """Return the asked form of a run's model, or the fastest; raises ConfigError or StageError where there is none."""
    name = ALIASES.get(artefact, artefact) if artefact else None
    if name is not None and name not in FORMS:
        raise ConfigError(f"unknown artefact {artefact!r}; known: {', '.join(NAMES)}", hint=did_you_mean(name, NAMES))
    there = [one for one, form in FORMS.items() if (root / run.output / form.path).exists()]
    if name is not None and name not in there:
        form = FORMS[name]
        raise StageError(f"detect needs {run.output}/{form.path}", hint=f"make {form.made_by} NAME={run.name}")
    if not there:
        raise StageError(
            f"detect needs {run.tflite}/detect.tflite or {run.frozen}/frozen_inference_graph.pb",
            hint=f"make export NAME={run.name}{or_exported(root)}",
        )
    chosen = name or there[0]
    form = FORMS[chosen]
    path = root / run.output / form.path
    class_names = read_class_names(root / run.output / form.labels)
    if form.kind == "checkpoint":
        return Model(chosen, form.kind, root / run.train, class_names, frozen=root / run.frozen)
    if form.kind == "tfjs":
        build = "fast" if chosen == "tfjs_fast" else "plain"
        return Model(chosen, form.kind, root / run.tfjs, class_names, build=build)
    return Model(chosen, form.kind, path, class_names)


def or_exported(root: Path) -> str:
    """Return what a hint says of the runs that are exported; nothing where none is."""
    found = {path.parts[-3] for path in root.glob("output/*/frozen/frozen_inference_graph.pb")}
    return f"; exported is NAME={', NAME='.join(sorted(found))}" if found else ""


def read_model(root: Path, graph: str, labels: str | None) -> Model:
    """Return a model that is no run's: a frozen graph, the folder of a SavedModel or of a TF.js model, or a .tflite."""
    path = existing(root, graph, what="model", variable="GRAPH")
    kind, artefact = tell_kind(path, graph)
    if labels is not None:
        class_names = read_class_names(existing(root, labels, what="label map", variable="LABELS"))
    else:
        packed = read_packed_class_names(path.read_bytes()) if kind == "tflite" else None
        if packed is None:
            raise ConfigError(
                "GRAPH needs a label map that names its classes",
                hint="LABELS=label_map.pbtxt, or labels.txt with a name a line, or lines of `id name`",
            )
        class_names = packed
    return Model(artefact, kind, path, class_names)


def tell_kind(path: Path, graph: str) -> tuple[Kind, str]:
    """Tell what a model is by looking; raises ConfigError for what is none that we run."""
    if path.is_dir():
        if any((path / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
            return "graph", "saved_model"
        if (path / "saved_model").is_dir():
            raise ConfigError(f"{graph} has a SavedModel in it, and is none", hint=f"GRAPH={graph}/saved_model")
        if (path / "model.json").is_file():
            return "tfjs", "tfjs"
    elif path.suffix == ".tflite":
        return "tflite", "tflite"
    elif path.suffix == ".pb":
        if path.name == "saved_model.pb":
            raise ConfigError(f"{graph} is a part of a SavedModel", hint=f"GRAPH={Path(graph).parent}, the folder")
        return "graph", "frozen_graph"
    raise ConfigError(
        f"{graph} is no model that detect can run; wanted frozen_inference_graph.pb, the folder of a SavedModel "
        "(with saved_model.pb), the folder of a TensorFlow.js model (with model.json), or a .tflite"
    )
