"""OpenImages: tables with a line a box, in shares of the image.

    DATASET/train-annotations-bbox.csv     ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,...
    DATASET/class-descriptions-boxable.csv /m/0cmf2,Airplane: names for the classes, where LabelName has their codes
    DATASET/train/000002b66c9c498e.jpg     anywhere in the dataset; ImageID often has no suffix

The format is described at https://storage.googleapis.com/openimages/web/download_v7.html. Columns may have any order,
and only ImageID, LabelName and the four edges are needed. Splits come from words in the name of the file or of its
folders. Boxes around groups (IsGroupOf) are kept out of training and counted. Classes are sorted.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.csv_rows import parse_box, peek_header, read_header, read_rows
from pipeline.datasets.files.tree import list_folders
from pipeline.datasets.formats.tables.table_images import Tables, read_table_images
from pipeline.datasets.model import Dataset
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.problems import ItemError, Problems
from pipeline.errors import DataError

NAME = "openimages"
_EDGES = ("XMin", "YMin", "XMax", "YMax")
_COLUMNS = ("ImageID", "LabelName", *_EDGES)
_DESCRIPTIONS = ["LabelName", "DisplayName"]


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no table of OpenImages boxes; None if it does."""
    paths = _find_csv(list_folders(root))
    if not paths:
        return "no .csv file in it"
    if any(_has_boxes(peek_header(path)) for path in paths):
        return None
    header = ",".join(peek_header(paths[0]))[:60]
    return f"{paths[0]} begins with {header!r}; wanted the columns {','.join(_COLUMNS)}"


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images that a table names. Bad items go to `problems` one by one: lines, images, or files."""
    folders = list_folders(root)
    tables = Tables(ImageIndex(root, folders), are_shares=True)
    headers: dict[Path, list[str]] = {}
    names: dict[str, str] = {}
    for path in _find_csv(folders):
        try:
            header = read_header(path)
            if header == _DESCRIPTIONS or (len(header) == 2 and header[0].startswith("/")):
                names.update(_read_descriptions(path))
            else:
                headers[path] = header
        except DataError as error:
            problems.refuse_item(error, "annotation_unreadable")
    with collection_paused():
        for path, header in headers.items():
            if _has_boxes(header):
                try:
                    _read_table(path, header, names, tables, problems)
                except DataError as error:
                    problems.refuse_item(error, "annotation_unreadable")
            elif not header:
                problems.note("annotation_empty_file", str(path))
            else:
                problems.note("annotation_file_ignored", str(path))
        images = tuple(read_table_images(tables, problems))
    return Dataset(NAME, root, tuple(sorted({box.label for image in images for box in image.boxes})), images)


def _find_csv(folders: dict[Path, list[str]]) -> list[Path]:
    return [folder / name for folder, names in folders.items() for name in names if name.lower().endswith(".csv")]


def _read_descriptions(path: Path) -> dict[str, str]:
    rows = (row for _, row in read_rows(path) if len(row) == 2 and row != _DESCRIPTIONS)
    return {code.strip(): name.strip() for code, name in rows}


def _has_boxes(header: list[str]) -> bool:
    return set(_COLUMNS) <= {cell.strip() for cell in header}


def _read_table(path: Path, header: list[str], names: dict[str, str], tables: Tables, problems: Problems) -> None:
    place = tables.place_of(path)
    columns = [cell.strip() for cell in header]
    numbers = [columns.index(column) for column in _COLUMNS]
    group_place = columns.index("IsGroupOf") if "IsGroupOf" in columns else None
    for line, row in read_rows(path, skip=1):
        where = f"{path}:{line}"
        try:
            if len(row) != len(columns):
                raise DataError(f"{where}: {len(row)} cells, not {len(columns)}")
            name, label, *edges = (row[number].strip() for number in numbers)
            if not name:
                raise DataError(f"{where}: no ImageID")
            tables.rows.add_image((place, name), path, line)
            box = parse_box(_to_name(label, names, where), edges, _EDGES, where)
        except DataError as error:
            problems.refuse_item(error, "object_unreadable")
            continue
        if group_place is not None and row[group_place].strip() == "1":
            problems.note("object_crowd", where)
        elif box:
            tables.rows.add((place, name), path, line, box)


def _to_name(label: str, names: dict[str, str], where: str) -> str:
    if names and label.startswith("/"):
        if label not in names:
            raise ItemError(
                "label_unknown",
                f"{where}: class {label!r} is not in the class descriptions, which list {len(names)}",
                hint="add a line with its code and its name to class-descriptions.csv",
            )
        return names[label]
    return label
