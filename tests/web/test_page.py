"""The browser page in a real Chromium: what a person sees and does."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.project import ROOT
from tests.web.boxes import unmatched
from tests.web.conftest import ARTEFACTS, LOW, Open
from tests.web.visit import LONG_MS, Visit


def test_a_dropped_image_is_shown_with_its_boxes(visit: Open, photos: list[Path]) -> None:
    page = visit().open()
    page.set_threshold(LOW)
    page.drop([photos[0]])
    page.expect_status(photos[0].name)
    rows = page.page.locator("tbody tr")
    found = page.detections()
    assert rows.count() == len(found) > 0
    assert {one["file_name"] for one in found} == {photos[0].name}
    label = page.page.get_attribute("canvas", "aria-label")
    assert label is not None and label.startswith(f"{photos[0].name}: ")
    # Boxes are drawn: the canvas has the colour of the class
    pixels = page.page.evaluate(
        """() => { const canvas = document.querySelector("canvas");
                   const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                   const seen = new Set();
                   for (let at = 0; at < data.length; at += 4) seen.add(data.slice(at, at + 3).join());
                   return [...seen]; }"""
    )
    colour = page.page.evaluate(
        """() => { const box = document.createElement("i"); document.body.append(box);
                   box.style.color = document.querySelector(".legend rect").getAttribute("fill");
                   return getComputedStyle(box).color.match(/\\d+/g).join(); }"""
    )
    assert colour in pixels


def test_a_dropped_folder_is_walked_and_its_files_keep_their_folders(
    visit: Open, photos: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.jpg").write_bytes(photos[0].read_bytes())
    (folder / "deep/a.jpg").write_bytes(photos[1].read_bytes())
    (folder / ".hidden.jpg").write_bytes(photos[2].read_bytes())
    (folder / "broken.jpg").write_bytes(photos[2].read_bytes()[:200])
    (folder / "notes.txt").write_text("no image")
    for choose in ("drop", "button"):
        page = visit().open()
        page.set_threshold(LOW)
        if choose == "drop":
            page.drop([folder])
        else:
            page.page.set_input_files("#folder-input", str(folder))
        page.expect_status("3 images done")
        assert "1 left out" in page.status
        assert page.error == "broken.jpg is no image that this browser can decode. It is left out."
        assert list(dict.fromkeys(one["file_name"] for one in page.detections())) == ["b.jpg", "deep/a.jpg"]


def test_two_builds_and_two_models_stand_side_by_side(visit: Open, photos: list[Path]) -> None:
    page = visit().open()
    page.set_threshold(LOW)
    page.look_at(photos[:1])
    for other in ("tiny (whole)", "second (fast)"):
        page.choose("#model", "tiny (fast)")
        page.choose("#compare", other)
        expect(page.page.locator("#agreement")).to_contain_text("of the same objects", timeout=LONG_MS)
        assert page.page.locator(".panel h2").all_inner_texts() == ["tiny (fast)", other]
        left, right = page.detections(), page.detections(panel=1)
        assert unmatched(left, right, least=LOW + 0.02) == [] and len(left) > 0
        boxes = [panel.bounding_box() for panel in page.page.locator(".panel").all()]
        assert boxes[0] and boxes[1] and boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    ARTEFACTS.mkdir(exist_ok=True)
    page.set_threshold(0.25)
    page.page.screenshot(path=ARTEFACTS / "compare-1280-light.png", full_page=True)
    page.choose("#compare", "nothing")
    expect(page.page.locator(".panel")).to_have_count(1)


def test_everything_is_within_reach_of_the_keyboard(visit: Open, photos: list[Path]) -> None:
    page = visit().open()
    keyboard = page.page.keyboard
    reached = []
    for _ in range(10):
        keyboard.press("Tab")
        reached.append(page.page.evaluate("document.activeElement.id || document.activeElement.value"))
    assert reached[:8] == [
        "model", "compare", "threshold", "wasm", "pick-images", "pick-folder", "use-camera", "pick-video",
    ]  # fmt: skip
    page.page.focus("#pick-images")
    with page.page.expect_file_chooser() as waited:
        keyboard.press("Enter")
    waited.value.set_files([str(photo) for photo in photos])
    page.expect_status(f"{len(photos)} images done")
    assert page.page.inner_text("#place") == f"1 of {len(photos)}"
    keyboard.press("ArrowRight")
    page.expect_status(photos[1].name)
    keyboard.press("ArrowRight")
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowLeft")
    keyboard.press("ArrowLeft")
    page.expect_status(photos[0].name)
    assert page.page.inner_text("#place") == f"1 of {len(photos)}"
    page.page.focus("#threshold")
    keyboard.press("ArrowRight")
    assert page.page.inner_text("#threshold-value") == "0.51"
    assert page.page.inner_text("#place") == f"1 of {len(photos)}"
    page.page.focus("[name=backend]:checked")
    keyboard.press("ArrowRight")
    assert page.backend == "webgl"
    nameless = page.page.evaluate(
        """() => [...document.querySelectorAll("button, select, input:not([hidden])")].filter((one) =>
             !one.labels?.length && !one.getAttribute("aria-label") && !one.textContent.trim()).map((one) => one.id)"""
    )
    assert nameless == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_a_phone_and_a_screen_in_light_and_dark(
    visit: Open, photos: list[Path], width: int, theme: Any
) -> None:
    page = visit(
        viewport={"width": width, "height": 844}, color_scheme=theme, device_scale_factor=2 if width == 390 else 1
    ).open()
    ARTEFACTS.mkdir(exist_ok=True)
    page.page.screenshot(path=ARTEFACTS / f"empty-{width}-{theme}.png", full_page=True)
    page.set_threshold(0.25)
    page.look_at(photos)
    assert page.page.evaluate("document.documentElement.scrollWidth") == width
    page.page.screenshot(path=ARTEFACTS / f"image-{width}-{theme}.png", full_page=True)
    small = page.page.evaluate(
        """() => [...document.querySelectorAll("button, select")].filter((one) => one.checkVisibility()
             && one.getBoundingClientRect().height < 44).map((one) => one.id)"""
    )
    assert small == []
    assert contrast(page) >= 4.5


def contrast(page: Visit) -> float:
    """The contrast of text to its ground (WCAG) where it is least: of what is written softly."""
    colours = page.page.evaluate(
        """() => [getComputedStyle(document.querySelector(".about")).color,
                  getComputedStyle(document.querySelector(".settings")).backgroundColor]
                 .map((text) => text.match(/\\d+/g).slice(0, 3).map(Number))"""
    )

    def luminance(colour: list[int]) -> float:
        shares = [value / 255 for value in colour]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(luminance(colour) for colour in colours)
    return (light + 0.05) / (dark + 0.05)


class SilentHandler(SimpleHTTPRequestHandler):
    """A web server as anybody has it."""

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


def test_the_page_works_on_any_web_server(
    chromium: Any, address: str, models: Path, photos: list[Path], tmp_path: Path
) -> None:
    # As docs/web.md says; Python's server sends no header of ours, so the page is not isolated
    site = tmp_path / "site"
    shutil.copytree(ROOT / "web", site)
    shutil.copytree(models / "tiny/tensorflow_js", site / "models/tiny")
    (site / "tfjs").mkdir()
    listed = json.loads(urlopen(address + "models.json", timeout=20).read())
    listed["models"] = [model for model in listed["models"] if model["name"] == "tiny"]
    (site / "models.json").write_text(json.dumps(listed))
    for file in ("tf-core.js", "tf-converter.js", "tf-backend-wasm.js", "tfjs-backend-wasm-simd.wasm"):
        (site / "tfjs" / file).write_bytes(urlopen(f"{address}tfjs/{file}", timeout=20).read())
    handler = functools.partial(SilentHandler, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = Visit(chromium, f"http://127.0.0.1:{server.server_address[1]}/").open()
        assert page.page.inner_text("#backend-about") == "on the processor, 1 thread"
        page.set_threshold(LOW)
        page.look_at(photos[:1])
        assert len(page.detections()) > 0
        page.end()
        server.shutdown()
