"""The tables that a user gets of a detection: detection.csv and detection.json.

    out/detection.csv     filename,width,height,class,score,xmin,ymin,xmax,ymax     pixels, one object a line
    out/detection.json    [{"image_id": 1, "file_name": "a/b.jpg", "category_id": 1, "category_name": "cat",
                            "bbox": [x, y, width, height], "score": 0.93}, ...]     COCO results plus names

Both files hold the detections that are shown, in the images' order, best first. Image ids count the readable images
and frames from 1; a frame of a video, "a/clip.mp4/000120.jpg", has its second in the film as well.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TextIO

from pipeline.detections.detections_file import Detection, to_pixels

COLUMNS = ("filename", "width", "height", "class", "score", "xmin", "ymin", "xmax", "ymax")


def class_name(class_id: int, class_names: Mapping[int, str]) -> str:
    """Name a class; one that the label map does not know is called by its number."""
    return class_names.get(class_id, f"class {class_id}")


def to_pixel_box(found: Detection, *, width: int, height: int) -> tuple[int, int, int, int]:
    """Round to whole pixels (xmin, ymin, xmax, ymax) inside the image, half-open, at least one pixel large."""
    xmin, ymin, xmax, ymax = (round(edge) for edge in to_pixels(found, width, height))
    xmin, ymin = min(xmin, width - 1), min(ymin, height - 1)
    return xmin, ymin, max(xmax, xmin + 1), max(ymax, ymin + 1)


class ResultWriter:
    """Write detection.csv and detection.json image by image, under hidden names until the last one is in.

    Memory stays flat however many images there are.
    """

    def __init__(self, folder: Path, class_names: Mapping[int, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._class_names = class_names
        self._csv_file = self._open("detection.csv")
        self._json_file = self._open("detection.json")
        self._csv = csv.writer(self._csv_file, lineterminator="\n")
        self._csv.writerow(COLUMNS)
        self.images = 0
        self.objects = 0

    def write(
        self,
        name: str,
        *,
        width: int,
        height: int,
        detections: Sequence[Detection],
        seconds: float | None = None,
    ) -> None:
        """Append one image's selected detections; `name` is relative to the images' folder, `seconds` a frame's."""
        self.images += 1
        for found in detections:
            label = class_name(found.class_id, self._class_names)
            box = to_pixel_box(found, width=width, height=height)
            self._csv.writerow([name, width, height, label, f"{found.score:.4f}", *box])
            xmin, ymin, xmax, ymax = to_pixels(found, width, height)
            result = {
                "image_id": self.images,
                "file_name": name,
                "category_id": found.class_id,
                "category_name": label,
                "bbox": [round(value, 2) for value in (xmin, ymin, xmax - xmin, ymax - ymin)],
                "score": round(found.score, 4),
            }
            if seconds is not None:
                result["seconds"] = seconds
            self._json_file.write(",\n" if self.objects else "[\n")
            self._json_file.write(json.dumps(result, ensure_ascii=False))
            self.objects += 1

    def __enter__(self) -> ResultWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._json_file.write("\n]\n" if self.objects else "[]\n")
        for file in (self._csv_file, self._json_file):
            file.close()
        for name in ("detection.csv", "detection.json"):
            if error is None:
                self._staged(name).replace(self._folder / name)
            else:
                self._staged(name).unlink()

    def _staged(self, name: str) -> Path:
        return self._folder / f".{name}.part"

    def _open(self, name: str) -> TextIO:
        return self._staged(name).open("w", encoding="utf-8", newline="")
