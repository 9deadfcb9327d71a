"""What the tests in a browser do on a page: load a detector, detect, compare."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from PIL import Image
from playwright.sync_api import Page

from tests.browser.site import Site

Open = Callable[[str], Page]

LOAD = """
async ([backend, folder]) => {
    const { Detector } = await import("/model/detector.js");
    globalThis.detector = await Detector.load(folder ?? "/model/fast/", { backend });
    return detector.backend;
}
"""
DETECT = """
async (options) => {
    const blob = await (await fetch("/photo")).blob();
    return detector.detect(blob, { threshold: 0, maxDetections: 20, ...options });
}
"""


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def load(open_page: Open, site: Site, backend: str = "wasm", folder: str | None = None) -> Page:
    """Open a page on which `detector` is loaded."""
    page = open_page(site.page(backend))
    assert page.evaluate(LOAD, [backend, folder]) == backend
    return page


def differences(one: list[Any], other: list[Any]) -> tuple[float, float]:
    """The largest differences in score and in pixels of detections, whose labels must be the same in the same order."""
    assert [found["label"] for found in one] == [found["label"] for found in other]
    pairs = list(zip(one, other, strict=True))
    assert pairs
    pixels = max(abs(a["box"][edge] - b["box"][edge]) for a, b in pairs for edge in a["box"])
    return max(abs(a["score"] - b["score"]) for a, b in pairs), pixels
