"""Draw the sample datasets beside this file: `python tests/samples/make_samples.py`.

Each folder is one dataset as some tool writes it, with what must be read from it in NAME.expected.json beside it:
    {"format": ..., "labels": [...], "images": {name: {"size": [w, h], "split": ..., "boxes": [[label, 4 edges]]}},
     "notes": {kind: count}}
Expected files are written by hand; this script draws the datasets only.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import zlib
from pathlib import Path
from typing import Any

from PIL import Image

HERE = Path(__file__).resolve().parent
SUPERVISELY_META = {
    "classes": [
        {"title": "cat", "shape": "rectangle", "color": "#FF0000"},
        {"title": 'dog "big"', "shape": "any", "color": "#00FF00"},
        {"title": "mouche verte été", "shape": "bitmap", "color": "#0000FF"},
        {"title": "unused", "shape": "point", "color": "#0000FF"},
    ],
    "tags": [{"name": "train", "value_type": "none"}],
}


def main() -> None:
    """Draw all samples anew."""
    for draw in (supervisely, supervisely_old, voc_devkit, voc_labelimg, voc_vott):
        folder = HERE / draw.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        draw(folder)


def picture(path: Path, width: int, height: int, *, colour: str = "gray", **options: Any) -> None:
    """Draw a picture of one colour, small on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), colour).save(path, **options)


def write_json(path: Path, content: Any) -> None:
    """Write JSON as exports have it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def figure(title: str, *points: list[float], kind: str | None = "rectangle") -> dict[str, Any]:
    """Make a Supervisely object."""
    made: dict[str, Any] = {"classTitle": title, "tags": [], "points": {"exterior": list(points), "interior": []}}
    return {**made, "geometryType": kind} if kind else made


def mask(title: str, origin: list[int], rows: list[str]) -> dict[str, Any]:
    """Make a Supervisely mask as its exports have it: a palette PNG whose index 0 is transparent, colour black."""
    image = Image.new("P", (len(rows[0]), len(rows)))
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.putdata([int(cell) for row in rows for cell in row])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=0, bits=1)
    data = base64.b64encode(zlib.compress(buffer.getvalue())).decode()
    return {"classTitle": title, "tags": [], "bitmap": {"origin": origin, "data": data}, "points": {"exterior": []}}


def annotation(width: int, height: int, *objects: dict[str, Any], tags: Any = ()) -> dict[str, Any]:
    """Make a Supervisely annotation."""
    return {"description": "", "tags": list(tags), "size": {"height": height, "width": width}, "objects": list(objects)}


def supervisely(root: Path) -> None:
    """As the web page exports it now: datasets train and val, in which one image name comes twice."""
    write_json(root / "meta.json", SUPERVISELY_META)
    picture(root / "train/img/a.jpg", 40, 30)
    whole, some = figure("cat", [0, 0], [39, 29]), figure('dog "big"', [30, 20], [10, 5])
    write_json(root / "train/ann/a.jpg.json", annotation(40, 30, whole, some))
    picture(root / "train/img/empty.png", 20, 20)
    write_json(root / "train/ann/empty.png.json", annotation(20, 20))
    picture(root / "val/img/a.jpg", 50, 60, colour="navy")
    points: list[list[float]] = [[10, 10], [30, 10], [20, 40]]
    objects = figure('dog "big"', *points, kind="polygon"), figure("cat", [1.5, 2.25], [3, 4])
    write_json(root / "val/ann/a.jpg.json", annotation(50, 60, *objects))


def supervisely_old(root: Path) -> None:
    """As it was exported years ago, one folder deeper: short names, no geometryType, tags of both kinds, nested."""
    project = root / "my project"
    write_json(project / "meta.json", SUPERVISELY_META)
    picture(project / "ds1/img/b.JPG", 40, 30, colour="olive", format="JPEG")
    masked = mask("mouche verte été", [5, 6], ["0000", "0110", "0010"])
    skipped = figure('dog "big"', [3, 3], kind=None), figure('dog "big"', [1, 1], [2, 2], kind="line")
    box = figure('dog "big"', [1, 2], [3, 4], kind=None)
    write_json(project / "ds1/ann/b.json", annotation(40, 30, masked, *skipped, box, tags=["Test"]))
    inner = project / "ds1/datasets/inner"
    picture(inner / "img/c.png", 10, 10)
    written = annotation(10, 10, figure("cat", [0, 0], [9, 9]), tags=["dusk", {"name": "TRAIN", "value": None}])
    write_json(inner / "ann/c.png.json", written)
    picture(inner / "img/unlabelled.png", 10, 10)
    (inner / "ann/nothing.json").write_bytes(b"")
    write_json(project / "notes/about.json", {"nothing": "to see"})


def voc_object(name: str, *edges: str, extra: str = "") -> str:
    """Make a Pascal VOC object."""
    sides = "".join(
        f"<{side}>{edge}</{side}>" for side, edge in zip(("xmin", "ymin", "xmax", "ymax"), edges, strict=True)
    )
    return f"<object><name>{name}</name>{extra}<bndbox>{sides}</bndbox></object>"


def write_xml(path: Path, content: str, *, size: tuple[int, int] | None) -> None:
    """Write a Pascal VOC annotation around its inner elements."""
    sizes = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation>{sizes}{content}</annotation>\n", encoding="utf-8")


def voc_devkit(root: Path) -> None:
    """As the devkit has it: three folders, parts within objects, lists of the split."""
    for number, size in enumerate(((40, 30), (20, 20), (30, 40)), start=1):
        picture(root / f"JPEGImages/00{number}.jpg", *size)
    part = "<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part>"
    person = voc_object("person", "1", "1", "40", "30", extra="<pose>Left</pose><difficult>1</difficult>" + part)
    write_xml(root / "Annotations/001.xml", f"<filename>001.jpg</filename>{person}", size=(40, 30))
    write_xml(root / "Annotations/002.xml", "<filename>002.jpg</filename>", size=(20, 20))
    cat = voc_object("cat", "5", "6", "7", "8")
    write_xml(root / "Annotations/003.xml", f"{cat}<filename>003.jpg</filename>", size=(30, 40))
    lists = root / "ImageSets/Main"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("001\n002\n")
    (lists / "val.txt").write_text("003\n")
    (lists / "trainval.txt").write_text("001\n002\n003\n")
    (lists / "cat_train.txt").write_text("001 -1\n002 -1\n")


def voc_labelimg(root: Path) -> None:
    """As labelImg leaves a folder: beside each other, other machines' paths, wrong sizes and spellings."""
    picture(root / "photo one.JPG", 40, 30, format="JPEG")
    path = r"<path>C:\Users\me\photo one.JPG</path>"
    box = voc_object("A&amp;B &lt;x&gt;", "1", "1", "10", "10")
    write_xml(root / "photo one.xml", rf"<filename>C:\Users\me\photo%20one.JPG</filename>{path}{box}", size=(0, 0))
    picture(root / "second.png", 20, 20)
    write_xml(
        root / "second.xml", "<filename>second</filename>" + voc_object("\n  cat\n ", "0", "3", "20", "20"), size=None
    )
    picture(root / "copied.png", 20, 10)
    write_xml(
        root / "copied.xml", "<filename>second.png</filename>" + voc_object("cat", "1", "1", "2", "2"), size=(20, 10)
    )
    picture(root / "unlabelled.png", 20, 20)


def voc_vott(root: Path) -> None:
    """As VoTT exports it: floats with 14 digits, a label map, every image in the lists of every class."""
    for name, size in (("x%20y.jpg", (40, 30)), ("z.jpg", (20, 20))):
        picture(root / "JPEGImages" / name, *size)
    boxes = voc_object("dog", "1.50000000000001", "2.25", "39.99999999999999", "30")
    write_xml(root / "Annotations/x%20y.xml", f"<filename>x y.jpg</filename>{boxes}", size=(40, 30))
    write_xml(
        root / "Annotations/z.xml",
        "<filename>z.jpg</filename>" + voc_object("cat", "1", "1", "20", "20"),
        size=(20, 20),
    )
    (root / "pascal_label_map.pbtxt").write_text("item {\n id: 1\n name: 'dog'\n}\nitem {\n id: 2\n name: 'cat'\n}\n")
    lists = root / "ImageSets/Main"
    lists.mkdir(parents=True)
    for label, flags in (("dog", (1, -1)), ("cat", (-1, 1))):
        (lists / f"{label}_train.txt").write_text(f"x y.jpg {flags[0]}\n")
        (lists / f"{label}_val.txt").write_text(f"z.jpg {flags[1]}\n")


if __name__ == "__main__":
    main()
