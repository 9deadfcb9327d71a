"""Large drawn datasets in every format: header-only images, a few boxes each, written in flat memory.

Images are hard links to a thousand small JPEGs that say 640x480 and hold no pixels: reading a dataset opens only the
header of each, so that is all there is to find.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

WIDTH, HEIGHT = 640, 480
LABELS = tuple(f"class {number}" for number in range(20))
KINDS = 1000
FOLDER_IMAGES = 10_000
Boxes = list[tuple[int, int, int, int, int]]


def make_image(number: int) -> bytes:
    """Make a JPEG of a header and a comment that tells it from others."""
    comment = f"{number:06d}".encode()
    frame = b"\x08" + HEIGHT.to_bytes(2, "big") + WIDTH.to_bytes(2, "big") + b"\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01"
    scan = b"\x03\x01\x00\x02\x11\x03\x11\x00\x3f\x00"
    segments = [(0xFE, comment), (0xC0, frame), (0xDA, scan)]
    body = b"".join(b"\xff" + bytes([kind]) + (len(data) + 2).to_bytes(2, "big") + data for kind, data in segments)
    return b"\xff\xd8" + body + b"\xff\xd9"


def draw(images: int, boxes: int) -> Iterator[tuple[str, Boxes]]:
    """Draw the names and boxes of a dataset: (label, xmin, ymin, xmax, ymax) with numbers of labels."""
    chance = random.Random(0)
    for number in range(images):
        drawn = []
        for _ in range(boxes):
            x, y = chance.randrange(WIDTH - 40), chance.randrange(HEIGHT - 40)
            drawn.append(
                (chance.randrange(len(LABELS)), x, y, chance.randrange(x + 8, x + 40), chance.randrange(y + 8, y + 40))
            )
        yield f"{number:012d}.jpg", drawn


def place_images(folder: Path, images: int) -> None:
    """Put the images into a folder, under the names that `draw` gives."""
    folder.mkdir(parents=True)
    kinds = folder.parent / ".kinds"
    kinds.mkdir()
    for number in range(min(KINDS, images)):
        (kinds / f"{number}").write_bytes(make_image(number))
    for number in range(images):
        os.link(f"{kinds}/{number % KINDS}", f"{folder}/{number:012d}.jpg")


def write_coco(root: Path, images: int, boxes: int) -> None:
    """Write one JSON file, as COCO's own."""
    place_images(root / "images", images)
    (root / "annotations").mkdir()
    with (root / "annotations" / "instances.json").open("w") as file:
        file.write('{"categories": ' + json.dumps([{"id": n + 1, "name": label} for n, label in enumerate(LABELS)]))
        file.write(', "images": [')
        for number, (name, _) in enumerate(draw(images, 0)):
            line = {
                "id": number,
                "file_name": name,
                "width": WIDTH,
                "height": HEIGHT,
                "license": 1,
                "coco_url": f"http://x/{name}",
            }
            file.write((",\n" if number else "") + json.dumps(line))
        file.write('], "annotations": [')
        identifier = 0
        for number, (_, drawn) in enumerate(draw(images, boxes)):
            for label, xmin, ymin, xmax, ymax in drawn:
                width, height = xmax - xmin, ymax - ymin
                outline = [[xmin, ymin, xmax, ymin, xmax, ymax, xmin, ymax]]
                line = {
                    "id": identifier, "image_id": number, "category_id": label + 1, "bbox": [xmin, ymin, width, height],
                    "area": width * height, "iscrowd": 0, "segmentation": outline,
                }  # fmt: skip
                file.write((",\n" if identifier else "") + json.dumps(line))
                identifier += 1
        file.write("]}")


def write_voc(root: Path, images: int, boxes: int) -> None:
    """Write an XML file an image."""
    place_images(root / "JPEGImages", images)
    (root / "Annotations").mkdir()
    for name, drawn in draw(images, boxes):
        objects = "".join(
            f"<object><name>{LABELS[label]}</name><bndbox><xmin>{xmin + 1}</xmin><ymin>{ymin + 1}</ymin>"
            f"<xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox></object>"
            for label, xmin, ymin, xmax, ymax in drawn
        )
        size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
        text = f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"
        (root / "Annotations" / f"{name[:-4]}.xml").write_text(text)


def write_supervisely(root: Path, images: int, boxes: int) -> None:
    """Write a project of one dataset."""
    place_images(root / "ds" / "img", images)
    (root / "ds" / "ann").mkdir()
    classes = [{"title": label, "shape": "rectangle"} for label in LABELS]
    (root / "meta.json").write_text(json.dumps({"classes": classes, "tags": []}))
    for name, drawn in draw(images, boxes):
        objects = [
            {
                "classTitle": LABELS[label], "geometryType": "rectangle", "tags": [],
                "points": {"exterior": [[xmin, ymin], [xmax - 1, ymax - 1]], "interior": []},
            }
            for label, xmin, ymin, xmax, ymax in drawn
        ]  # fmt: skip
        content = {"size": {"width": WIDTH, "height": HEIGHT}, "tags": [], "objects": objects}
        (root / "ds" / "ann" / f"{name}.json").write_text(json.dumps(content))


def write_yolo(root: Path, images: int, boxes: int) -> None:
    """Write a text file an image, and data.yaml."""
    place_images(root / "images" / "train", images)
    (root / "labels" / "train").mkdir(parents=True)
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/train\nnames: {json.dumps(LABELS)}\n")
    for name, drawn in draw(images, boxes):
        lines = [
            f"{label} {(xmin + xmax) / 2 / WIDTH:.6f} {(ymin + ymax) / 2 / HEIGHT:.6f} "
            f"{(xmax - xmin) / WIDTH:.6f} {(ymax - ymin) / HEIGHT:.6f}\n"
            for label, xmin, ymin, xmax, ymax in drawn
        ]
        (root / "labels" / "train" / f"{name[:-4]}.txt").write_text("".join(lines))


def write_cvat(root: Path, images: int, boxes: int) -> None:
    """Write one XML file."""
    place_images(root / "images", images)
    with (root / "annotations.xml").open("w") as file:
        labels = "".join(f"<label><name>{label}</name></label>" for label in LABELS)
        file.write(f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>\n")
        for number, (name, drawn) in enumerate(draw(images, boxes)):
            file.write(f'<image id="{number}" name="{name}" width="{WIDTH}" height="{HEIGHT}">\n')
            for label, xmin, ymin, xmax, ymax in drawn:
                edges = f'xtl="{xmin:.2f}" ytl="{ymin:.2f}" xbr="{xmax:.2f}" ybr="{ymax:.2f}"'
                file.write(f'<box label="{LABELS[label]}" occluded="0" {edges} z_order="0"></box>\n')
            file.write("</image>\n")
        file.write("</annotations>\n")


def write_labelme(root: Path, images: int, boxes: int) -> None:
    """Write a JSON file beside each image."""
    place_images(root / "images", images)
    for name, drawn in draw(images, boxes):
        shapes = [
            {"label": LABELS[label], "points": [[xmin, ymin], [xmax, ymax]], "shape_type": "rectangle", "flags": {}}
            for label, xmin, ymin, xmax, ymax in drawn
        ]
        content = {
            "version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": name, "imageData": None,
            "imageHeight": HEIGHT, "imageWidth": WIDTH,
        }  # fmt: skip
        (root / "images" / f"{name[:-4]}.json").write_text(json.dumps(content))


def write_openimages(root: Path, images: int, boxes: int) -> None:
    """Write one csv file of shares, with the names of the classes in another."""
    place_images(root / "images", images)
    (root / "class-descriptions-boxable.csv").write_text(
        "".join(f"/m/{n:04d},{label}\n" for n, label in enumerate(LABELS))
    )
    with (root / "train-annotations-bbox.csv").open("w") as file:
        file.write(
            "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
        )
        for name, drawn in draw(images, boxes):
            for label, xmin, ymin, xmax, ymax in drawn:
                shares = f"{xmin / WIDTH:.6f},{xmax / WIDTH:.6f},{ymin / HEIGHT:.6f},{ymax / HEIGHT:.6f}"
                file.write(f"{name[:-4]},xclick,/m/{label:04d},1,{shares},0,0,0,0,0\n")


def write_tf_csv(root: Path, images: int, boxes: int) -> None:
    """Write one csv file with a line a box, as this project does."""
    place_images(root / "images" / "train", images)
    with (root / "train.csv").open("w") as file:
        file.write("filename,width,height,class,xmin,ymin,xmax,ymax\n")
        for name, drawn in draw(images, boxes):
            for label, *edges in drawn:
                file.write(f"{name},{WIDTH},{HEIGHT},{LABELS[label]},{','.join(map(str, edges))}\n")


WRITERS: dict[str, Callable[[Path, int, int], None]] = {
    "coco": write_coco,
    "cvat": write_cvat,
    "labelme": write_labelme,
    "openimages": write_openimages,
    "supervisely": write_supervisely,
    "tf_csv": write_tf_csv,
    "voc": write_voc,
    "yolo": write_yolo,
}
