"""What finds the objects in a picture: a TFLite model, or the journal of a run that looked at it before."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.detecting.journal import FoundBefore
from pipeline.detecting.tiles import Grid, detect_in_tiles
from pipeline.detections.detections_file import Detection
from pipeline.detections.post_process import read_options, with_options
from pipeline.detections.tflite_runtime import TfliteDetector, read_detector
from pipeline.errors import DataError


class PictureDetector(Protocol):
    """Finds objects; several threads ask at a time."""

    def detect(self, name: str, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return the detections of a picture [height, width, 3], upright RGB, best first."""

    def knows(self, name: str) -> bool:
        """Tell whether `detect` would find something out about a picture of this name."""


class TflitePictures:
    """Each thread has an interpreter of one thread of its own; reading, resizing and drawing overlap with it.

    Inference alone, alternating 12 times on two cores that other work shared: median 43 images a second, against 26 of
    one interpreter with two threads. The file gives as many boxes as are wanted, whatever number it is shipped with.
    """

    def __init__(self, path: Path, *, grid: Grid | None, most: int) -> None:
        self._path = path
        content = read_detector(path)
        TfliteDetector(path, content=content)  # fails now, not for every image
        self._content = with_most(content, most)
        self._grid = grid
        self._local = threading.local()

    def detect(self, name: str, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Detect in the picture, or in its tiles."""
        if not hasattr(self._local, "detector"):
            self._local.detector = TfliteDetector(self._path, content=self._content)
        detector: TfliteDetector = self._local.detector
        if self._grid is None:
            return detector.detect(pixels).detections
        return detect_in_tiles(lambda part: detector.detect(part).detections, pixels, self._grid)

    def knows(self, name: str) -> bool:
        """Of every picture."""
        return True


def with_most(model: bytes, most: int) -> bytes:
    """Let a model give at least so many boxes; one whose post-processing is of another kind is left as it is."""
    try:
        if most <= read_options(model).max_detections:
            return model
        return with_options(model, max_detections=most)
    except DataError:
        return model


class ShownAgain:
    """What another runtime found in pictures of the same names."""

    def __init__(self, found: FoundBefore) -> None:
        self._found = found

    def detect(self, name: str, pixels: NDArray[np.uint8]) -> list[Detection]:
        """Return what was found."""
        if name not in self._found:
            raise DataError(f"nothing was detected in {name}")
        return self._found.find(name)

    def knows(self, name: str) -> bool:
        """Of those that could be read."""
        return name in self._found
