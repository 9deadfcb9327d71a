"""Run a detection `.tflite` (SSD with its post-process) on the CPU with ai-edge-litert."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter  # type: ignore[import-untyped]

from pipeline.detections.detections_file import Detection, to_detections
from pipeline.detections.resize import fit_sides, resize_legacy_bilinear
from pipeline.detections.tflite_metadata import InputDescription, read_input
from pipeline.errors import DataError

RUNTIME = f"ai-edge-litert {version('ai-edge-litert')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one image gave: detections, best first, and the time from the decoded image to them."""

    detections: list[Detection]
    ms: float


class TfliteDetector:
    """A loaded detector. One image at a time: a thread that wants to detect needs one of its own.

    The interpreter has a single thread, and has to: with n of them, fewer than there are classes, LiteRT's
    regular non-maximum suppression never looks at class n (its workers share a counter that starts at n and
    is raised before it is read; `NonMaxSuppressionWorkerTask` in detection_postprocess.cc). On the demo's four
    classes two threads lost the third one whole: mAP@.5 0.737 instead of 0.990. Seen in 1.2.0 to 2.3.0.

    How pixels are normalized, and whether images are stretched or keep their ratio, the file itself says
    (`pipeline.detections.tflite_metadata`).
    """

    def __init__(
        self, path: Path, *, content: bytes | None = None, threads: int = 1, delegates: Sequence[Any] = ()
    ) -> None:
        """Load the file, or the `content` that stands for it (with other options of the post-processing, say).

        More threads are for timing only. Raises DataError for one that is no SSD detector with its post-process.
        """
        if content is None:
            content = read_detector(path)
        try:
            self._interpreter = Interpreter(
                model_content=content, num_threads=threads, experimental_delegates=list(delegates) or None
            )
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{path} is not a TFLite model that this runtime can load: {error}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        mismatch = _mismatch(inputs, outputs)
        if mismatch:
            raise DataError(f"{path} is not a TFLite detector: {mismatch}")
        self._input = inputs[0]["index"]
        self._outputs = [output["index"] for output in outputs]
        self._dtype = np.dtype(inputs[0]["dtype"])
        _, self._height, self._width, _ = (int(size) for size in inputs[0]["shape"])
        self._description = read_input(content)

    def detect(self, image: npt.NDArray[np.uint8]) -> Answer:
        """Detect objects in a decoded RGB image [height, width, 3] of any size.

        TFLite's class ids start at 0; the answer's start at 1, as everywhere else.
        """
        began = time.perf_counter()
        resized, shares = fit(image, self._description, height=self._height, width=self._width)
        self._interpreter.set_tensor(self._input, self._to_input(resized)[np.newaxis])
        self._interpreter.invoke()
        boxes, class_ids, scores, count = (self._interpreter.get_tensor(output) for output in self._outputs)
        boxes = boxes / shares
        ms = (time.perf_counter() - began) * 1000
        found = min(int(count.reshape(-1)[0]), scores.shape[1])
        return Answer(to_detections(boxes[0, :found], class_ids[0, :found] + 1, scores[0, :found]), ms)

    def _to_input(self, resized: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8] | npt.NDArray[np.float32]:
        """Quantized models take the pixels as they are, float ones normalized: from -1 to 1, nearly always."""
        if self._dtype == np.uint8:
            pixels: npt.NDArray[np.uint8] = np.rint(resized).astype(np.uint8)
            return pixels
        normalized: npt.NDArray[np.float32] = resized * np.array(self._description.scale, np.float32)
        normalized += np.array(self._description.offset, np.float32)
        return normalized


def read_detector(path: Path) -> bytes:
    """Read a .tflite; raises DataError when there is none."""
    if not path.is_file():
        raise DataError(f"there is no TFLite model at {path}", hint="make tflite NAME=... makes one")
    return path.read_bytes()


def fit(
    image: npt.NDArray[np.uint8], description: InputDescription, *, height: int, width: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Resize an image to an input, and say which share of it [ymin, xmin, ymax, xmax] the image covers."""
    if description.resize != "letterbox":
        return resize_legacy_bilinear(image, height=height, width=width), np.ones(4, np.float32)
    used = fit_sides((image.shape[0], image.shape[1]), height=height, width=width, resize=description.resize)
    mean = -np.array(description.offset, np.float32) / np.array(description.scale, np.float32)
    whole = np.full((height, width, 3), mean, np.float32)
    whole[: used[0], : used[1]] = resize_legacy_bilinear(image, height=used[0], width=used[1])
    return whole, np.array([used[0] / height, used[1] / width] * 2, np.float32)


def _mismatch(inputs: list[dict[str, object]], outputs: list[dict[str, object]]) -> str | None:
    """Say why a model's signature is not image [1, h, w, 3] to boxes, class ids, scores, count; None if it is."""
    found = [[int(size) for size in detail["shape"]] for detail in inputs]  # type: ignore[attr-defined]
    if len(found) != 1 or len(found[0]) != 4 or found[0][0] != 1 or found[0][3] != 3:
        return f"wanted one input [1, height, width, 3], found {found}"
    kind = np.dtype(inputs[0]["dtype"]).name  # type: ignore[call-overload]
    if kind not in ("uint8", "float32"):
        return f"wanted a uint8 or float32 input, found {kind}"
    found = [[int(size) for size in detail["shape"]] for detail in outputs]  # type: ignore[attr-defined]
    if [len(shape) for shape in found] != [3, 2, 2, 1] or found[0][-1] != 4:
        return f"wanted outputs boxes [1, n, 4], classes [1, n], scores [1, n], count [1], found {found}"
    return None
