"""The pages of docs/browser.md work as they stand."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page

from pipeline.records import read_examples
from tests.browser.site import Site
from tests.project import ROOT

pytestmark = pytest.mark.tfjs
PAGES = re.findall(r"```html\n(.*?)```", (ROOT / "docs/browser.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page_text", PAGES, ids=["module", "script"])
def test_a_page_of_the_documentation_detects(
    open_page: Callable[[str], Page], site: Site, tiny_records_dir: Path, page_text: str
) -> None:
    example = next(read_examples(sorted(tiny_records_dir.glob("test.record-*"))[0]))
    content = io.BytesIO()
    Image.open(io.BytesIO(example.encoded)).convert("RGB").save(content, "JPEG", quality=95)
    site.files["/photo.jpg"] = content.getvalue()
    # A model of a few steps is sure of nothing: what it finds at all is enough here
    text = page_text.replace("threshold: 0.3", "threshold: 0").replace(
        "detect(photo)", "detect(photo, { threshold: 0 })"
    )
    site.files["/isolated/docs.html"] = f"<!doctype html><meta charset=utf-8>{text}".encode()
    page = open_page(f"{site.address}/isolated/docs.html")
    page.wait_for_function("() => document.querySelector('pre').textContent", timeout=120_000)
    found = json.loads(page.inner_text("pre"))
    assert found
    assert set(found[0]) == {"label", "score", "box"}
    assert set(found[0]["box"]) == {"xmin", "ymin", "xmax", "ymax"}
