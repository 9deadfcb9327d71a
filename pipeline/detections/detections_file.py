"""Read and write a detections file: what one artefact found in a list of images.

JSON lines, UTF-8; `output/NAME/evaluation/detections/tflite.jsonl`, for example:

    {"artefact": "tflite", "runtime": "ai-edge-litert 2.3.0", "size_bytes": 4725336,
     "memory_bytes": 91234304, "memory_shared": false, "not_run": null}
    {"source_id": "1", "filename": "a.jpg", "width": 400, "height": 300, "ms": 7.9,
     "detections": [[class_id, score, ymin, xmin, ymax, xmax], ...]}      (one line an image)

Coordinates are shares of the image's height and width, class ids start at 1, the highest score comes
first. `ms` is the time from the decoded image to the boxes, at batch 1.

`memory_bytes` is the most memory (peak resident set) of the process that ran the artefact, its libraries and the
test images included; null where nobody measured it. `memory_shared` says that the same process held other artefacts,
too, so that the figure is of all of them together. `not_run` says why a runtime is missing here ("no Chromium ...");
no images follow then. All three may be left out.
Python 3.6 and standard library only: every image's scripts write it.
"""

import io
import json
import os
import sys
from types import TracebackType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

MAX_DETECTIONS = 100
MEMORY_DIGITS = 20

Detection = NamedTuple(
    "Detection",
    [
        ("class_id", int),
        ("score", float),
        ("ymin_norm", float),
        ("xmin_norm", float),
        ("ymax_norm", float),
        ("xmax_norm", float),
    ],
)


class Header(NamedTuple):
    """The first line of a detections file; the module says what each key means."""

    artefact: str
    runtime: str
    size_bytes: int
    memory_bytes: Optional[int] = None
    memory_shared: bool = False
    not_run: Optional[str] = None


ImageDetections = NamedTuple(
    "ImageDetections",
    [
        ("source_id", str),
        ("filename", str),
        ("width", int),
        ("height", int),
        ("ms", float),
        ("detections", List[Detection]),
    ],
)


class DetectionsWriter:
    """Write a detections file line by line; an image that was written stays written if the next one fails.

    Closing it writes down the memory that this process has needed at most, unless the header says already how much
    or that the artefact was not run.
    """

    def __init__(self, path: str, header: Header) -> None:
        self._file = io.open(path, "w", encoding="utf-8")  # noqa: SIM115
        self._header = header
        self._file.write(_pad(header) + "\n")

    def write(self, image: ImageDetections) -> None:
        """Append one image, its detections sorted by score and cut to the best 100."""
        best = sorted(image.detections, key=lambda detection: -detection.score)[:MAX_DETECTIONS]
        line = dict(image._asdict())
        line["ms"] = round(image.ms, 3)
        line["detections"] = [
            [found.class_id, round(found.score, 6)] + [round(edge, 6) for edge in found[2:]] for found in best
        ]
        self._write(line)

    def close(self) -> None:
        """Write the memory into the header, and close the file."""
        if self._file.closed:
            return
        if self._header.memory_bytes is None and self._header.not_run is None:
            self._file.seek(0)
            self._file.write(_pad(self._header._replace(memory_bytes=peak_memory_bytes())))
        self._file.close()

    def __enter__(self) -> "DetectionsWriter":
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _write(self, value: Dict[str, Any]) -> None:
        self._file.write(json.dumps(value, ensure_ascii=False) + "\n")


def _pad(header: Header) -> str:
    """Format a header; it stays as long when its memory is filled in (JSON may end with blanks)."""
    text = json.dumps(dict(header._asdict()), ensure_ascii=False)
    digits = len("null" if header.memory_bytes is None else str(header.memory_bytes))
    return text + " " * (MEMORY_DIGITS - digits)


def peak_memory_bytes() -> Optional[int]:
    """Return the most memory that this process has had resident so far; None where nobody tells.

    Linux keeps it a process; getrusage's figure begins with that of the process it was started from.
    """
    try:
        with io.open("/proc/self/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def to_detections(
    boxes: Sequence[Sequence[float]], class_ids: Sequence[float], scores: Sequence[float]
) -> List[Detection]:
    """Pair up what a detector gives: boxes [n][ymin, xmin, ymax, xmax], class ids from 1, scores.

    Empty slots of the padded answer (score 0) are left out.
    """
    return [
        Detection(int(class_id), float(score), *[float(edge) for edge in box])
        for box, class_id, score in zip(boxes, class_ids, scores)  # noqa: B905
        if score > 0
    ]


def to_pixels(found: Detection, width: int, height: int) -> Tuple[float, float, float, float]:
    """Turn shares into pixels (xmin, ymin, xmax, ymax), cut at the image's edges.

    The OD API's graphs cut boxes themselves, TFLite's post-process does not; nothing is out there to find.
    """
    return (
        min(max(found.xmin_norm, 0.0), 1.0) * width,
        min(max(found.ymin_norm, 0.0), 1.0) * height,
        min(max(found.xmax_norm, 0.0), 1.0) * width,
        min(max(found.ymax_norm, 0.0), 1.0) * height,
    )


def read_detections(path: str) -> Tuple[Header, Iterator[ImageDetections]]:
    """Read the header now and the images one by one as they are asked for.

    Raises ValueError with the line's number for a line that is not as the module says.
    """
    lines = _read_lines(path)
    number, first = next(lines, (1, {}))
    try:
        memory_bytes, not_run = first.get("memory_bytes"), first.get("not_run")
        header = Header(
            artefact=str(first["artefact"]),
            runtime=str(first["runtime"]),
            size_bytes=int(first["size_bytes"]),
            memory_bytes=None if memory_bytes is None else int(memory_bytes),
            memory_shared=bool(first.get("memory_shared", False)),
            not_run=None if not_run is None else str(not_run),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            '{}:{}: wanted {{"artefact": ..., "runtime": ..., "size_bytes": ...}} first, found {!r}'.format(
                path, number, error
            )
        )
    return header, _parse_images(path, lines)


def _parse_images(path: str, lines: Iterator[Tuple[int, Dict[str, Any]]]) -> Iterator[ImageDetections]:
    for number, line in lines:
        try:
            yield ImageDetections(
                source_id=str(line["source_id"]),
                filename=str(line["filename"]),
                width=int(line["width"]),
                height=int(line["height"]),
                ms=float(line["ms"]),
                detections=[Detection(int(row[0]), *map(float, row[1:])) for row in line["detections"]],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("{}:{}: not the detections of an image: {!r}".format(path, number, error))


def _read_lines(path: str) -> Iterator[Tuple[int, Dict[str, Any]]]:
    with io.open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                yield number, json.loads(text)
            except ValueError as error:
                raise ValueError("{}:{}: not JSON: {}".format(path, number, error))


def measure_size_bytes(path: str) -> int:
    """Add up a file's size, or all files' under a folder."""
    if not os.path.isdir(path):
        return os.path.getsize(path)
    return sum(os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk(path) for name in names)
