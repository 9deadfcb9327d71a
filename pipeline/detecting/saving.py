"""What can be made of the detections of one picture: an annotated copy, label files to correct.

    for saver in savers:
        saver.save(Picture("sub/a.jpg", pixels, Path("photos/sub/a.jpg")), detections)

Several threads save at a time, in any order. Each file appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.datasets.files.disk import written_aside
from pipeline.detecting.results import class_name
from pipeline.detections.detections_file import Detection, to_pixels
from pipeline.report.pictures import LabelledBox, draw_boxes

DRAWN_AS_THEY_ARE = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True, slots=True)
class Picture:
    """An upright RGB picture [height, width, 3] of an image file, or of a video when it has no `source`.

    `name` is relative to the folder that was given, with `/`: "sub/a.jpg", or "sub/clip.mp4/000120.jpg".
    """

    name: str
    pixels: NDArray[np.uint8]
    source: Path | None


class Saver(Protocol):
    """Makes files of pictures and their detections."""

    def save(self, picture: Picture, detections: Sequence[Detection]) -> None:
        """Make the files of one picture."""


class AnnotatedCopies:
    """FOLDER/sub/a.jpg: the picture with its boxes; formats that browsers do not show get `.jpg` added.

    The frames of a video are in its annotated film instead (`annotated_films`).
    """

    def __init__(self, folder: Path, class_names: Mapping[int, str]) -> None:
        self._folder = folder
        self._class_names = class_names

    def save(self, picture: Picture, detections: Sequence[Detection]) -> None:
        """Draw the detections into a copy and save it; folders are made."""
        if picture.source is None:
            return
        path = self._folder / annotated_name(picture.name)
        drawn = draw(picture.pixels, detections, self._class_names)
        with written_aside(path) as partial:
            drawn.save(partial, format="PNG" if path.suffix.lower() == ".png" else "JPEG", quality=90)


def draw(pixels: NDArray[np.uint8], detections: Sequence[Detection], class_names: Mapping[int, str]) -> Image.Image:
    """Draw boxes with class and score into a copy of a picture."""
    image = Image.fromarray(pixels)
    boxes = [
        LabelledBox(
            *to_pixels(found, image.width, image.height),
            text=f"{class_name(found.class_id, class_names)} {found.score:.2f}",
            class_id=found.class_id,
        )
        for found in detections
    ]
    return draw_boxes(image, boxes)


def annotated_name(name: str) -> str:
    """Name a picture's annotated copy."""
    return name if name.lower().endswith(DRAWN_AS_THEY_ARE) else name + ".jpg"
