"""Folders of real JPEGs with boxes for the benchmarks: those of the shared data, repeated with bytes of their own.

labelimg/00000.jpg 00000.xml ...                                        as labelImg writes it
devkit/VOC2012/{Annotations,JPEGImages,ImageSets/Main/aeroplane_{train,val}.txt}   the same, hard-linked
label_map.pbtxt
"""

from __future__ import annotations

import io
import os
import random
from pathlib import Path

from PIL import Image, ImageFilter

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("ODPIPE_SHARED_DATA") or ROOT.parent / "shared" / "data")
CLASSES = ("cat", "dog", "fox")
_XML = """<annotation>
\t<folder>VOC2012</folder>
\t<filename>{name}</filename>
\t<path>C:\\photos\\{name}</path>
\t<source><database>Unknown</database></source>
\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>
\t<segmented>0</segmented>
{objects}</annotation>
"""
_OBJECT = """\t<object>
\t\t<name>{label}</name>
\t\t<pose>Unspecified</pose>
\t\t<truncated>0</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>
\t</object>
"""


def read_photos() -> list[bytes]:
    """Read the JPEGs of the shared data; where it is missing, draw one."""
    photos = [path.read_bytes() for pattern in _PATTERNS for path in sorted(SHARED.glob(pattern))]
    if photos:
        return photos
    buffer = io.BytesIO()
    noise = Image.effect_noise((640, 480), 90).filter(ImageFilter.GaussianBlur(1)).convert("RGB")
    noise.save(buffer, "JPEG", quality=85)
    return [buffer.getvalue()]


_PATTERNS = ("aerial_power/*/img/*.jpg", "raccoon/images/*.jpg")


def make_dataset(root: Path, count: int) -> int:
    """Make `count` images with one to five boxes each, in both layouts; return the bytes of the images."""
    devkit = root / "devkit" / "VOC2012"
    folders = [root / "labelimg", devkit / "JPEGImages", devkit / "Annotations", devkit / "ImageSets" / "Main"]
    for folder in folders:
        folder.mkdir(parents=True)
    items = "".join(f"item {{ id: {number} name: '{label}' }}\n" for number, label in enumerate(CLASSES, start=1))
    (root / "label_map.pbtxt").write_text(items)
    photos = read_photos()
    sizes = [Image.open(io.BytesIO(photo)).size for photo in photos]
    chance = random.Random(0)
    total = 0
    lists: dict[str, list[str]] = {"train": [], "val": []}
    for number in range(count):
        stem = f"{number:05d}"
        photo = with_comment(photos[number % len(photos)], stem)
        width, height = sizes[number % len(photos)]
        total += len(photo)
        xml = make_annotation(chance, f"{stem}.jpg", width, height)
        for folder, name, content in ((folders[0], "jpg", photo), (folders[0], "xml", xml.encode())):
            (folder / f"{stem}.{name}").write_bytes(content)
        os.link(folders[0] / f"{stem}.jpg", folders[1] / f"{stem}.jpg")
        os.link(folders[0] / f"{stem}.xml", folders[2] / f"{stem}.xml")
        lists["val" if number % 5 == 0 else "train"].append(stem)
    for part, stems in lists.items():
        (folders[3] / f"aeroplane_{part}.txt").write_text("".join(f"{stem} -1\n" for stem in stems))
    return total


def with_comment(photo: bytes, text: str) -> bytes:
    """Give a JPEG a comment, so that no two files are the same; its pixels are."""
    return photo[:2] + b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text.encode() + photo[2:]


def make_annotation(chance: random.Random, name: str, width: int, height: int) -> str:
    """Write the XML of one image with random boxes."""
    objects = []
    for _ in range(chance.randint(1, 5)):
        x, y = chance.randrange(width - 10), chance.randrange(height - 10)
        edges = (x + 1, y + 1, chance.randrange(x + 6, width), chance.randrange(y + 6, height))
        objects.append(_OBJECT.format(*edges, label=chance.choice(CLASSES)))
    return _XML.format(name=name, width=width, height=height, objects="".join(objects))
