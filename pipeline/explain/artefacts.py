"""Which artefacts can be looked into, layer by layer, and what of them.

    KNOWN["tflite_fast_nms"]                      # LookedAt(kind="tflite", file="detect.tflite", nms="fast", word=None)
    find_command("cats", ["tfjs", "tfjs_fast"])   # "odpipe explain-drop --name cats --artefact tfjs"

The names are those of metrics.json.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What is looked at for an artefact: a file of output/NAME/tflite, of output/NAME/tensorflow_js or of .../frozen.

    `nms` is the suppression that a .tflite is run with instead of its own; `word` says what is not the artefact itself.
    """

    kind: Literal["tflite", "tfjs", "graph"]
    file: str
    nms: str | None = None
    word: str | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is the plain TensorFlow.js build, the whole SavedModel; only that does without detector.js."""
        return self.kind == "tfjs" and not self.file.startswith("fast/")


KNOWN = {
    "tflite": LookedAt("tflite", "detect.tflite"),
    "tflite_regular_nms": LookedAt("tflite", "detect.tflite", "regular"),
    "tflite_fast_nms": LookedAt("tflite", "detect.tflite", "fast"),
    "edgetpu": LookedAt(
        "tflite", "detect.tflite",
        word="the Edge TPU's own file cannot be looked into: this is the detect.tflite that it was compiled from",
    ),
    "tflite_float": LookedAt("tflite", "detect_float.tflite"),
    "tfjs": LookedAt("tfjs", "model.json"),
    "tfjs_fast": LookedAt("tfjs", "fast/model.json"),
    "tfjs_chromium": LookedAt(
        "tfjs", "fast/model.json",
        word="the browser cannot be looked into: these are the same files in Node, as for tfjs_fast",
    ),
    "frozen_graph": LookedAt("graph", "frozen_inference_graph.pb"),
    "saved_model": LookedAt("graph", "saved_model/saved_model.pb"),
}  # fmt: skip


def find_command(name: str, artefacts: Iterable[str]) -> str | None:
    """Return what looks into the first of these artefacts of a run that can be looked into; None for none."""
    first = next((one for one in artefacts if one in KNOWN), None)
    if first is None:
        return None
    return f"odpipe explain-drop --name {name}" + ("" if first == "tflite" else f" --artefact {first}")
