"""Draw the YOLO, CVAT, OpenImages, tf_csv and TFRecord samples beside this file.

    python -m tests.samples.make_text_formats

As make_samples.py does it: one folder is one dataset as some tool writes it; what must be read from it stands in
NAME.expected.json beside it, written by hand.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image

from pipeline.records.tf_example import encode_example
from pipeline.tfrecord.framing import to_frame
from tests.samples.make_samples import HERE, picture, write_json

SAMPLES = (
    "yolo_darknet yolo_roboflow yolo_ultralytics yolo_labelimg yolo_label_studio cvat_images cvat_project "
    "openimages_download openimages_excel tf_csv_ours tf_csv_roboflow tf_csv_vott tfrecord_odapi tfrecord_roboflow"
)


def main() -> None:
    """Draw all samples anew."""
    for name in SAMPLES.split():
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        globals()[name](folder)


def write(path: Path, text: str, *, newline: str = "\n", encoding: str = "utf-8") -> None:
    """Write a text file with the line ends and the encoding of some tool."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.replace("\n", newline).encode(encoding))


def yolo_darknet(root: Path) -> None:
    """As CVAT exports "YOLO 1.1" and Darknet wants it: lists with paths of another machine; one image elsewhere."""
    write(root / "obj.data", "classes = 3\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n")
    write(root / "obj.names", 'cat\ndog "big"\nété\n', newline="\r\n", encoding="utf-8-sig")
    write(root / "train.txt", "data/obj_train_data/a.jpg\ndata/obj_train_data/sub/b.c.JPG\n", newline="\r\n")
    write(root / "valid.txt", "/home/me/darknet/data/obj_valid_data/d.png\n")
    picture(root / "obj_train_data/a.jpg", 40, 30)
    write(root / "obj_train_data/a.txt", "0 0.5 0.5 1 1\n\n1\t0.25\t0.5\t0.1\t0.2\n", newline="\r\n")
    picture(root / "obj_train_data/sub/b.c.JPG", 20, 20, format="JPEG")
    write(root / "obj_train_data/sub/b.c.txt", "")
    picture(root / "photos/d.png", 30, 40)
    write(root / "obj_valid_data/d.txt", "2.0 0.500001 0.5 1 0.5\n")


def yolo_roboflow(root: Path) -> None:
    """As Roboflow exports it: paths that lead out by their words, polygons, an image without a label file."""
    listed = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'no']\n"
    write(root / "data.yaml", listed + "\nroboflow:\n  workspace: me\n  version: 3\n")
    picture(root / "train/images/a_jpg.rf.0b1c.jpg", 40, 30)
    write(
        root / "train/labels/a_jpg.rf.0b1c.txt", "0 0.25 0.2 0.5 0.2 0.5 0.6 0.3 0.4\n1 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2"
    )
    picture(root / "train/images/background.jpg", 20, 20)
    picture(root / "valid/images/a_jpg.rf.0b1c.jpg", 30, 40, colour="olive")
    write(root / "valid/labels/a_jpg.rf.0b1c.txt", "1 0.5 0.5 0.2 0.1")
    write(root / "README.dataset.txt", "0 is not a label here\n")


def yolo_ultralytics(root: Path) -> None:
    """As Ultralytics has COCO: folders named after the year, names as a map, confidences, another class file."""
    names = "\n".join(("names:", "  0: person  # first", "  1: 'traffic light'", "  7: été", ""))
    write(root / "my.yaml", f"path: C:\\Users\\me\\datasets\\my\ntrain: images/train2017\nval: images/val2017\n{names}")
    picture(root / "images/train2017/a.png", 40, 30)
    write(root / "labels/train2017/a.txt", "7 0.5 0.5 0.25 0.2 0.93\n1 0.125 0.1 0.05 0.1 0.5\n", encoding="utf-8-sig")
    picture(root / "images/val2017/b.png", 20, 20)
    write(root / "labels/val2017/b.txt", "7 0.5 0.5 0.25 0.2 0.93\n")
    write(root / "hyp.yaml", "lr0: 0.01\n")


def yolo_labelimg(root: Path) -> None:
    """As labelImg leaves a folder: text beside the images, and one image not labelled yet."""
    write(root / "classes.txt", "dog\nperson\ncat\n")
    picture(root / "photo one.JPG", 40, 30, format="JPEG")
    write(root / "photo one.txt", "2 0.500000 0.500000 0.500000 0.666667\n")
    picture(root / "second.png", 20, 20)


def yolo_label_studio(root: Path) -> None:
    """As Label Studio exports it: images/ and labels/, and the classes twice."""
    write_json(root / "notes.json", {"categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}], "info": {}})
    write(root / "classes.txt", "cat\ndog\n")
    picture(root / "images/cb0618f6-a.png", 40, 30)
    write(root / "labels/cb0618f6-a.txt", "1 0.3 0.4 0.2 0.1\n0 0.5 0.5 0.5 0.5")


def cvat_xml(labels: str, *images: str) -> str:
    """Make an annotations.xml of CVAT's."""
    listed = "".join(
        f"<label><name>{label}</name><color>#c06060</color><attributes></attributes></label>"
        for label in labels.split()
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n'
    return f"{head}<meta><task><labels>{listed}</labels></task></meta>\n{''.join(images)}</annotations>\n"


def cvat_images(root: Path) -> None:
    """As CVAT exports "CVAT for images 1.1" with the images: all shapes, a class without a box, tags as splits."""
    shapes = """
      <box label="été" occluded="0" source="manual" xtl="1.50" ytl="2.25" xbr="30.00" ybr="29.00" z_order="0"></box>
      <box label="cat" xtl="10" ytl="10" xbr="20" ybr="14" rotation="90.0"><attribute name="a">1</attribute></box>
      <polygon label="cat" points="3.00,4.00;13.00,4.50;8.00,24.00"></polygon>
      <mask label="cat" rle="1, 2, 3" left="4" top="5" width="3" height="2"></mask>
      <ellipse label="cat" cx="20" cy="15" rx="5" ry="2"></ellipse>
      <polyline label="cat" points="1,1;2,2"></polyline><points label="cat" points="1,1"></points>
      <tag label="train" source="manual"></tag>"""
    first = f'<image id="0" name="sub/a.jpg" width="40" height="30">{shapes}</image>\n'
    second = '<image id="1" name="b.png" width="20" height="20"><tag label="test"/></image>\n'
    write(root / "annotations.xml", cvat_xml("cat été unused", first, second))
    picture(root / "images/sub/a.jpg", 40, 30)
    picture(root / "images/b.png", 20, 20)
    picture(root / "images/unlabelled.png", 20, 20)


def cvat_project(root: Path) -> None:
    """As a project is exported: subsets, whose images have the same names, and no images/ folder here."""
    box = '<box label="cat" xtl="0" ytl="0" xbr="20" ybr="20"/>'
    images = (
        f'<image id="0" name="a.png" subset="Train" task_id="1" width="40" height="30">{box}</image>\n',
        f'<image id="0" name="a.png" subset="Validation" task_id="2" width="20" height="20">{box}</image>\n',
    )
    write(root / "annotations.xml", cvat_xml("cat", *images))
    picture(root / "Train/a.png", 40, 30)
    picture(root / "Validation/a.png", 20, 20, colour="olive")


OPENIMAGES = (
    "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside\n"
)


def openimages_download(root: Path) -> None:
    """As it is downloaded: codes for classes, ids for names, a group, a table of something else."""
    write(root / "class-descriptions-boxable.csv", "/m/0cmf2,Airplane\n/m/01g317,Person\n/m/0k4j,Car\n")
    train = (
        "0a1b,xclick,/m/01g317,1,0.25,0.5,0.1,0.9,0,0,0,0,0\n0a1b,xclick,/m/0cmf2,1,0,1,0,1,0,0,0,0,0\n"
        "0a1b,xclick,/m/01g317,1,0.1,0.9,0.1,0.9,0,0,1,0,0\n"
    )
    write(root / "train-annotations-bbox.csv", OPENIMAGES + train)
    write(root / "validation-annotations-bbox.csv", OPENIMAGES + "2c3d,xclick,/m/01g317,1,0.25,0.5,0.1,0.9,0,0,0,0,0\n")
    write(root / "train-annotations-human-imagelabels.csv", "ImageID,Source,LabelName,Confidence\n0a1b,v,/m/0k4j,1\n")
    picture(root / "train/0a1b.jpg", 40, 30)
    picture(root / "validation/2c3d.jpg", 20, 20)
    picture(root / "train/4e5f.jpg", 20, 20)


def openimages_excel(root: Path) -> None:
    """As a spreadsheet of another country saves it: decimal commas, plain names, empty columns."""
    rows = 'a.png,,"dog, ""big""",,"0,25","0,5","0,1",1,,,,,\nb.png,,été,,"0,025","0,5","0,2","0,8",,,,,\n'
    write(root / "all_bounding_boxes.csv", OPENIMAGES + rows, newline="\r\n", encoding="utf-8-sig")
    picture(root / "images/a.png", 40, 30)
    picture(root / "images/b.png", 40, 30)


def tf_csv_ours(root: Path) -> None:
    """As we write it."""
    header = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    write(root / "train.csv", header + 'a.jpg,40,30,été,0,0,40,30\na.jpg,40,30,"dog, ""big""",1.5,2.25,3,29.5\n')
    write(root / "test.csv", header + "b.png,20,20,,,,,\nc.png,20,20,été,1,2,3,4\n")
    write(root / "label_map.pbtxt", 'item {\n  id: 1\n  name: "été"\n}\nitem {\n  id: 2\n  name: "dog, \\"big\\""\n}\n')
    picture(root / "images/train/a.jpg", 40, 30)
    picture(root / "images/test/b.png", 20, 20)
    picture(root / "images/test/c.png", 20, 20)


def tf_csv_roboflow(root: Path) -> None:
    """As Roboflow exports "Tensorflow Object Detection CSV": a table in the folder of each split, names that repeat."""
    header = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
    for split, size, box in (("train", (40, 30), "1,2,10,15"), ("valid", (20, 20), "3,4,20,20")):
        picture(root / split / "a.jpg", *size, colour="olive")
        write(root / split / "_annotations.csv", f"{header}a.jpg,{size[0]},{size[1]},cat,{box}\n")


def tf_csv_vott(root: Path) -> None:
    """As VoTT exports CSV: its own columns, all in quotes, no sizes, floats with 14 digits."""
    rows = '"a b.jpg",1.50000000000001,2.25,39.99999999999999,30,"cat"\n"c.jpg",0,0,20,20,"dog"\n'
    write(root / "vott-csv-export/my-export.csv", '"image","xmin","ymin","xmax","ymax","label"\n' + rows)
    picture(root / "vott-csv-export/a b.jpg", 40, 30)
    picture(root / "vott-csv-export/c.jpg", 20, 20)


def example(
    name: str, size: tuple[int, int], *boxes: tuple[str, int, float, float, float, float], has_texts: bool = True
) -> bytes:
    """Make a framed record in the layout of the Object Detection API; `boxes` are label, id and four pixels."""
    buffer = io.BytesIO()
    Image.new("RGB", size, "gray").save(buffer, "JPEG")
    sides = {side: [box[place] for box in boxes] for place, side in enumerate(("xmin", "ymin", "xmax", "ymax"), 2)}
    data = encode_example(
        byte_lists={
            "image/encoded": [buffer.getvalue()],
            "image/format": [b"jpeg"],
            "image/filename": [name.encode()],
            "image/object/class/text": [box[0].encode() for box in boxes] if has_texts else [],
        },
        float_lists={
            f"image/object/bbox/{side}": [edge / size[side[0] == "y"] for edge in edges]
            for side, edges in sides.items()
        },
        int_lists={
            "image/width": [size[0]],
            "image/height": [size[1]],
            "image/object/class/label": [box[1] for box in boxes],
        },
    )
    return b"".join(to_frame(data))


def tfrecord_odapi(root: Path) -> None:
    """As the Object Detection API's own scripts write it: shards, a label map, an image without boxes."""
    boxes = ("dog", 2, 0, 0, 40, 30), ("été", 1, 1, 2, 11, 29)
    (root / "train.record-00000-of-00002").write_bytes(example("a.jpg", (40, 30), *boxes))
    (root / "train.record-00001-of-00002").write_bytes(example("b.jpg", (20, 20)))
    (root / "val.record").write_bytes(example("/home/me/c", (20, 20), ("dog", 2, 3, 4, 5, 6)))
    write(root / "label_map.pbtxt", "item {\n  id: 1\n  name: 'été'\n}\nitem {\n  id: 2\n  name: 'dog'\n}\n")


def tfrecord_roboflow(root: Path) -> None:
    """As Roboflow exports it: a file and a label map for each split; here the records have ids only."""
    for split, box in (("train", (1, 2, 10, 15)), ("valid", (3, 4, 20, 20))):
        (root / split).mkdir()
        record = example("a_jpg.rf.0b1c.jpg", (20, 20), ("", 2, *box), has_texts=False)
        (root / split / "Animals.tfrecord").write_bytes(record)
        write(
            root / split / "Animals_label_map.pbtxt",
            'item {\n  name: "cat",\n  id: 1\n}\nitem {\n name: "dog", id: 2 }\n',
        )


if __name__ == "__main__":
    main()
