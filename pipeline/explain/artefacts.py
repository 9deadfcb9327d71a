"""Which artefacts can be looked into, layer by layer, and what of them.

    KNOWN["tflite_fast_nms"]                      # LookedAt(kind="tflite", file="detect.tflite", nms="fast", word=None)
    why_not("saved_model")                        # ("saved_model has no layers ...", "ARTEFACT=tflite ...")
    find_command("cats", ["frozen_graph", "tfjs"])  # "odpipe explain-drop --name cats --artefact tfjs"

The names are those of metrics.json.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What is looked at for an artefact: a file of output/NAME/tflite or of output/NAME/tensorflow_js.

    `nms` is the suppression that a .tflite is run with instead of its own; `word` says what is not the artefact itself.
    """

    kind: Literal["tflite", "tfjs"]
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
}  # fmt: skip
THE_GRAPH = ("frozen_graph", "saved_model")


def why_not(artefact: str) -> tuple[str, str] | None:
    """Say why nothing more can be said of a known artefact than its score, with a hint; None where there can."""
    if artefact in THE_GRAPH:
        return (
            f"{artefact} has no layers that could be compared: it is the graph that the others are held against",
            "ARTEFACT=tflite or tfjs_fast; make evaluate says what the others lose",
        )
    return None


def find_command(name: str, artefacts: Iterable[str]) -> str | None:
    """Return what looks into the first of these artefacts of a run that can be looked into; None for none."""
    first = next((one for one in artefacts if one in KNOWN), None)
    if first is None:
        return None
    return f"odpipe explain-drop --name {name}" + ("" if first == "tflite" else f" --artefact {first}")
