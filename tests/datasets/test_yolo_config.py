"""YOLO: data.yaml, obj.data and lists that were written on another machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets.formats.yolo import dataset as yolo
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import draw_picture, messages


def dataset(root: Path, *images: str) -> Path:
    """Draw images and label each; return the dataset's folder."""
    for place, image in enumerate(images):
        draw_picture(root / image, shade=place)
        path = root / image.replace("images", "labels").replace(".png", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0 0.5 0.5 0.5 0.5")
    return root


def read_splits(root: Path, problems: Problems) -> dict[str, str | None]:
    return {image.name: image.split for image in yolo.read(root, problems).images}


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train: ../train/images", "val: ../valid/images"),
        ("train: train", "val: valid"),
        ("train: /content/datasets/cats-3/train/images", "val: /content/datasets/cats-3/valid/images"),
        ("train: C:\\Users\\me\\cats\\train\\images", 'val: "C:/Users/me/cats/valid/images/"'),
        ("path: ../datasets/cats\ntrain: [train/images]", "val:\n  - valid/images"),
        ("train: ./train.txt", "val: val.txt"),
        ("train: /home/me/train.txt", "val: other/val.txt"),
        ("", ""),
    ],
)
def test_the_splits_of_a_yaml_however_it_says_them(tmp_path: Path, train: str, val: str) -> None:
    root = dataset(tmp_path, "train/images/a.png", "train/images/b.png", "valid/images/c.png")
    (root / "train.txt").write_text("/home/me/cats/train/images/a.png\r\n\r\n.\\train\\images\\b.png\r\n")
    (root / "val.txt").write_text("https://example.org/c.png\n")
    (root / "data.yaml").write_text(f"{train}\n{val}\ntest: # none\nnc: 1\nnames: ['cat']\n")
    problems = Problems()
    assert read_splits(root, problems) == {"a.png": "train", "b.png": "train", "c.png": "val"}
    assert messages(problems) == {}


@pytest.mark.parametrize(
    "names",
    [
        "names: [yes, 'no', \"1\"]",
        "names:\n- yes\n- no # not a bool\n- 1",
        "names:\n  0: yes\n  1: no\n  2: 1",
        "names: {2: 1, 0: yes, 1: no}",
        "names: [yes,\n  no,\n  1]",
        "names: data/obj.names",
    ],
)
def test_the_names_of_a_yaml_are_the_text_that_stands_there(tmp_path: Path, names: str) -> None:
    root = dataset(tmp_path, "images/a.png")
    (root / "labels" / "a.txt").write_text("".join(f"{number} 0.5 0.5 0.{number + 1} 0.5\n" for number in range(3)))
    (root / "custom.yaml").write_text(f"train: images\nval: images/val\n{names}\n")
    (root / "yolov5s.yaml").write_text("nc: 80\nbackbone: []\n")
    (root / "obj.names").write_text("yes\nno\n1\n")
    assert yolo.read(root, Problems()).labels == ("yes", "no", "1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [cat", "not YAML: line 2: expected ',' or ']', but got '<stream end>'"),
        ("names: cat and dog", "names is 'cat and dog', not a list or a map of the classes"),
        ("names: {cat: 0}", "names has the key 'cat'; wanted the classes' numbers, from 0"),
        ("names: [[cat]]", "name 0 is a list, not a text"),
        ("[" * 5000, "not YAML: nested too deeply"),
    ],
)
def test_a_broken_data_yaml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    root = dataset(tmp_path, "images/a.png")
    (root / "data.yaml").write_text(text + "\n")
    with pytest.raises(DataError) as caught:
        yolo.read(root, Problems())
    assert str(caught.value) == f"{root / 'data.yaml'}: {message}"


def test_a_yaml_of_a_thousand_million_aliases_is_read_in_no_time(tmp_path: Path) -> None:
    root = dataset(tmp_path, "images/a.png")
    bomb = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (root / "data.yaml").write_text(f"a0: &a0 [x]\n{bomb}names: *a11\n")
    with pytest.raises(DataError) as caught:
        yolo.read(root, Problems())
    assert str(caught.value) == f"{root / 'data.yaml'}: name 0 is a list, not a text"


def test_two_lists_of_classes_that_differ_are_refused(tmp_path: Path) -> None:
    root = dataset(tmp_path, "one/images/a.png", "two/images/b.png")
    (root / "one" / "classes.txt").write_text("cat\n")
    (root / "two" / "classes.txt").write_text("dog\n")
    with pytest.raises(DataError) as caught:
        yolo.read(root, Problems())
    assert str(caught.value) == f"{root / 'one/classes.txt'} and {root / 'two/classes.txt'} list different classes"
    assert caught.value.hint == "name one dataset's folder with DATASET=, or delete the list that is not right"
    (root / "data.yaml").write_text("names: [horse]\n")
    assert yolo.read(root, Problems()).labels == ("horse",)


def test_the_same_images_for_train_and_val_are_no_split(tmp_path: Path) -> None:
    root = dataset(tmp_path, "images/train2017/a.png")
    (root / "coco8.yaml").write_text("path: coco8\ntrain: images/train2017\nval: images/train2017\nnames: [cat]\n")
    problems = Problems()
    assert read_splits(root, problems) == {"a.png": None}
    told = f"{root / 'coco8.yaml'}: train: images/train2017 (train and val are the same images)"
    assert messages(problems) == {"split_contradicts": [told]}


def test_folders_that_are_not_there_are_told(tmp_path: Path) -> None:
    root = dataset(tmp_path, "train/images/a.png", "valid/images/b.png", "test/images/c.png")
    (root / "data.yaml").write_text("train: ../train/images\nval: ../dev/images\nnames: [cat]\n")
    problems = Problems()
    assert read_splits(root, problems) == {"a.png": "train", "b.png": "val", "c.png": "test"}
    assert messages(problems) == {"split_unknown_image": [f"{root / 'data.yaml'}: val: ../dev/images"]}


def test_lists_that_name_missing_or_repeated_images(tmp_path: Path) -> None:
    root = dataset(tmp_path, "images/a.png", "images/b.png", "images/unlisted.png")
    draw_picture(root / "images" / "not labelled.png")
    (root / "train.txt").write_text("data/a.png\ndata/a.png\ndata/b.png\ndata/lost.png\n../../etc/passwd.png\n")
    (root / "test.txt").write_text("data/b.png\n")
    (root / "obj.data").write_text("classes=1\ntrain = data/train.txt\nvalid = data/test.txt\nnames = obj.names\n")
    (root / "obj.names").write_text("cat\n")
    problems = Problems(keep_going=True)
    assert read_splits(root, problems) == {"a.png": "train", "b.png": "val", "unlisted.png": None}
    assert messages(problems) == {
        "image_listed_twice": [f"{root / 'train.txt'}:2"],
        "image_missing": [f"{root / 'train.txt'}:4: no image 'data/lost.png' for it in {root}"],
        "image_unsafe_path": [
            f"{root / 'train.txt'}:5: its image '../../etc/passwd.png' leads out of {root}, "
            "and no image in it is called 'passwd.png'"
        ],
        "split_contradicts": [str(root / "images" / "b.png")],
        "image_unannotated": [str(root / "images" / "not labelled.png")],
    }
    assert problems.lost_images == 2


def test_a_listed_image_that_is_missing_with_its_label_there_is_lost_once(tmp_path: Path) -> None:
    root = dataset(tmp_path, "obj_train_data/a.png", "obj_train_data/lost.png")
    (root / "obj_train_data" / "lost.png").unlink()
    (root / "train.txt").write_text("data/obj_train_data/a.png\ndata/obj_train_data/lost.png\n")
    (root / "classes.txt").write_text("cat\n")
    problems = Problems(keep_going=True)
    assert read_splits(root, problems) == {"a.png": "train"}
    assert messages(problems) == {"image_missing": [f"{root / 'obj_train_data' / 'lost.txt'}: no image 'lost' for it"]}
    assert (problems.lost_images, problems.lost_boxes) == (1, 1)


def test_an_obj_data_without_its_names(tmp_path: Path) -> None:
    root = dataset(tmp_path, "a.png")
    (root / "obj.data").write_text("classes = 1\nnames = data/obj.names\n")
    with pytest.raises(DataError) as caught:
        yolo.read(root, Problems())
    assert str(caught.value) == f"{root / 'obj.data'}: no file 'data/obj.names' for the names in {root}"


def test_a_class_listed_twice_is_one(tmp_path: Path) -> None:
    root = dataset(tmp_path, "a.png")
    (root / "a.txt").write_text("0 0.5 0.5 0.5 0.5\n1 0.5 0.5 0.1 0.1\n")
    (root / "classes.txt").write_text("cat \ncat\n\n\n")
    problems = Problems()
    read = yolo.read(root, problems)
    assert (read.labels, [box.label for box in read.images[0].boxes]) == (("cat",), ["cat", "cat"])
    assert messages(problems) == {"label_repeated": [f"{root / 'classes.txt'}: cat"]}
