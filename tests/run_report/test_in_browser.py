"""The page in a real browser: silent, asking for nothing, no wider than a phone; pictures kept to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error as PlaywrightError

from pipeline.jobs import report
from pipeline.stages.evaluate_chromium import find_chromium
from tests.project import ROOT, missing
from tests.report.test_dataset_page import HOSTILE
from tests.run_report.made_run import made_images, make_run, rising
from tests.run_report.test_page import LOSSES, METRICS, flags

ARTEFACTS = ROOT / "tests/run_report/artefacts"


@pytest.fixture(scope="module")
def browser(playwright: Any) -> Iterator[Any]:
    executable = find_chromium()
    if executable is None:
        missing("no Chromium on PATH: apt-get install chromium, or tests/browser/install_chromium.sh")
    browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"], timeout=60_000)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run whose classes bear names that nobody gives, and long ones."""
    root = tmp_path_factory.mktemp("browser")
    classes = (*HOSTILE[:5], "unbroken" * 9, "חתול")
    images = made_images(14, boxes=7, classes=len(classes))
    for image in images[::3]:
        image.found = [(class_id % len(classes) + 1, 0.9, corners) for class_id, _, corners in image.found]
    make_run(root, images, classes=classes, metrics=METRICS, log=[*LOSSES, *rising(0.2, 0.5, 0.4, 0.4)])
    report.main(flags(root))
    return root / "report.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_and_says_nothing(browser: Any, page_file: Path, width: int, scheme: str):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url) if request.url.startswith("http") else None)
    page.on("dialog", lambda dialog: told.append("a dialog"))
    page.goto(page_file.as_uri())
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    swatches = page.evaluate("[...document.querySelectorAll('.swatch')].map(one => one.getBoundingClientRect().width)")
    assert max(swatches) < 30, "a sign of a class is as small as a letter"
    ARTEFACTS.mkdir(exist_ok=True)
    picture = ARTEFACTS / f"report-{width}-{scheme}.png"
    try:
        page.screenshot(path=picture, full_page=True)
    except PlaywrightError:  # of 9,000 pixels height, a busy machine's software rendering refuses one now and then
        page.screenshot(path=picture, full_page=True)
    page.close()


def test_nothing_is_cut_off_on_paper(browser: Any, page_file: Path):
    page = browser.new_page(viewport={"width": 688, "height": 1000})  # A4 without its margins
    page.emulate_media(media="print")
    page.goto(page_file.as_uri())
    cut = page.evaluate(
        """[...document.querySelectorAll("td, th, svg, img, pre")]
        .filter(one => one.getBoundingClientRect().right > 690).map(one => one.textContent.slice(0, 40))"""
    )
    assert cut == []
    page.pdf(path=ARTEFACTS / "report.pdf", format="A4")
    page.close()
