"""tf_csv: a dataset as people can read it, and as the tutorials of the Object Detection API expect it.

    train.csv  test.csv      filename,width,height,class,xmin,ymin,xmax,ymax: a line a box, in pixels, half-open edges
    images/train/  images/test/
    label_map.pbtxt

An image without boxes is one line with empty class and box cells. Images are the dataset's own, byte for byte.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.datasets.content import copy_content, count_bytes
from pipeline.datasets.disk import check_space, explaining_full_disk
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image, format_number, parse_number
from pipeline.datasets.split import Split
from pipeline.datasets.tree import resolve_inside
from pipeline.errors import DataError

COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
LABEL_MAP = "label_map.pbtxt"


def write_tf_csv(
    folder: Path,
    split: Split,
    labels: tuple[str, ...],
    *,
    shown: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Write both parts of a dataset into a new or empty folder.

    `shown` is the folder's name in messages, where it is written aside; `progress` is told the images copied.
    """
    parts = {"train": split.train, "test": split.test}
    needed = sum(count_bytes(image) for images in parts.values() for image in images)
    shown = shown or folder
    check_space(folder, needed, shown=shown)
    with explaining_full_disk(shown, needed):
        for part, images in parts.items():
            (folder / "images" / part).mkdir(parents=True)
            write_csv(folder / f"{part}.csv", images)
        (folder / LABEL_MAP).write_text(format_label_map(labels), encoding="utf-8")
        copies = [(image, folder / "images" / part / image.name) for part, images in parts.items() for image in images]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for done, _ in enumerate(pool.map(lambda copy: copy_content(*copy), copies), start=1):
                progress(done)


def write_csv(path: Path, images: Sequence[Image]) -> None:
    """Write one csv file, a line a box, in the order of the images."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for image in images:
            start = (image.name, image.width, image.height)
            for box in image.boxes:
                edges = (box.xmin, box.ymin, box.xmax, box.ymax)
                writer.writerow((*start, box.label, *map(format_number, edges)))
            if not image.boxes:
                writer.writerow((*start, "", "", "", "", ""))


def read_csv(path: Path, images_dir: Path) -> list[Image]:
    """Read a csv file, ours or that of xml_to_csv.py: boxes as they stand, images in the order of their first line.

    Columns may come in any order, lines of one image need not be neighbours. Boxes are not compared with the real
    images here. Raises DataError that names the line.
    """
    sizes: dict[str, tuple[int, int]] = {}
    boxes: dict[str, list[Box]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            missing = [column for column in COLUMNS if column not in header]
            if missing:
                raise DataError(
                    f"{path}: no column {', '.join(missing)}; found {','.join(header) or 'an empty file'}, "
                    f"wanted {','.join(COLUMNS)}"
                )
            places = [header.index(column) for column in COLUMNS]
            for row in reader:
                if not row:
                    continue
                where = f"{path}:{reader.line_num}"
                if len(row) != len(header):
                    raise DataError(f"{where}: {len(row)} cells, not {len(header)}")
                name, size, box = _parse_row([row[place] for place in places], where)
                if sizes.setdefault(name, size) != size:
                    raise DataError(
                        f"{where}: {name} is {size[0]}x{size[1]} here, "
                        f"but {sizes[name][0]}x{sizes[name][1]} in a line before"
                    )
                boxes.setdefault(name, [])
                if box:
                    boxes[name].append(box)
    except FileNotFoundError as error:
        raise DataError(f"no csv file at {path}", hint="make train DATASET=... writes it") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start})") from error
    except csv.Error as error:
        raise DataError(f"{path}: not a csv file: {error}") from error
    return [
        Image(resolve_inside(images_dir, name, str(path)), name, width, height, tuple(boxes[name]))
        for name, (width, height) in sizes.items()
    ]


def _parse_row(cells: list[str], where: str) -> tuple[str, tuple[int, int], Box | None]:
    name, width_text, height_text, label, *edge_texts = cells
    if not name:
        raise DataError(f"{where}: no filename")
    width, height = parse_number(width_text), parse_number(height_text)
    if not isinstance(width, int) or not isinstance(height, int) or width < 1 or height < 1:
        raise DataError(f"{where}: the size is {width_text!r} x {height_text!r}, not two whole numbers of pixels")
    if not label and not any(edge_texts):
        return name, (width, height), None
    if not label:
        raise DataError(f"{where}: a box without a class")
    edges = []
    for column, text in zip(COLUMNS[4:], edge_texts, strict=True):
        value = parse_number(text)
        if value is None:
            raise DataError(f"{where}: {column} is {text!r}, not a number")
        edges.append(value)
    return name, (width, height), Box(label, *edges)
