"""What `make demo` left, on the browser page: the boxes of a whole training are those of Python's frozen graph.

make demo && make test TESTS='-m demo tests/demo'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT
from tests.web.boxes import to_detections, unmatched
from tests.web.conftest import ARTEFACTS, chromium, serving, tfjs_python, write_photos
from tests.web.visit import Visit

pytestmark = pytest.mark.demo

DEMO = ROOT / "output/demo"
LEAST = 0.5

__all__ = ["chromium", "tfjs_python"]  # fixtures


@pytest.mark.parametrize("build", ["fast", "whole"])
def test_the_page_finds_what_python_finds(chromium: Any, tfjs_python: Path, tmp_path: Path, build: str) -> None:
    photos = write_photos(ROOT / "input/tf_records/demo", tmp_path)[:12]
    expected = read_frozen_graph()
    with serving(tfjs_python, DEMO.parent) as address:
        page = Visit(chromium, address).open()
        page.choose("#model", f"demo ({build})")
        page.set_threshold(LEAST - 0.1)
        page.look_at(photos)
        found = page.detections()
        ARTEFACTS.mkdir(exist_ok=True)
        page.page.screenshot(path=ARTEFACTS / f"demo-{build}-1280-light.png", full_page=True)
        page.end()
    for photo in photos:
        here = [one for one in found if one["file_name"] == photo.name]
        # The frozen graph rounds as training did, the browser's does not: a score may be 0.1 apart, a box hardly
        assert unmatched(expected[photo.name], here, least=LEAST, score=0.1) == [], photo.name
        assert unmatched(here, expected[photo.name], least=LEAST, score=0.1) == [], photo.name
    assert len(found) > 2 * len(photos)


def read_frozen_graph() -> dict[str, list[dict[str, Any]]]:
    """Return what the evaluation saw the frozen graph detect: by image, as detection.json has it."""
    lines = next((DEMO / "evaluation").rglob("frozen_graph.jsonl")).read_text(encoding="utf-8").splitlines()
    return {image["filename"]: to_detections(image) for image in map(json.loads, lines[1:])}
