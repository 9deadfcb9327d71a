"""Every reader x every sample, and which format a folder is found to be in."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.datasets.files import tree
from pipeline.datasets.formats.registry import FORMATS, identify_format, read_dataset
from pipeline.datasets.images.content import read_content
from pipeline.datasets.model import Dataset
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import read_csv, write_tf_csv
from pipeline.errors import ConfigError, DataError
from tests.project import shared_data

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
NAMES = sorted(path.name.removesuffix(".expected.json") for path in SAMPLES.glob("*.expected.json"))


def to_plain(dataset: Dataset) -> dict[str, Any]:
    images = {
        image.name: {
            "size": [image.width, image.height],
            "split": image.split,
            "boxes": [[box.label, box.xmin, box.ymin, box.xmax, box.ymax] for box in image.boxes],
        }
        for image in dataset.images
    }
    return {"format": dataset.format, "labels": list(dataset.labels), "images": images}


@pytest.mark.parametrize("name", NAMES)
class TestEverySample:
    def test_it_is_read_as_expected(self, name: str) -> None:
        expected = json.loads((SAMPLES / f"{name}.expected.json").read_text(encoding="utf-8"))
        problems = Problems()
        plain = to_plain(read_dataset(SAMPLES / name, problems=problems))
        assert {**plain, "findings": dict(problems.counts)} == expected

    def test_only_its_own_format_fits_and_the_others_say_why_not(self, name: str) -> None:
        expected = json.loads((SAMPLES / f"{name}.expected.json").read_text(encoding="utf-8"))["format"]
        reasons = {format_name: module.mismatch(SAMPLES / name) for format_name, module in FORMATS.items()}
        assert reasons.pop(expected) is None
        assert all(reasons.values())
        assert identify_format(SAMPLES / name) == expected

    def test_it_survives_tf_csv_without_loss(self, name: str, tmp_path: Path) -> None:
        dataset = read_dataset(SAMPLES / name, problems=Problems())
        write_tf_csv(tmp_path, Split(dataset.images, (), ""), dataset.labels)
        copies = read_csv(tmp_path / "train.csv", tmp_path / "images" / "train")
        for image, copy in zip(dataset.images, copies, strict=True):
            assert copy.path.read_bytes() == read_content(image)
            assert (copy.name, copy.width, copy.height, copy.boxes) == (
                image.name,
                image.width,
                image.height,
                image.boxes,
            )


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path / "cats", problems=Problems())
    assert str(caught.value) == f"no dataset at {tmp_path / 'cats'}: no such folder"
    assert caught.value.hint == (
        "put a dataset there, or name its folder with DATASET=: Supervisely, Pascal VOC, COCO, YOLO, CVAT, LabelMe, "
        "OpenImages, tf_csv or TFRecord"
    )


def test_a_folder_with_only_a_readme_has_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("put images here")
    (tmp_path / ".gitkeep").touch()
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path, problems=Problems())
    assert str(caught.value) == f"no dataset at {tmp_path}: the folder is empty"


def test_a_file_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path / "a.zip", problems=Problems())
    assert str(caught.value) == f"no dataset at {tmp_path / 'a.zip'}: it is a file, not a folder"


def test_an_unknown_format_lists_what_was_tried_and_why_it_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "a.xml").write_text("<rss/>")
    (tmp_path / "b.csv").write_text("name,score\n")
    (tmp_path / "c.tfrecord").write_bytes(b"\0" * 20)
    (tmp_path / "LICENSE").touch()
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path, problems=Problems())
    assert str(caught.value) == (
        f"{tmp_path} fits no known dataset format; its 5 files are 1 without a suffix, 1 .xml, 1 .csv, 1 .tfrecord; "
        "tried:\n"
        "  coco, labelme: no .json file in it\n"
        f"  cvat: {tmp_path / 'a.xml'} is an XML <rss>, not <annotations>\n"
        f"  openimages: {tmp_path / 'b.csv'} begins with 'name,score'; "
        "wanted the columns ImageID,LabelName,XMin,YMin,XMax,YMax\n"
        "  supervisely: no meta.json in it\n"
        f"  tf_csv: {tmp_path / 'b.csv'} has no column filename, class, xmin, ymin, xmax, ymax; "
        "wanted filename,width,height,class,xmin,ymin,xmax,ymax\n"
        f"  tfrecord: {tmp_path / 'c.tfrecord'}: the record at byte 0 has a damaged length\n"
        f"  voc: {tmp_path / 'a.xml'} is an XML <rss>, not an <annotation>\n"
        f"  yolo: no image for {tmp_path / 'labels.txt'}, and no data.yaml, obj.data or classes.txt"
    )
    assert caught.value.hint == "DATASET= names the folder that holds the annotations and the images"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("[]", "a JSON list, not an object"),
        ("{}", 'no list "classes"'),
        ('{"classes": [{"title": ""}]}', "class 1 has no title"),
        ("[" * 100_000, "nested too deeply for JSON that people mean"),
    ],
)
def test_a_meta_json_that_is_not_supervisely_s(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "meta.json").write_text(content)
    assert FORMATS["supervisely"].mismatch(tmp_path) == f"{tmp_path / 'meta.json'}: {reason}"


def test_a_supervisely_project_without_datasets_is_none(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"classes": []}')
    assert FORMATS["supervisely"].mismatch(tmp_path) == "a meta.json, but no dataset folder with ann/ in it"


def test_several_supervisely_projects_are_not_one(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "meta.json").write_text('{"classes": []}')
    reason = f"several projects in it: {tmp_path / 'a'}, {tmp_path / 'b'}"
    assert FORMATS["supervisely"].mismatch(tmp_path) == reason


def test_two_formats_at_once_ask_for_a_choice(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"classes": []}')
    (tmp_path / "ds" / "ann").mkdir(parents=True)
    (tmp_path / "ds" / "a.xml").write_text("<annotation/>")
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path, problems=Problems())
    assert str(caught.value) == f"{tmp_path} fits several dataset formats: supervisely, voc"
    assert caught.value.hint == "choose one: FORMAT=supervisely; or name the folder of one with DATASET="


def test_a_folder_is_listed_once_for_all_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: list[Path] = []
    list_really = tree._list_folders
    monkeypatch.setattr(tree, "_list_folders", lambda root: listed.append(root) or list_really(root))
    read_dataset(SAMPLES / "yolo_roboflow", problems=Problems())
    assert listed == [SAMPLES / "yolo_roboflow"]


def test_a_voc_folder_with_labelimg_s_classes_is_no_yolo_folder(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES / "voc_devkit", tmp_path, dirs_exist_ok=True)
    (tmp_path / "classes.txt").write_text("cat\nperson\n")
    (tmp_path / "data.yaml").write_text("names: [cat, person]\n")
    assert identify_format(tmp_path) == "voc"


def test_what_was_made_of_another_format_gives_way_to_it(tmp_path: Path) -> None:
    for name in ("tf_csv_ours", "tfrecord_odapi", "voc_labelimg"):
        shutil.copytree(SAMPLES / name, tmp_path / name)
    assert identify_format(tmp_path) == "voc"
    shutil.rmtree(tmp_path / "voc_labelimg")
    assert identify_format(tmp_path) == "tf_csv"


def test_seven_forms_side_by_side_ask_for_a_choice() -> None:
    root = shared_data() / "voc100"
    with pytest.raises(DataError) as caught:
        read_dataset(root, problems=Problems())
    assert str(caught.value) == f"{root} fits several dataset formats: coco, cvat, labelme, openimages, voc, yolo"
    assert caught.value.hint == "choose one: FORMAT=coco; or name the folder of one with DATASET="


def test_a_misspelt_format_lists_the_known_ones_and_guesses_one() -> None:
    with pytest.raises(ConfigError) as caught:
        read_dataset(SAMPLES, format_name="vocc", problems=Problems())
    assert str(caught.value) == (
        "unknown dataset format 'vocc'; known: auto, coco, cvat, labelme, openimages, supervisely, tf_csv, tfrecord, "
        "voc, yolo"
    )
    assert caught.value.hint == "did you mean 'voc'?"


def test_a_named_format_that_does_not_fit_says_why() -> None:
    root = SAMPLES / "voc_devkit"
    with pytest.raises(DataError) as caught:
        read_dataset(root, format_name="supervisely", problems=Problems())
    assert str(caught.value) == f"{root} is not in the format supervisely: no meta.json in it"


def test_zero_good_images_is_an_error_even_when_told_to_keep_going(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<annotation><filename>a.jpg</filename></annotation>")
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path, problems=Problems(keep_going=True))
    assert str(caught.value) == f"{tmp_path}: not one image can be used (voc)"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("aerial_power", ("supervisely", 200, 654, 3)),
        ("raccoon", ("voc", 200, 217, 1)),
        ("raccoon/data", ("tfrecord", 40, 44, 1)),
        ("voc100", ("voc", 100, 273, 20)),
        ("voc100", ("yolo", 100, 273, 20)),
        ("voc100", ("cvat", 100, 273, 20)),
        ("voc100", ("openimages", 100, 273, 20)),
    ],
)
def test_real_datasets_are_read_whole(name: str, counts: tuple[str, int, int, int]) -> None:
    dataset = read_dataset(shared_data() / name, format_name=counts[0], problems=Problems())
    boxes = sum(len(image.boxes) for image in dataset.images)
    assert (dataset.format, len(dataset.images), boxes, len(dataset.labels)) == counts


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("aerial_power", "supervisely"),
        ("raccoon", "voc"),
        ("raccoon/data", "tf_csv"),
        ("voc100/yolo_format", "yolo"),
        ("voc100/cvat_format", "cvat"),
        ("voc100/openimages_format", "openimages"),
    ],
)
def test_real_datasets_are_recognised(name: str, format_name: str) -> None:
    assert identify_format(shared_data() / name) == format_name
