"""Everything that a model card says, gathered from the files of a run; nothing is measured here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.bundle.data_facts import DataFacts

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model.

    `model` is frozen/model.json, `metrics` the entries of metrics.json (empty when it was not evaluated), `settings`
    what it was trained with, `hashes` {file in the bundle: SHA-256}, `sizes` {file: bytes}, `machine` where the
    milliseconds are from.
    """

    name: str
    preset: str
    summary: str
    model: Mapping[str, Any]
    data: DataFacts
    settings: Mapping[str, Any]
    pretrained: str | None
    metrics: Sequence[Entry]
    versions: Mapping[str, str]
    machine: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)

    @property
    def measured(self) -> list[Entry]:
        """The artefacts that were run."""
        return [entry for entry in self.metrics if entry.get("map") is not None]

    @property
    def judged(self) -> Entry | None:
        """The artefact whose figures stand for the model: what detect.py runs, else the checkpoint."""
        by_name = {entry["artefact"]: entry for entry in self.measured}
        return next((by_name[name] for name in ("tflite", "frozen_graph", "checkpoint") if name in by_name), None)

    def has(self, folder: str) -> bool:
        """Whether the bundle has files of that folder."""
        return any(name.startswith(f"{folder}/") for name in self.hashes)


ARTEFACT_FILES = {
    "frozen_graph": "frozen/frozen_inference_graph.pb",
    "saved_model": "frozen/saved_model/saved_model.pb",
    "tflite": "tflite/detect.tflite",
    "tflite_float": "tflite/detect_float.tflite",
    "edgetpu": "edgetpu/detect_edgetpu.tflite",
    "tfjs": "tensorflow_js/model.json",
    "tfjs_fast": "tensorflow_js/fast/model.json",
    "tfjs_chromium": "tensorflow_js/fast/model.json",
}
"""Where in a bundle lies what an entry of metrics.json was measured on."""
