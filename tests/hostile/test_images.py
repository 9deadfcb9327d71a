"""Images of an enemy: their headers are read in little memory, and refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.datasets.images.frame import read_header
from pipeline.datasets.problems import ItemError
from tests.datasets.drawing import Project
from tests.hostile.bounded import read_bounded
from tests.hostile.pictures import HUGE, bmp, chunk, eps, gif, jpeg, jpeg2000, png, tiff, webp, zeros

ZEROS = zeros(500 * 10**6)
BOMBS = {
    "PNG": png(HUGE, HUGE),
    "JPEG": jpeg(65_500, 65_500),
    "BMP": bmp(HUGE, HUGE),
    "TIFF": tiff(HUGE, HUGE),
    "WebP": webp(2**24, 2**7),
    "JPEG 2000": jpeg2000(HUGE, HUGE),
    "GIF": gif(65_535, 65_535),
}
BROKEN = {
    "PNG of a text of 500 MB": png(10, 10, chunk(b"zTXt", b"a\0\0" + ZEROS)),
    "PNG of an international text of 500 MB": png(10, 10, chunk(b"iTXt", b"a\0\1\0\0\0" + ZEROS)),
    "PNG of a colour profile of 500 MB": png(10, 10, chunk(b"iCCP", b"a\0\0" + ZEROS)),
    "PNG of no pixels": png(0, 0),
    "TIFF of 2^31 strips": tiff(10, 10, strips=2**31),
    "EPS, which is a program": eps(),
    "nothing": b"",
}


@pytest.mark.parametrize("what", BOMBS)
def test_an_image_of_more_pixels_than_memory(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(BOMBS[what])
    with pytest.raises(ItemError) as caught:
        read_header(path)
    assert str(caught.value).startswith(f"{path}: not a readable image: Image size (")
    assert caught.value.kind == "image_bomb"


@pytest.mark.parametrize("what", BROKEN)
def test_an_image_that_is_none(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(BROKEN[what])
    with pytest.raises(ItemError) as caught:
        read_header(path)
    assert str(caught.value).startswith(f"{path}: not a readable image: ")
    assert caught.value.kind == "image_unreadable"


def test_all_of_them_in_one_dataset_leave_the_good_image(tmp_path: Path) -> None:
    project = Project(tmp_path / "around" / "dataset")
    points = {"exterior": [[1, 1], [5, 5]], "interior": []}
    annotation = {"objects": [{"classTitle": "cat", "geometryType": "rectangle", "points": points}]}
    for number, content in enumerate([*BOMBS.values(), *BROKEN.values()]):
        path = project.add(f"{number}.jpg")
        (path.parents[1] / "img" / f"{number}.jpg").write_bytes(content)
    project.add("good.jpg").write_text(json.dumps(annotation))
    found = read_bounded(project.root, tmp_path / "around" / "output", "--keep-going")
    assert (found["error"], found["hint"]) == (None, None)
    assert found["findings"] == {"image_bomb": len(BOMBS), "image_unreadable": len(BROKEN)}
    assert found["peak_mb"] < 200
    assert [path.name for path in (tmp_path / "around" / "output" / "tf_csv" / "images" / "train").iterdir()] == [
        "good.jpg"
    ]
