"""What a run has left in its folder, read as far as it is there: a report tells of what it finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config import read_yaml
from pipeline.receipts import read_json
from pipeline.run_report.training_log import TrainingLog, read_training_log

EXPORTED = (
    "frozen/frozen_inference_graph.pb", "frozen/saved_model/saved_model.pb", "tflite/detect.tflite",
    "edgetpu/detect_edgetpu.tflite", "frigate/detect.tflite", "tensorflow_js/model.json",
    "tensorflow_js/fast/model.json",
)  # fmt: skip
READ = {
    "check.json": (),
    "frozen": ("model.json", "frozen_inference_graph.pb", "saved_model/saved_model.pb"),
    "tflite": ("detect.tflite",),
    "edgetpu": ("preflight.json", "detect_edgetpu.tflite"),
    "frigate": ("detect.tflite",),
    "tensorflow_js": ("model.json", "*.bin", "fast/model.json"),
    "evaluation": ("metrics.json", "tensorflow/checkpoint.jsonl", "tensorflow/frozen_graph.jsonl",
                   "tflite/tflite.jsonl"),
    "explain": ("drop.json",),
}  # fmt: skip
"""What the report reads of a run's folder besides its training: {file or folder: names in it}; any may be missing."""
ANALYSED = ("tensorflow/checkpoint", "tensorflow/frozen_graph", "tflite/tflite")
"""The artefact that stands for the model: the first of these that was evaluated."""


@dataclass(frozen=True, slots=True)
class RunFiles:
    """One run's folder, output/NAME. `metrics` is a list of entries, `exported` the sizes in bytes of the files that
    are there, `preflight` and `drop` None where they are not."""

    name: str
    root: Path
    settings: dict[str, Any] = field(default_factory=dict)
    check: dict[str, Any] = field(default_factory=dict)
    exported: dict[str, int] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[dict[str, Any], ...] = ()
    preflight: dict[str, Any] | None = None
    drop: Any = None
    log: TrainingLog = field(default_factory=TrainingLog)

    @property
    def detections(self) -> Path | None:
        """The detections file that stands for the model; None when it was not evaluated."""
        paths = [self.root / "evaluation" / f"{name}.jsonl" for name in ANALYSED]
        return next((path for path in paths if path.is_file()), None)

    def entry(self, artefact: str) -> dict[str, Any] | None:
        """Return what metrics.json says of an artefact."""
        return next((entry for entry in self.metrics if entry.get("artefact") == artefact), None)


def _measure(path: Path) -> int:
    """Return a file's size in bytes, with the weights that lie beside a graph in files of their own."""
    weights = list(path.parent.glob("*.bin")) if path.suffix == ".json" else []
    return sum(one.stat().st_size for one in (path, *weights))


def read_run_files(root: Path, name: str) -> RunFiles:
    """Read the folder of a run."""
    settings = root / "train/settings.yaml"
    metrics = read_json(str(root / "evaluation/metrics.json"))
    return RunFiles(
        name=name,
        root=root,
        settings=read_yaml(settings) if settings.is_file() else {},
        metrics=tuple(entry for entry in (metrics if isinstance(metrics, list) else ()) if isinstance(entry, dict)),
        preflight=read_json(str(root / "edgetpu/preflight.json")),
        drop=read_json(str(root / "explain/drop.json")),
        log=read_training_log(root / "train"),
        exported={path: _measure(root / path) for path in EXPORTED if (root / path).is_file()},
        **{
            key: read_json(str(root / path)) or {}
            for key, path in (
                ("check", "check.json"),
                ("model", "frozen/model.json"),
            )
        },
    )
