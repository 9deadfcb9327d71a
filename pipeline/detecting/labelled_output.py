"""Detections as a data set that people open, correct and train on again: `make train DATASET=OUT/voc`.

    OUT/voc/sub/a.jpg    OUT/voc/sub/a.xml      Pascal VOC, as labelImg 1.8.6 writes it
    OUT/yolo/images/sub/a.jpg    OUT/yolo/labels/sub/a.txt    OUT/yolo/data.yaml
    OUT/yolo/classes.txt    OUT/yolo/labels/classes.txt    OUT/yolo/labels/sub/classes.txt

In labelImg "Open Dir" of OUT/voc shows all of it. YOLO it shows a folder at a time, and must be told the classes, or
it replaces classes.txt by a list of its own when it saves (HumanSignal/labelImg#465):

    labelImg OUT/yolo/images/sub OUT/yolo/labels/sub/classes.txt OUT/yolo/labels/sub

The picture is the image file's own bytes where it is a plain JPEG or PNG, never a link: people edit their data. All
else (turned by EXIF, CMYK, 16 bits, transparency, BMP, GIF, WebP, TIFF, a video's frame) becomes a JPEG of what the
detector saw. The suffix says what is in it: a.tif becomes a.jpg. Images that differ only in their suffix keep it as a
part of their names, so that each has a label file of its own: a.jpg and a.png become a.jpg.jpg and a.png.png, with
a.jpg.xml and a.png.xml.

Boxes are the whole pixels of detection.csv. Scores are in there too: neither format has a place for them. An image
without detections gets an empty label file: that it is background a person has to say.
"""

from __future__ import annotations

import io
import os
import re
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock

import yaml
from PIL import Image

from pipeline.datasets.files.disk import written_aside
from pipeline.detecting.results import class_name, to_pixel_box
from pipeline.detecting.saving import Picture
from pipeline.detections.detections_file import Detection
from pipeline.detections.image_folder import IMAGE_SUFFIXES

_JPEG_SUFFIXES = (".jpg", ".jpeg")  # by which Qt and Ultralytics know a JPEG; .jpe and .jfif they do not
_LONGEST_JPEG_SIDE = 65_500
_ORIENTATION = 0x0112
_EXIF_MARKS = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
_NO_LABELS = ("readme", "license", "requirements", "classes", "predefined_classes")  # texts that readers of YOLO skip
_NOT_IN_PATHS = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]")
_NOT_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")  # not in XML, or break lines
_MILLION = 10**6

_Box = tuple[int, int, int, int]


class VocFiles:
    """FOLDER/sub/a.jpg and FOLDER/sub/a.xml. Coordinates count pixels from 1 and include the last one."""

    def __init__(self, folder: Path, class_names: Mapping[int, str], names: Sequence[str]) -> None:
        """`names` are those of all images that are known beforehand; others are frames of videos."""
        self._folder = folder
        self._class_names = class_names
        self._places = find_places(names)

    def save(self, picture: Picture, detections: Sequence[Detection]) -> None:
        """Save the picture and its annotation; earlier ones are replaced, folders are made."""
        place = place_of(picture.name, self._places)
        image = _save_picture(picture, self._folder, place)
        objects = _to_objects(picture, detections, self._class_names)
        _write_text(self._folder / f"{place}.xml", _to_xml(image, picture, objects))


class YoloFiles:
    """FOLDER/images/sub/a.jpg and FOLDER/labels/sub/a.txt, and who the classes are.

    A class is its place in the names, sorted by their ids; ids may have gaps, places have none. A class that the
    names do not know is put behind them when it is first found. classes.txt lies in each folder with labels, because
    labelImg looks for it there, and beside images/ and labels/ for Label Studio. No label file is ever written before
    the lists that name its classes; a run that is repeated goes on with the list that it finds.
    """

    def __init__(self, folder: Path, class_names: Mapping[int, str], names: Sequence[str]) -> None:
        """`names` are those of all images that are known beforehand; others are frames of videos."""
        self._folder = folder
        self._class_names = class_names
        self._places = find_places(names)
        own = dict.fromkeys(_name(number, class_names).strip() for number in sorted(class_names))
        self._numbers = {name: number for number, name in enumerate(_read_longer(folder / "classes.txt", list(own)))}
        self._label_folders = {folder, folder / "labels"}
        self._written: dict[Path, int] = {}
        self._lock = Lock()
        self._write_classes()

    def save(self, picture: Picture, detections: Sequence[Detection]) -> None:
        """Save the picture and its labels; earlier ones are replaced, folders are made."""
        place = place_of(picture.name, self._places)
        height, width = picture.pixels.shape[:2]
        _save_picture(picture, self._folder / "images", place)
        path = self._folder / "labels" / f"{place}.txt"
        objects = _to_objects(picture, detections, self._class_names)
        numbers = self._number([name.strip() for name, _ in objects], path.parent)
        lines = [
            _to_line(number, box, width=width, height=height) for number, (_, box) in zip(numbers, objects, strict=True)
        ]
        _write_text(path, "".join(lines))

    def _number(self, names: Sequence[str], folder: Path) -> list[int]:
        """Return the numbers of classes when all lists, that of a folder of labels among them, have them."""
        with self._lock:
            self._label_folders.add(folder)
            numbers = [self._numbers.setdefault(name, len(self._numbers)) for name in names]
            if self._written.get(folder) != len(self._numbers):
                self._write_classes()
            return numbers

    def _write_classes(self) -> None:
        text = "".join(f"{name}\n" for name in self._numbers)
        for folder in self._label_folders:
            if self._written.get(folder) != len(self._numbers):
                _write_text(folder / "classes.txt", text)
        if self._written.get(self._folder) != len(self._numbers):
            _write_text(self._folder / "data.yaml", _to_yaml(list(self._numbers)))
        self._written = dict.fromkeys(self._label_folders, len(self._numbers))


LABEL_FILES: dict[str, type[VocFiles] | type[YoloFiles]] = {"voc": VocFiles, "yolo": YoloFiles}
"""What `--save` can ask for; each is also the folder's name."""


def find_places(names: Sequence[str]) -> dict[str, str]:
    """Give each image a path without suffix that no other has, in any case: sub/a.jpg has sub/a.

    Where there is a sub/a.png, too, they have sub/a.jpg and sub/a.png.
    """
    images = [name for name in sorted(names) if name.lower().endswith(IMAGE_SUFFIXES)]
    shared = Counter(_to_place(name).casefold() for name in images)
    places: dict[str, str] = {}
    taken: set[str] = set()
    for name in images:
        place = _to_place(name)
        if shared[place.casefold()] > 1:
            place += os.path.splitext(name)[1]
        while place.casefold() in taken:
            place += "_"
        taken.add(place.casefold())
        places[name] = place
    return places


def place_of(name: str, places: Mapping[str, str]) -> str:
    """Return the path without suffix of an image, or of a frame of a video, which no other can have."""
    return places.get(name) or _to_place(name)


def _to_place(name: str) -> str:
    """Cut the suffix off, and mend names that our readers, labelImg or XML would not take."""
    name = _NOT_IN_PATHS.sub(lambda match: f"%{ord(match.group()):02X}", name)
    folder, slash, file_name = os.path.splitext(name)[0].rpartition("/")
    first, dot, rest = file_name.partition(".")
    if first.casefold() in _NO_LABELS:
        first += "_"
    return f"{folder}{slash}{first}{dot}{rest}"


def _save_picture(picture: Picture, folder: Path, place: str) -> Path:
    content, suffix = _read_plain(picture) or _encode(picture)
    own = os.path.splitext(picture.name)[1]
    if suffix == ".jpg" and own.lower() in _JPEG_SUFFIXES or suffix == own.lower():
        suffix = own
    path = folder / (place + suffix)
    with written_aside(path) as aside:
        aside.write_bytes(content)
    return path


def _read_plain(picture: Picture) -> tuple[bytes, str] | None:
    """Read an image file that every labelling tool shows as the detector saw it, and its suffix; None for others."""
    if picture.source is None:
        return None
    try:
        content = picture.source.read_bytes()
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as image:
            # Only with these does a PNG's EXIF stand behind its pixels, all of which Pillow then decodes
            has_exif = image.format != "PNG" or any(mark in content for mark in _EXIF_MARKS)
            if has_exif and image.getexif().get(_ORIENTATION, 1) in range(2, 9):
                return None
            height, width = picture.pixels.shape[:2]
            if image.size != (width, height):
                return None
            if image.format != "PNG":
                return (content, ".jpg") if image.mode in ("L", "RGB") else None
            depth, colour_type = content[24], content[25]
            is_plain = depth <= 8 and colour_type in (0, 2, 3) and "transparency" not in image.info
            return (content, ".png") if is_plain else None
    except Exception:  # Pillow raises almost anything; the pixels are there all the same
        return None


def _encode(picture: Picture) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    image = Image.fromarray(picture.pixels)
    if max(image.size) > _LONGEST_JPEG_SIDE:
        image.save(buffer, "PNG")
        return buffer.getvalue(), ".png"
    image.save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue(), ".jpg"


def _to_objects(
    picture: Picture, detections: Sequence[Detection], class_names: Mapping[int, str]
) -> list[tuple[str, _Box]]:
    """Return each object once: its name, and its box in whole pixels, half-open."""
    height, width = picture.pixels.shape[:2]
    objects = (
        (_name(found.class_id, class_names), to_pixel_box(found, width=width, height=height)) for found in detections
    )
    return list(dict.fromkeys(objects))


def _name(class_id: int, class_names: Mapping[int, str]) -> str:
    """Name a class in one line, of characters that XML can hold; by its number if nothing is left."""
    name = _NOT_IN_NAMES.sub(" ", class_name(class_id, class_names))
    return name if name.strip() else class_name(class_id, {})


def _to_xml(image: Path, picture: Picture, objects: Sequence[tuple[str, _Box]]) -> str:
    """Format an annotation; without labelImg's <path>, which would be one of this machine."""
    height, width = picture.pixels.shape[:2]
    root = ElementTree.Element("annotation")
    _add(root, "folder", image.parent.name)
    _add(root, "filename", image.name)
    _add(_add(root, "source"), "database", "Unknown")
    size = _add(root, "size")
    for tag, value in (("width", width), ("height", height), ("depth", 3)):
        _add(size, tag, value)
    _add(root, "segmented", 0)
    for name, (xmin, ymin, xmax, ymax) in objects:
        entry = _add(root, "object")
        _add(entry, "name", name)
        _add(entry, "pose", "Unspecified")
        _add(entry, "truncated", int(xmin == 0 or ymin == 0 or xmax == width or ymax == height))
        _add(entry, "difficult", 0)
        bounds = _add(entry, "bndbox")
        for tag, value in (("xmin", xmin + 1), ("ymin", ymin + 1), ("xmax", xmax), ("ymax", ymax)):
            _add(bounds, tag, value)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent: ElementTree.Element, tag: str, text: object = None) -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    element.text = None if text is None else str(text)
    return element


def _to_line(number: int, box: _Box, *, width: int, height: int) -> str:
    xmin, ymin, xmax, ymax = box
    across, down = _to_shares(xmin, xmax, width), _to_shares(ymin, ymax, height)
    shares = " ".join(f"{share / _MILLION:.6f}" for share in (across[0], down[0], across[1], down[1]))
    return f"{number} {shares}\n"


def _to_shares(low: int, high: int, side: int) -> tuple[int, int]:
    """Return the middle and the length in millionths of the side."""
    middle, length = round((low + high) / 2 / side * _MILLION), round((high - low) / side * _MILLION)
    # Each rounded by itself they may lead out of the image by a millionth, of which readers complain
    return middle, min(length, 2 * middle, 2 * (_MILLION - middle))


def _to_yaml(classes: Sequence[str]) -> str:
    names = yaml.safe_dump({"names": dict(enumerate(classes))}, allow_unicode=True, sort_keys=False, width=10**6)
    return f"# Ultralytics wants a line val: too, of other images than these.\ntrain: images\n{names}"


def _read_longer(path: Path, classes: list[str]) -> list[str]:
    """Return the classes of an earlier run, or of a person, if they are these and more; else these."""
    try:
        listed = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return classes
    is_longer = listed[: len(classes)] == classes and all(listed) and len(set(listed)) == len(listed)
    return listed if is_longer else classes


def _write_text(path: Path, text: str) -> None:
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
