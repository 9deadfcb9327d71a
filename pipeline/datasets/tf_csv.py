"""tf_csv: a dataset as people can read it, and as the tutorials of the Object Detection API expect it.

    train.csv  test.csv      filename,width,height,class,xmin,ymin,xmax,ymax: a line a box, in pixels, half-open edges
    images/train/  images/test/
    label_map.pbtxt

An image without boxes is one line with empty class and box cells. Images are the dataset's own, byte for byte.
"""

from __future__ import annotations

import csv
import errno
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.cores import map_in_threads
from pipeline.datasets.files.csv_rows import parse_box, parse_size
from pipeline.datasets.files.disk import check_space, explaining_full_disk
from pipeline.datasets.files.tree import resolve_inside
from pipeline.datasets.images.content import copy_content, count_bytes
from pipeline.datasets.label_map import format_label_map
from pipeline.datasets.model import Box, Image, format_number
from pipeline.datasets.splitting.split import Split
from pipeline.errors import DataError

_NOT_IN_KERNEL = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)
"""What copy_file_range says between two file systems, on old kernels, and of files it cannot copy."""
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
        copies = (
            (image, os.path.join(folder, "images", part, image.name))
            for part, images in parts.items()
            for image in images
        )
        for done, _ in enumerate(map_in_threads(lambda copy: _copy(*copy), copies), start=1):
            progress(done)


def _copy(image: Image, target: str) -> None:
    if image.embedded is not None or not _copy_in_kernel(image.path, target):
        copy_content(image, Path(target))


def _copy_in_kernel(source: Path, target: str) -> bool:
    """Copy a file without its bytes passing through this process; say whether that could be done.

    On file systems that share blocks (Btrfs, XFS) nothing is copied at all.
    """
    if not hasattr(os, "copy_file_range"):
        return False
    reader = os.open(source, os.O_RDONLY)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            left = os.fstat(reader).st_size
            while left:
                copied = os.copy_file_range(reader, writer, left)
                if not copied:
                    return False  # some file systems of the kernel's own say so where they cannot
                left -= copied
        except OSError as error:
            if error.errno not in _NOT_IN_KERNEL:
                raise
            return False
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    return True


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
    before: list[str] = []
    of_image: list[Box] = []
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
                cells = [row[place] for place in places]
                if cells[:3] != before:  # the lines of an image are neighbours, mostly
                    before = cells[:3]
                    name, size = _parse_image(cells, where)
                    if sizes.setdefault(name, size) != size:
                        raise DataError(
                            f"{where}: {name} is {size[0]}x{size[1]} here, "
                            f"but {sizes[name][0]}x{sizes[name][1]} in a line before"
                        )
                    of_image = boxes.setdefault(name, [])
                if box := parse_box(cells[3], cells[4:], COLUMNS[4:], where):
                    of_image.append(box)
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


def _parse_image(cells: list[str], where: str) -> tuple[str, tuple[int, int]]:
    name, width, height, *_ = cells
    if not name:
        raise DataError(f"{where}: no filename")
    return name, parse_size(width, height, where)
