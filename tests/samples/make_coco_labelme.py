"""Draw the COCO and LabelMe samples beside this file: `python -m tests.samples.make_coco_labelme`.

As make_samples.py does it: one folder is one dataset as some tool writes it; what must be read from it stands in
NAME.expected.json beside it, written by hand.
"""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path
from typing import Any

from PIL import Image

from tests.samples.make_samples import HERE, picture, write_json


def main() -> None:
    """Draw all samples anew."""
    for draw in (coco_instances, coco_roboflow, coco_label_studio, labelme_beside, labelme_embedded):
        folder = HERE / draw.__name__
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        draw(folder)


def image(number: int, name: str, size: tuple[int, int] | None) -> dict[str, Any]:
    """Make an entry of a COCO file's images."""
    sides = {"width": size[0], "height": size[1]} if size else {}
    return {"license": 1, "file_name": name, **sides, "id": number}


def annotation(number: int, image_id: int, category_id: int, bbox: list[float], **more: Any) -> dict[str, Any]:
    """Make an entry of a COCO file's annotations."""
    made = {"segmentation": [], "area": 1, "iscrowd": 0, "image_id": image_id, "bbox": bbox}
    return {**made, "category_id": category_id, "id": number, **more}


def coco_instances(root: Path) -> None:
    """As COCO is downloaded: ids with gaps, a crowd, captions and keypoints of the same images beside the boxes."""
    picture(root / "train2017/000000000009.jpg", 40, 30)
    picture(root / "train2017/000000000025.jpg", 20, 20)
    picture(root / "val2017/000000000139.jpg", 30, 40)
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}, {"id": 18, "name": "dog"}]
    train = [image(9, "000000000009.jpg", (40, 30)), image(25, "000000000025.jpg", (20, 20))]
    crowd = {"segmentation": {"counts": [5, 9, 386], "size": [20, 20]}, "iscrowd": 1}
    boxes = [
        annotation(900100123, 9, 90, [0, 0, 40, 30]),
        annotation(156, 9, 1, [1.5, 2.25, 10, 20.5]),
        annotation(157, 25, 1, [0, 0, 20, 20], **crowd),
    ]
    write_json(
        root / "annotations/instances_train2017.json",
        {"info": {}, "images": train, "annotations": boxes, "categories": categories},
    )
    polygon = annotation(1, 139, 18, [], segmentation=[[3, 4, 13, 4, 8, 24.5], [1, 9, 2, 9, 2, 10]])
    val = [image(139, "000000000139.jpg", (30, 40))]
    write_json(
        root / "annotations/instances_val2017.json", {"images": val, "annotations": [polygon], "categories": categories}
    )
    caption = {"image_id": 139, "id": 1, "caption": "A dog."}
    write_json(root / "annotations/captions_val2017.json", {"images": val, "annotations": [caption]})
    person = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    keypoints = annotation(156, 9, 1, [1.5, 2.25, 10, 20.5], keypoints=[5, 5, 2], num_keypoints=1)
    write_json(
        root / "annotations/person_keypoints_train2017.json",
        {"images": train, "annotations": [keypoints], "categories": [person]},
    )


def coco_roboflow(root: Path) -> None:
    """As Roboflow exports it: a file in the folder of each split, and a category 0 that no box has."""
    categories = [
        {"id": 0, "name": "animals", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "animals"},
    ]
    for split, size in (("train", (40, 30)), ("valid", (20, 20)), ("test", (30, 40))):
        name = "a_jpg.rf.0b1c2d.jpg"
        picture(root / split / name, *size, colour="olive")
        listed = {"images": [image(0, name, size)], "annotations": [annotation(0, 0, 1, [1, 2, 10, 15])]}
        write_json(root / split / "_annotations.coco.json", {"info": {}, "categories": categories, **listed})
    (root / "README.roboflow.txt").write_text("animals\n")


def coco_label_studio(root: Path) -> None:
    """As Label Studio exports it on Windows, its paths of both kinds; a category from 0, listed twice."""
    picture(root / "images/cb0618f6-a b.png", 40, 30)
    picture(root / "images/0d1e-%C3%A9t%C3%A9.JPG", 20, 20, format="JPEG")
    images = [
        image(0, "..\\..\\label-studio\\media\\upload\\4\\cb0618f6-a%20b.png", None),
        image(1, "images\\1/0d1e-été.jpg", (20, 20)),
    ]
    categories = [{"id": 0, "name": 'dog "big"'}, {"id": 1, "name": "été"}, {"id": 2, "name": 'dog "big"'}]
    boxes = [
        annotation(0, 0, 0, [0.1, 0.2, 10, 10], ignore=0),
        annotation(1, 1, 2, [5, 5, 3, 4], ignore=1),
        annotation(2, 1, 1, [5, 5, 15.4, 4]),
    ]
    write_json(root / "result.json", {"images": images, "categories": categories, "annotations": boxes})


def shape(label: str, kind: str, *points: list[float], **more: Any) -> dict[str, Any]:
    """Make a LabelMe shape."""
    made = {"label": label, "points": list(points), "group_id": None, "description": "", "shape_type": kind}
    return {**made, "flags": {}, "mask": None, **more}


def labelme(name: str, size: tuple[int, int] | None, data: str | None, *shapes: dict[str, Any]) -> dict[str, Any]:
    """Make a LabelMe file."""
    width, height = size or (None, None)
    made = {"version": "5.5.0", "flags": {"night": False}, "shapes": list(shapes), "imagePath": name}
    return {**made, "imageData": data, "imageHeight": height, "imageWidth": width}


def png(width: int, height: int, *, mode: str = "RGB", rows: list[str] | None = None) -> str:
    """Draw a PNG in base64; `rows` give its pixels, 1 where it is set."""
    drawn = Image.new(mode, (width, height))
    for y, row in enumerate(rows or []):
        for x, cell in enumerate(row):
            drawn.putpixel((x, y), int(cell))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def labelme_beside(root: Path) -> None:
    """As LabelMe saves without image data: files beside each other, and one whose images have a folder of their own."""
    picture(root / "a.jpg", 40, 30)
    shapes = (
        shape("cat", "rectangle", [30.5, 20], [10, 5.25]),
        shape("été", "circle", [10, 10], [13, 14]),
        shape("cat", "point", [3, 3]),
        shape("cat", "linestrip", [1, 1], [2, 2], [5, 1]),
        shape("dog", "mask", [4, 5], [7, 7], mask=png(4, 3, mode="1", rows=["0000", "0110", "0010"])),
    )
    write_json(root / "a.json", labelme("a.jpg", (40, 30), None, *shapes))
    picture(root / "images/b.c.png", 20, 20)
    parts = (
        shape("dog", "polygon", [1, 1], [5, 1], [3, 6.5], group_id=1),
        shape("dog", "polygon", [8, 8], [9, 8], [9, 10], group_id=1),
        shape("dog", "polygon", [12, 12], [19, 12], [15, 20]),
    )
    write_json(root / "labels/b.c.json", labelme("..\\images\\b.c.png", (20, 20), "", *parts))
    picture(root / "unlabelled.png", 10, 10)


def labelme_embedded(root: Path) -> None:
    """As LabelMe saves by default: the image lies in the file; where it is there as a file too, that one counts."""
    write_json(root / "train/a.json", labelme("a.png", None, png(40, 30), shape("cat", "rectangle", [0, 0], [40, 30])))
    four = shape("cat", "rectangle", [1, 2], [11, 2], [11, 22], [1, 22], difficult=True)
    write_json(root / "test/b.json", labelme("C:\\photos\\b.png", (20, 30), png(20, 30), four))
    picture(root / "test/c.png", 20, 20, colour="navy")
    write_json(root / "test/c.json", labelme("c.png", (20, 20), png(20, 20)))


if __name__ == "__main__":
    main()
