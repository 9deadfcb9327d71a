"""Detections as Pascal VOC and YOLO: written from real photos, read back by this project's own readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from pipeline.datasets.model import Dataset
from pipeline.detecting.labelled_output import VocFiles, YoloFiles
from pipeline.detecting.results import to_pixel_box
from pipeline.detecting.saving import Picture, Saver
from pipeline.detections.detections_file import Detection
from tests.detect.labelled import FORMATS, NAMES, ODD_IMAGES, detect, draw, read_back, take
from tests.project import copy_project, shared_data

Objects = tuple[tuple[int, int], list[tuple[str, tuple[int, ...]]]]  # width and height, names and boxes


def expected(picture: Picture, detections: Sequence[Detection]) -> Objects:
    height, width = picture.pixels.shape[:2]
    boxes = [(NAMES[one.class_id], to_pixel_box(one, width=width, height=height)) for one in detections]
    return (width, height), boxes


def found(dataset: Dataset, folder: Path) -> dict[str, Objects]:
    """Return {path without suffix: size and boxes}. Six digits of a share are off by less than 0.01 pixels here."""
    images = {}
    for image in dataset.images:
        boxes = [(box.label, (box.xmin, box.ymin, box.xmax, box.ymax)) for box in image.boxes]
        assert all(abs(edge - round(edge)) < 0.01 for _, edges in boxes for edge in edges)
        rounded = [(label, tuple(round(edge) for edge in edges)) for label, edges in boxes]
        images[os.path.splitext(image.path.relative_to(folder))[0]] = ((image.width, image.height), rounded)
    return images


@pytest.mark.parametrize("kind", FORMATS)
def test_sizes_and_boxes_of_real_photos_are_read_back(tmp_path: Path, kind: str) -> None:
    paths = [shared_data() / "odd_images" / name for name in ODD_IMAGES]
    paths += sorted((shared_data() / "raccoon" / "images").glob("raccoon-1*.jpg"))[:20]
    pictures = [take(path, f"{path.parent.name}/deep/{path.name}") for path in paths]
    saver: Saver = FORMATS[kind][0](tmp_path / kind, NAMES, [picture.name for picture in pictures])
    wanted = {}
    for place, picture in enumerate(pictures):
        detections = detect(1, 2, 4, offset=place)
        saver.save(picture, detections)
        inner = os.path.splitext(picture.name)[0]
        wanted[inner if kind == "voc" else f"images/{inner}"] = expected(picture, detections)
    dataset, findings = read_back(tmp_path / kind, kind)
    assert findings == {}
    assert found(dataset, tmp_path / kind) == wanted
    assert set(dataset.labels) == set(NAMES.values())


def test_an_annotation_is_what_labelimg_writes(tmp_path: Path) -> None:
    inside = Detection(4, 0.9, 0.1, 0.05, 2 / 3, 0.5)
    at_edge = Detection(7, 0.9, 0.1, 0.0, 0.5, 0.25)
    VocFiles(tmp_path, NAMES, []).save(draw(), [inside, at_edge, inside])
    assert (
        (tmp_path / "film.mp4/000000.xml").read_text(encoding="utf-8")
        == """<annotation>
	<folder>film.mp4</folder>
	<filename>000000.jpg</filename>
	<source>
		<database>Unknown</database>
	</source>
	<size>
		<width>40</width>
		<height>30</height>
		<depth>3</depth>
	</size>
	<segmented>0</segmented>
	<object>
		<name>A&amp;B &lt;ü&gt;</name>
		<pose>Unspecified</pose>
		<truncated>0</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>3</xmin>
			<ymin>4</ymin>
			<xmax>20</xmax>
			<ymax>20</ymax>
		</bndbox>
	</object>
	<object>
		<name>class 7</name>
		<pose>Unspecified</pose>
		<truncated>1</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>1</xmin>
			<ymin>4</ymin>
			<xmax>10</xmax>
			<ymax>15</ymax>
		</bndbox>
	</object>
</annotation>
"""
    )


def test_yolo_classes_are_places_in_the_names_and_unknown_ones_get_a_name(tmp_path: Path) -> None:
    saver = YoloFiles(tmp_path, NAMES, [])
    known = "cat\ndriver's cab\nA&B <ü>\n"
    assert (tmp_path / "classes.txt").read_text(encoding="utf-8") == known
    assert yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8"))["names"] == {
        0: "cat", 1: "driver's cab", 2: "A&B <ü>",
    }  # fmt: skip
    saver.save(draw(name="a/clip.mp4/000000.jpg"), detect(4))
    saver.save(draw(name="b.jpg"), detect(7, 1, 7, offset=1))
    assert (tmp_path / "labels/a/clip.mp4/000000.txt").read_text() == "2 0.487500 0.483333 0.325000 0.566667\n"
    assert (tmp_path / "labels/b.txt").read_text().split()[::5] == ["3", "0", "3"]
    lists = {
        path.relative_to(tmp_path).as_posix(): path.read_text(encoding="utf-8")
        for path in tmp_path.rglob("classes.txt")
    }
    folders = ("", "labels/", "labels/a/clip.mp4/")  # where labelImg and Label Studio look
    assert lists == {f"{folder}classes.txt": f"{known}class 7\n" for folder in folders}
    assert yaml.safe_load((tmp_path / "data.yaml").read_text(encoding="utf-8")) == {
        "train": "images", "names": {0: "cat", 1: "driver's cab", 2: "A&B <ü>", 3: "class 7"},
    }  # fmt: skip


def test_a_repeated_run_goes_on_with_the_classes_that_it_finds(tmp_path: Path) -> None:
    YoloFiles(tmp_path, NAMES, []).save(draw(name="a.jpg"), detect(7))
    again = YoloFiles(tmp_path, NAMES, [])
    again.save(draw(name="b.jpg"), detect(9, 7))
    dataset, findings = read_back(tmp_path, "yolo")
    assert findings == {"label_unused": list(NAMES.values())}
    assert {image.name: [box.label for box in image.boxes] for image in dataset.images} == {
        "a.jpg": ["class 7"], "b.jpg": ["class 9", "class 7"],
    }  # fmt: skip
    YoloFiles(tmp_path, {1: "dog"}, [])
    assert (tmp_path / "classes.txt").read_text() == "dog\n"


@pytest.mark.parametrize("kind", FORMATS)
def test_names_of_classes_are_one_line_of_text(tmp_path: Path, kind: str) -> None:
    saver: Saver = FORMATS[kind][0](tmp_path, {1: "no", 2: "a\nb\x07", 3: " \x00", 4: "007", 5: "猫: 'x' #1"}, [])
    saver.save(draw(), detect(1, 2, 3, 4) + detect(5))
    dataset, findings = read_back(tmp_path, kind)
    assert findings == {}
    labels = [box.label.strip() for box in dataset.images[0].boxes]
    assert labels == ["no", "a b", "class 3", "007", "猫: 'x' #1"]


@pytest.mark.parametrize("kind", FORMATS)
def test_an_image_without_detections_is_background(tmp_path: Path, kind: str) -> None:
    saver: Saver = FORMATS[kind][0](tmp_path, NAMES, ["a.jpg"])
    saver.save(draw(name="a.jpg"), [])
    saver.save(draw(name="b.jpg"), detect(1, 2, 4))
    dataset, findings = read_back(tmp_path, kind)
    assert findings == {}
    assert {image.name: len(image.boxes) for image in dataset.images} == {"a.jpg": 0, "b.jpg": 3}


@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_of_an_earlier_run_is_replaced_as_a_whole(tmp_path: Path, kind: str) -> None:
    saver: Saver = FORMATS[kind][0](tmp_path / "out", NAMES, ["a.jpg"])
    saver.save(draw(name="a.jpg"), detect(1, 2))
    files = list((tmp_path / "out").rglob("a.*"))
    before = {path: path.read_bytes() for path in files}
    for path in files:  # somebody else's names for the same files
        os.link(path, tmp_path / f"kept{path.suffix}")
    saver.save(draw(name="a.jpg", shade=200), detect(4))
    assert {path: (tmp_path / f"kept{path.suffix}").read_bytes() for path in files} == before
    assert all(path.read_bytes() != content for path, content in before.items())
    assert [path.name for path in tmp_path.rglob(".*")] == []


@pytest.mark.parametrize("kind", FORMATS)
def test_many_threads_save_at_a_time(tmp_path: Path, kind: str) -> None:
    saver: Saver = FORMATS[kind][0](tmp_path, NAMES, [])
    pictures = [draw(name=f"clip{number % 5}.mp4/{number:06}.jpg", width=40 + number) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: saver.save(pictures[number], detect(10 + number % 37, offset=number)), range(100)))
    dataset, _ = read_back(tmp_path, kind)
    labels = {image.width - 40: [box.label for box in image.boxes] for image in dataset.images}
    assert labels == {number: [f"class {10 + number % 37}"] for number in range(100)}


@pytest.mark.parametrize("kind", FORMATS)
def test_odpipe_check_reads_it_without_a_finding(tmp_path: Path, kind: str) -> None:
    project = copy_project(tmp_path / "project")
    paths = sorted((shared_data() / "raccoon" / "images").glob("*.jpg"))[:24]
    saver: Saver = FORMATS[kind][0](project / "input" / kind, NAMES, [path.name for path in paths])
    for path in paths:
        saver.save(take(path), detect(1, 2, 4))
    environment = {**os.environ, "PYTHONPATH": str(project), "ODPIPE_ROOT": str(project)}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "check", f"input/{kind}", "--backend", "local", "--json"],
        cwd=project, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert {key: result[key] for key in ("format", "images", "boxes", "findings")} == {
        "format": kind, "images": 24, "boxes": 72, "findings": {},
    }  # fmt: skip
