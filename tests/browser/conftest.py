"""Real Chromium for the tests of detector.js, with a GPU made of software."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Playwright

from pipeline.records import read_examples
from pipeline.stages.evaluate_chromium import find_chromium
from tests.browser.pages import encode
from tests.browser.site import Site, serve
from tests.project import missing, need_environment

GPU_OF_SOFTWARE = (
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's path."""
    path = find_chromium()
    if path is None:
        missing("Chromium is missing: tests/browser/install_chromium.sh installs it")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def node() -> Path:
    """The Node.js of the tfjs environment."""
    return need_environment("tfjs").parent / "node"


@pytest.fixture(scope="session")
def packages(node: Path) -> Path:
    """The folder of TensorFlow.js's packages."""
    folder = Path(os.environ.get("ODPIPE_TFJS_PACKAGES") or node.parent.parent / "node_modules") / "@tensorflow"
    for name in ("webgl", "webgpu"):
        if not (folder / f"tfjs-backend-{name}").is_dir():
            missing(f"the tfjs environment has no backend {name}: make setup makes it again")
    return folder


@pytest.fixture(scope="session")
def model_dir(tiny_run_dir: Path) -> Path:
    """The tiny run's tensorflow_js/."""
    return tiny_run_dir / "tensorflow_js"


@pytest.fixture(scope="session")
def site(packages: Path, model_dir: Path) -> Iterator[Site]:
    with serve({"tf": packages, "model": model_dir}) as running:
        yield running


@pytest.fixture(scope="session")
def browser(chromium: str, playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", *GPU_OF_SOFTWARE])
    yield started
    started.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[[str], Page]]:
    """A function that opens an address on a page of its own; an error that nobody caught on it fails the test."""
    context = browser.new_context()
    errors: list[Any] = []

    def open_one(address: str) -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(address)
        return page

    yield open_one
    context.close()
    assert errors == []


@pytest.fixture
def changed_model(site: Site, model_dir: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A function that serves a copy of fast/ under a name; return its folder, to be changed."""

    def copy(name: str) -> Path:
        site.folders[name] = Path(shutil.copytree(model_dir / "fast", tmp_path / name))
        return site.folders[name]

    return copy


@pytest.fixture
def photo(site: Site, tiny_records_dir: Path) -> Image.Image:
    """A test image, as PNG at /photo."""
    example = next(read_examples(sorted(tiny_records_dir.glob("test.record-*"))[0]))
    image = Image.open(io.BytesIO(example.encoded)).convert("RGB")
    site.files["/photo"] = encode(image, "PNG")
    return image
