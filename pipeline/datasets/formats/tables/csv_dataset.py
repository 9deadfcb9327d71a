"""tf_csv as a dataset: ours, and the tables that xml_to_csv.py, Roboflow and VoTT write.

    DATASET/train.csv  test.csv       filename,width,height,class,xmin,ymin,xmax,ymax: a line a box, or an image without
    DATASET/images/train/a.jpg        anywhere in the dataset
    DATASET/label_map.pbtxt           may be missing; gives the order of the classes, which are sorted else
    DATASET/train/_annotations.csv    Roboflow's, beside the images
    DATASET/vott-csv-export/x.csv     VoTT's: "image","xmin","ymin","xmax","ymax","label"
    DATASET/annotations.csv           keras-retinanet's, without a header: path,x1,y1,x2,y2,class

Columns come in any order and in several spellings; others are left out. Splits come from words in the name of the
file or of its folders. Edges are taken as they stand, between pixels from 0. Tables made of Pascal VOC by the
xml_to_csv.py that everybody copied have Pascal VOC's numbers, from 1 with the last pixel included, and nothing tells
them apart: their boxes are a pixel less wide and high than drawn. Read the Pascal VOC files themselves if they exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.csv_rows import parse_box, parse_decimal, parse_size, peek_header, read_header, read_rows
from pipeline.datasets.files.tree import is_image_name, list_folders
from pipeline.datasets.formats.tables.table_images import Tables, read_table_images
from pipeline.datasets.label_maps import LabelMaps, read_label_maps
from pipeline.datasets.model import Box, Dataset
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.problems import ItemError, Problems
from pipeline.datasets.tf_csv import COLUMNS
from pipeline.errors import DataError

NAME = "tf_csv"
_SPELLINGS = {
    "filename": ("filename", "file_name", "image", "image_name", "img", "file", "image_path", "img_path", "path"),
    "width": ("width", "image_width", "img_width"),
    "height": ("height", "image_height", "img_height"),
    "class": ("class", "label", "class_name", "label_name", "category"),
    "xmin": ("xmin", "x_min", "x1"),
    "ymin": ("ymin", "y_min", "y1"),
    "xmax": ("xmax", "x_max", "x2"),
    "ymax": ("ymax", "y_max", "y2"),
}
_NEEDED = tuple(column for column in COLUMNS if column not in ("width", "height"))
_RETINANET = ("filename", "xmin", "ymin", "xmax", "ymax", "class")


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no table of boxes; None if it does."""
    paths = [
        folder / name for folder, names in list_folders(root).items() for name in names if name.lower().endswith(".csv")
    ]
    if not paths:
        return "no .csv file in it"
    missing = [found for path in paths if not isinstance(found := _find_columns(peek_header(path)), _Columns)]
    if len(missing) < len(paths):
        return None
    return f"{paths[0]} has no column {', '.join(missing[0])}; wanted {','.join(COLUMNS)}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the cells of a row are: {name of ours: number}. `has_header` says that the first row is no box."""

    numbers: dict[str, int]
    count: int
    has_header: bool = True


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images that a table names. Bad items go to `problems` one by one: lines, images, or files."""
    folders = list_folders(root)
    tables = Tables(ImageIndex(root, folders), are_shares=False)
    maps = read_label_maps(folders, problems)
    with collection_paused():
        for folder, names in folders.items():
            for name in names:
                if name.lower().endswith(".csv"):
                    _read_file(folder / name, tables, maps, problems)
        images = tuple(read_table_images(tables, problems))
    used = {box.label for image in images for box in image.boxes}
    for label in maps.listed:
        if label not in used:
            problems.note("label_unused", label)
    return Dataset(NAME, root, maps.order(used), images)


def _find_columns(header: list[str]) -> _Columns | tuple[str, ...]:
    """Find the columns by their names; the names of those that are missing where any is."""
    if len(header) == len(_RETINANET) and is_image_name(header[0]):
        edges = header[1:5]
        if not any(edges) or all(parse_decimal(edge) is not None for edge in edges):
            numbers = {column: number for number, column in enumerate(_RETINANET)}
            return _Columns(numbers, len(header), has_header=False)
    lowered = [cell.casefold() for cell in header]
    numbers = {}
    for column, spellings in _SPELLINGS.items():
        number = next((lowered.index(spelling) for spelling in spellings if spelling in lowered), None)
        if number is not None:
            numbers[column] = number
    missing = tuple(column for column in _NEEDED if column not in numbers)
    return missing or _Columns(numbers, len(header))


def _read_file(path: Path, tables: Tables, maps: LabelMaps, problems: Problems) -> None:
    if path.stat().st_size == 0:
        problems.note("annotation_empty_file", str(path))
        return
    try:
        columns = _find_columns(read_header(path))
        if isinstance(columns, _Columns):
            _read_table(path, columns, tables, maps, problems)
        else:
            problems.note("annotation_file_ignored", str(path))
    except DataError as error:
        problems.refuse_item(error, "annotation_unreadable")


def _read_table(path: Path, columns: _Columns, tables: Tables, maps: LabelMaps, problems: Problems) -> None:
    place = tables.place_of(path)
    listed = maps.listed
    for line, row in read_rows(path, skip=1 if columns.has_header else 0):
        where = f"{path}:{line}"
        try:
            if len(row) != columns.count:
                raise DataError(f"{where}: {len(row)} cells, not {columns.count}")
            cells = {column: row[number] for column, number in columns.numbers.items()}
            name = cells["filename"].strip()
            if not name:
                raise DataError(f"{where}: no filename")
            tables.rows.add_image((place, name), path, line)
            _take_size(cells, tables, (place, name), where)
            box = parse_box(cells["class"], [cells[edge] for edge in COLUMNS[4:]], COLUMNS[4:], where)
            if box:
                _check_label(box, listed, where)
                tables.rows.add((place, name), path, line, box)
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")


def _take_size(cells: dict[str, str], tables: Tables, key: tuple[int, str], where: str) -> None:
    """Note the size that a line declares; raise DataError where a line before declared another."""
    width, height = cells.get("width", "").strip(), cells.get("height", "").strip()
    if width in ("", "0") and height in ("", "0"):
        return
    size = parse_size(width, height, where)
    before = tables.sizes.setdefault(key, size)
    if before != size:
        raise DataError(f"{where}: {key[1]} is {size[0]}x{size[1]} here, but {before[0]}x{before[1]} in a line before")


def _check_label(box: Box, listed: dict[str, int], where: str) -> None:
    if listed and box.label not in listed:
        raise ItemError(
            "label_unknown",
            f"{where}: class {box.label!r} is not in the label map; it lists: {', '.join(listed)}",
            hint="add it to the label map, with the next id",
        )
