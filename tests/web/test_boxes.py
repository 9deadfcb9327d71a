"""What the browser page detects and saves, in a real Chromium: Python's boxes, on every backend."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.project import ROOT
from tests.web.boxes import Detection, to_detections, unmatched
from tests.web.conftest import LOW, Open


@pytest.fixture(scope="module")
def reference(tfjs_python: Path, tiny_frozen_dir: Path, tiny_records_dir: Path) -> dict[str, list[Detection]]:
    """What the frozen graph detects on the test images in Python, as detection.json has it.

    Its fake quantization is rewritten as for the browser: so little trained, a model takes any rounding badly. A whole
    training's frozen graph as it is stands against the page in tests/demo.
    """
    script = ROOT / "tests/tfjs/run_frozen_graph.py"
    command = [tfjs_python, script, tiny_frozen_dir, tiny_records_dir, "--rewritten"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return {image["filename"]: to_detections(image) for image in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("build", ["fast", "whole"])
def test_boxes_are_those_of_python(
    visit: Open, photos: list[Path], reference: dict[str, list[Detection]], build: str
) -> None:
    page = visit().open()
    page.choose("#model", f"tiny ({build})")
    page.set_threshold(LOW)
    page.look_at(photos)
    found = page.detections()
    assert {one["file_name"] for one in found} == set(reference) == {photo.name for photo in photos}
    for name, expected in reference.items():
        here = [one for one in found if one["file_name"] == name]
        # The margin is for scores that lie on the threshold
        assert unmatched(expected, here, least=LOW + 0.02) == []
        assert unmatched(here, expected, least=LOW) == []
    assert len(found) >= 10


def test_the_slider_shows_and_saves_what_is_at_or_above_it(visit: Open, photos: list[Path]) -> None:
    page = visit().open()
    page.look_at(photos[:1])
    page.set_threshold(0.05)
    all_found = page.detections()
    scores = sorted(one["score"] for one in all_found)
    middle = round(scores[len(scores) // 2], 2)
    page.set_threshold(middle)
    expect(page.page.locator("#threshold-value")).to_have_text(f"{middle:.2f}")
    # The page compares unrounded scores, the file has four digits
    expected = [one for one in all_found if one["score"] >= middle]
    assert page.detections() == expected
    assert page.page.locator("tbody tr").count() == len(expected)
    page.set_threshold(0.99)
    assert page.detections() == [] and "no object" in page.status
    assert page.page.inner_text(".legend") == "no object at this score"
    assert page.save("csv") == "filename,width,height,class,score,xmin,ymin,xmax,ymax\n"


def test_csv_and_json_say_the_same_in_pixels_of_the_upright_image(
    visit: Open, photos: list[Path], tmp_path: Path
) -> None:
    # A photo that lies on its side and says so, as telephones write them; and a name that csv has to quote
    sideways = tmp_path / 'on "its", side.jpg'
    with Image.open(photos[0]) as image:
        exif = image.getexif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(sideways, quality=95, exif=exif)
        width, height = image.size
    page = visit().open()
    page.set_threshold(LOW)
    page.look_at([photos[0], sideways])
    rows = list(csv.DictReader(io.StringIO(page.save("csv"))))
    found = page.detections()
    assert len(rows) == len(found) > 0
    for row, one in zip(rows, found, strict=True):
        assert (row["filename"], row["class"], float(row["score"])) == (
            one["file_name"], one["category_name"], pytest.approx(one["score"], abs=1e-9),
        )  # fmt: skip
        assert (int(row["width"]), int(row["height"])) == (width, height)
        x, y, wide, high = one["bbox"]
        edges = [int(row[name]) for name in ("xmin", "ymin", "xmax", "ymax")]
        assert edges == pytest.approx([x, y, x + wide, y + high], abs=1.01)
    by_name = {name: [one for one in found if one["file_name"] == name] for name in (photos[0].name, sideways.name)}
    assert unmatched(by_name[photos[0].name], by_name[sideways.name], least=0.3, iou=0.8, score=0.2) == []


def test_transparent_pixels_lie_over_white_as_in_training(visit: Open, photos: list[Path], tmp_path: Path) -> None:
    with Image.open(photos[0]) as image:
        drawn = image.convert("RGBA")
    drawn.paste((0, 0, 0, 0), (0, 0, drawn.width // 2, drawn.height))
    drawn.save(tmp_path / "transparent.png")
    Image.alpha_composite(Image.new("RGBA", drawn.size, "white"), drawn).convert("RGB").save(tmp_path / "white.png")
    page = visit().open()
    page.set_threshold(0.05)
    page.look_at([tmp_path / "transparent.png", tmp_path / "white.png"])
    found = page.detections()
    of = {n: [{**one, "image_id": 0, "file_name": ""} for one in found if one["image_id"] == n] for n in (1, 2)}
    assert of[1] == of[2] and len(of[1]) > 0


@pytest.mark.parametrize("backend", ["webgl", "webgpu"])
def test_each_backend_finds_what_wasm_finds(visit: Open, photos: list[Path], backend: str) -> None:
    page = visit().open()
    page.set_threshold(LOW)
    page.look_at(photos[:1])
    by_wasm = page.detections()
    for name in (backend, "wasm"):
        page.switch_to(name)
        page.expect_status(photos[0].name)
        assert (page.backend, page.error) == (name, "")
        found = page.detections()
        assert unmatched(by_wasm, found, least=LOW + 0.02) == [] and len(found) > 0, name
    assert found == by_wasm


def test_wasm_uses_threads_where_there_are_processors(visit: Open, photos: list[Path]) -> None:
    page = visit()
    page.context.add_init_script('Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => 4 })')
    page.open()
    assert page.page.inner_text("#backend-about") == "on the processor, 2 threads"
    page.set_threshold(0.05)
    page.look_at(photos[:1])
    assert len(page.detections()) > 0
