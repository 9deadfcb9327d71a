"""YOLO: a text file for each image, a line an object, in the layouts of Darknet, Ultralytics, CVAT and labelImg.

    DATASET/data.yaml  images/train/a.jpg  labels/train/a.txt       Ultralytics; Roboflow has train/images, train/labels
    DATASET/obj.data  obj.names  train.txt  obj_train_data/a.txt    Darknet, CVAT: the images may lie anywhere
    DATASET/classes.txt  a.jpg  a.txt                               labelImg; Label Studio: images/ and labels/

What the lines mean is told in `lines`, who names classes and splits in `config`, which text belongs to which image in
`files`. An image without a label file has no boxes, as Ultralytics and Darknet take it; but where there are lists or
folders of train and val images, one that is in none of them is left out unless it has labels. What no list says of the
split is what folders are called. Nothing is said of the size of an image, and boxes are shares of it as it is stored.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from pipeline.datasets.collection import collection_paused
from pipeline.datasets.files.tree import list_folders, unique_names
from pipeline.datasets.formats.yolo.config import Config, find_configs, read_config
from pipeline.datasets.formats.yolo.files import Labels, Splits, find_lists, find_texts, refuse_lost
from pipeline.datasets.formats.yolo.lines import looks_like_labels, read_lines
from pipeline.datasets.images.frame import read_frame
from pipeline.datasets.model import Dataset, Image
from pipeline.datasets.pairing.image_index import ImageIndex
from pipeline.datasets.problems import Problems
from pipeline.datasets.shares import to_pixel_box
from pipeline.datasets.splitting.split_names import split_of_folders
from pipeline.errors import DataError

NAME = "yolo"
_LOOKED_AT = 100


def mismatch(root: Path) -> str | None:
    """Say why a folder holds no YOLO labels; None if it does."""
    folders = list_folders(root)
    texts = find_texts(folders, Config({}, None))
    if not texts:
        return "no .txt file of labels in it"
    index = ImageIndex(root, folders)
    has_config = bool(find_configs(folders))
    reason = ""
    for folder, names in texts.items():
        for stem, name in islice(names.items(), _LOOKED_AT):
            is_named_as_image = bool(index.alike(stem))
            if not (is_named_as_image or has_config):
                reason = reason or f"no image for {folder / name}, and no data.yaml, obj.data or classes.txt"
                continue
            looks_right = looks_like_labels(folder / name)
            if looks_right or (looks_right is None and is_named_as_image and has_config):
                return None
            reason = reason or f"{folder / name} does not begin with a line like 0 0.5 0.5 0.25 0.25"
    return reason


def read(root: Path, problems: Problems) -> Dataset:
    """Read all images. Bad items go to `problems` one by one: lines, images, or files.

    Raises DataError where the names of the classes are missing: a number is no name.
    """
    folders = list_folders(root)
    config = read_config(root, folders)
    if not config.names:
        raise DataError(
            f"{root}: YOLO labels, but no names for their classes: no data.yaml, obj.names or classes.txt",
            hint=f"write {root / 'classes.txt'}: the names, one a line, that of class 0 first",
        )
    index = ImageIndex(root, folders)
    parts = config.parts or find_lists(folders)
    config = Config(config.names, config.source, parts, config.has_keypoints)
    with collection_paused():
        labels = Labels(index, find_texts(folders, config))
        refuse_lost(labels, config, problems)
        splits = Splits(parts, index, labels, problems)
        images = _read_images(index, labels, splits, config, problems)
    return Dataset(NAME, root, _order_labels(config, images, problems), images)


def _read_images(
    index: ImageIndex, labels: Labels, splits: Splits, config: Config, problems: Problems
) -> tuple[Image, ...]:
    labelled = {index.folder_of(image) for image in range(len(index)) if labels.of(image)}
    wanted = []
    for image in range(len(index)):
        is_meant = splits.names(image) if splits.say_anything else index.folder_of(image) in labelled
        if is_meant or labels.of(image):
            wanted.append(image)
        else:
            problems.note("image_unannotated", str(index.path_of(image)))
    groups = [(_inner(index, image).as_posix().strip("."), index.names[image]) for image in wanted]
    images = []
    for name, image in zip(unique_names(groups), wanted, strict=True):
        split = splits.of(image)
        if not splits.names(image):
            split = split_of_folders(_inner(index, image).parts)
        read_image = _read_image(index.path_of(image), name, labels.of(image), split, config, problems)
        if read_image:
            images.append(read_image)
    return tuple(images)


def _inner(index: ImageIndex, image: int) -> Path:
    return index.folder_of(image).relative_to(index.root)


def _read_image(
    path: Path, name: str, label_file: Path | None, split: str | None, config: Config, problems: Problems
) -> Image | None:
    try:
        lines = read_lines(label_file, config, problems) if label_file else []
    except DataError as error:
        problems.refuse_item(error, "annotation_unreadable")
        return None
    try:
        frame = read_frame(path, None, problems, where=str(label_file or path))
        checked = [to_pixel_box(line.label, line.shares, frame, problems, where=line.where) for line in lines]
    except DataError as error:
        problems.refuse_item(error, "image_unusable", boxes=len(lines))
        return None
    return Image(path, name, frame.width, frame.height, tuple(box for box in checked if box), split)


def _order_labels(config: Config, images: tuple[Image, ...], problems: Problems) -> tuple[str, ...]:
    """Order the classes that have boxes by their numbers."""
    used = {box.label for image in images for box in image.boxes}
    ordered: dict[str, None] = {}
    for _, label in sorted(config.names.items()):
        if label in ordered:
            problems.note("label_repeated", f"{config.source}: {label}")
        elif label not in used:
            problems.note("label_unused", label)
        ordered[label] = None
    return tuple(label for label in ordered if label in used)
