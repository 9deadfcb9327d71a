"""Every attack on every sample: refused with a sentence, or read without harm; nothing is read or written outside."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from pipeline.datasets.formats.registry import FORMATS, read_dataset
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.errors import DataError
from tests.datasets.test_formats import NAMES, SAMPLES
from tests.hostile import attacks
from tests.hostile.attacks import Attack
from tests.hostile.bounded import read_bounded, snapshot

PEAK_MB = 1000
LONGEST_MESSAGE = 5000
FORMAT_OF = {
    name: json.loads((SAMPLES / f"{name}.expected.json").read_text(encoding="utf-8"))["format"] for name in NAMES
}
ONE_OF_EACH = sorted({format_name: name for name, format_name in FORMAT_OF.items()}.values())


def copy_sample(name: str, target: Path) -> Path:
    """Copy a sample into a folder that has something beside it that is worth stealing."""
    shutil.copytree(SAMPLES / name, target / "around" / "dataset")
    image = next(path for folder in (SAMPLES / "supervisely",) for path in sorted(folder.rglob("*.jpg")))
    shutil.copyfile(image, target / "around" / "secret.jpg")
    return target / "around" / "dataset"


def read_without_harm(root: Path, format_name: str, *, keep_going: bool, output: Path) -> str | None:
    """Read and write what can be read; return the error's sentence. Nothing but DataError is let through."""
    before = snapshot(root.parent)
    problems = Problems(keep_going=keep_going)
    error = None
    try:
        dataset = read_dataset(root, format_name=format_name, problems=problems)
        for image in dataset.images:
            assert os.path.realpath(image.path).startswith(os.path.realpath(root) + os.sep)
            assert not set("/\\\0") & set(image.name) and image.name not in ("", ".", "..")
            for box in image.boxes:
                assert 0 <= box.xmin < box.xmax <= image.width and 0 <= box.ymin < box.ymax <= image.height
        write_tf_csv(output / "tf_csv", Split(dataset.images, (), ""), dataset.labels)
    except DataError as raised:
        error = str(raised)
    assert problems.lost_images >= 0 and problems.lost_boxes >= 0
    assert snapshot(root.parent) == before
    return error


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "leading_out",
    [
        "../secret.jpg",
        "../../secret.jpg",
        "/SECRET",
        "..\\secret.jpg",
        "C:\\secret.jpg",
        "\\\\host\\share\\secret.jpg",
        "a\0b.jpg",
        "file:///SECRET",
        "x" * 5000 + ".jpg",
        "..",
        "",
    ],
)
def test_a_name_that_leads_out(name: str, leading_out: str, keep_going: bool, tmp_path: Path) -> None:
    root = copy_sample(name, tmp_path)
    leading_out = leading_out.replace("/SECRET", str(tmp_path / "around" / "secret.jpg"))
    attacks.rename_images(leading_out)(root)
    read_without_harm(root, FORMAT_OF[name], keep_going=keep_going, output=tmp_path / "output")


@pytest.mark.parametrize("keep_going", [False, True])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "number",
    ["1e309", "-1e308", "9" * 400, "9" * 5000, "NaN", "Infinity", "-1", "0", "1e-320", "4294967296", '"7"', "[]"],
)
def test_numbers_that_are_none(name: str, number: str, keep_going: bool, tmp_path: Path) -> None:
    root = copy_sample(name, tmp_path)
    attacks.replace_numbers(number)(root)
    read_without_harm(root, FORMAT_OF[name], keep_going=keep_going, output=tmp_path / "output")


@pytest.mark.parametrize("name", NAMES)
def test_a_link_out_of_the_dataset(name: str, tmp_path: Path) -> None:
    root = copy_sample(name, tmp_path)
    path = sorted(path for path in root.rglob("*") if path.is_file())[0]
    secret = tmp_path / "around" / "secret.jpg"
    path.unlink()
    path.symlink_to(secret)
    error = read_without_harm(root, FORMAT_OF[name], keep_going=True, output=tmp_path / "output")
    assert error == f"{path} is a link to {os.path.realpath(secret)}, outside the dataset {root}"


DECLARATIONS = {
    "laughs": attacks.declare(attacks.LAUGHS),
    "laughs in UTF-16": attacks.declare(attacks.LAUGHS, encoding="utf-16"),
    "external": attacks.declare(attacks.EXTERNAL),
    "parameter": attacks.declare(attacks.PARAMETER),
}


@pytest.mark.parametrize("what", DECLARATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_entities(name: str, what: str, tmp_path: Path) -> None:
    root = copy_sample(name, tmp_path)
    if not DECLARATIONS[what](root):
        return
    error = read_without_harm(root, FORMAT_OF[name], keep_going=True, output=tmp_path / "output")
    if FORMAT_OF[name] == "voc":
        first = attacks.files_of(root, ".xml")[0]
        wanted = f"{first}: declares XML entities, which annotations have no need of"
        assert error == f"{root} is not in the format voc: {wanted}"


BOUNDED: dict[str, Attack] = {
    "nested": attacks.nest,
    "huge images": attacks.blow_up_images,
    "pipes": attacks.put_pipes,
    "long records": attacks.claim_long_records,
    "laughs": DECLARATIONS["laughs"],
    **{f"a long {suffix}": attacks.lengthen(suffix) for suffix in (".json", ".xml", ".csv", ".txt", ".yaml", ".names")},
}
APPLICABLE = [
    (name, what)
    for name in ONE_OF_EACH
    for what in BOUNDED
    if not what.startswith("a long ") or attacks.files_of(SAMPLES / name, what.removeprefix("a long "))
    if what != "long records" or attacks.records_of(SAMPLES / name)
    if what != "pipes" or attacks.images_of(SAMPLES / name)
    if what != "nested" or attacks.files_of(SAMPLES / name, ".json", ".yaml", ".yml")
    if what != "laughs" or attacks.files_of(SAMPLES / name, ".xml", ".yaml", ".yml")
]


@pytest.mark.parametrize(("name", "what"), APPLICABLE)
def test_memory_is_bounded(name: str, what: str, tmp_path: Path) -> None:
    root = copy_sample(name, tmp_path)
    assert BOUNDED[what](root)
    found = read_bounded(root, tmp_path / "around" / "output", "--keep-going", "--format", FORMAT_OF[name])
    assert found["peak_mb"] < PEAK_MB
    assert found["longest_message"] < LONGEST_MESSAGE
    assert found["error"] or found["findings"]
    shutil.rmtree(root)


def test_every_format_has_a_sample_to_attack() -> None:
    assert set(FORMAT_OF.values()) == set(FORMATS)
