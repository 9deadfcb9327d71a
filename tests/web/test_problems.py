"""What the browser page says when something is missing, and what its strictness stops; in a real Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from pipeline.stages.evaluate_chromium import find_chromium
from tests.web.conftest import ARTEFACTS, SWITCHES, packages_of, serving
from tests.web.visit import LONG_MS, Visit


@pytest.fixture(scope="module")
def packages(tfjs_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """TensorFlow.js without its WASM and WebGPU files."""
    folder = tmp_path_factory.mktemp("packages")
    for name in ("core", "converter", "backend-cpu", "backend-wasm", "backend-webgl"):
        source = packages_of(tfjs_python) / f"@tensorflow/tfjs-{name}/dist"
        target = folder / f"@tensorflow/tfjs-{name}/dist"
        target.mkdir(parents=True)
        for script in source.glob("*.es2017.min.js"):
            shutil.copy2(script, target)
    return folder


def test_without_a_model_the_page_says_how_to_make_one(chromium: Any, tfjs_python: Path, tmp_path: Path) -> None:
    (tmp_path / "cats/train").mkdir(parents=True)
    (tmp_path / "cats/train/checkpoint").touch()
    with serving(tfjs_python, tmp_path) as address:
        page = Visit(chromium, address)
        page.page.goto(address)
        page.expect_error("There is no model yet.")
        assert page.error == (
            "There is no model yet. Train and export one: make demo, or make export NAME=... of a trained run."
            " cats: it is trained, but not exported: make export NAME=cats."
        )
        assert page.page.is_disabled("#model") and page.page.is_disabled("#pick-images")
        page.drop([tmp_path / "cats"])
        page.expect_error("There is no model yet.")
        ARTEFACTS.mkdir(exist_ok=True)
        page.page.screenshot(path=ARTEFACTS / "no-model-1280-light.png", full_page=True)
        page.end()


def test_a_missing_wasm_file_is_named_until_it_is_there(
    chromium: Any, tfjs_python: Path, models: Path, packages: Path, photos: list[Path]
) -> None:
    with serving(tfjs_python, models, "--packages-dir", packages) as address:
        page = Visit(chromium, address)
        page.page.goto(address)
        page.expect_error("The WASM file tfjs/tfjs-backend-wasm")
        assert page.error.endswith("is missing on the server. Choose WebGL, or put the file there.")
        page.switch_to("webgpu")
        assert page.error.startswith(
            ("This browser has no WebGPU here", "TensorFlow.js is not whole: tfjs/tf-backend-webgpu")
        )
        whole = packages_of(tfjs_python) / "@tensorflow/tfjs-backend-wasm/dist"
        for file in whole.glob("*.wasm"):
            shutil.copy2(file, packages / "@tensorflow/tfjs-backend-wasm/dist")
        page.switch_to("wasm")
        page.expect_status("computed by WASM")
        page.look_at(photos[:1])
        assert page.error == ""
        # The browser tells its console of the answers 404, which is right
        assert all("404" in problem or "/tfjs/" in problem for problem in page.problems), page.problems
        page.context.close()


def test_a_model_that_is_broken_is_named(chromium: Any, tfjs_python: Path, models: Path, tmp_path: Path) -> None:
    output = tmp_path / "output"
    shutil.copytree(models, output)
    (output / "second/tensorflow_js/fast/model.json").write_text("{")
    next((output / "second/tensorflow_js").glob("*.bin")).unlink()
    with serving(tfjs_python, output) as address:
        page = Visit(chromium, address).open()
        page.page.select_option("#model", label="second (fast)")
        page.expect_error("The model second (fast) cannot be loaded: ")
        assert "model.json is not JSON" in page.error
        page.page.select_option("#model", label="second (whole)")
        page.expect_error("The model second (whole) cannot be loaded: ")
        page.choose("#model", "tiny (fast)")
        page.expect_status("tiny (fast) loaded")
        assert page.error == ""
        page.context.close()


def test_a_camera_that_is_refused_is_said(chromium: Any, address: str) -> None:
    page = Visit(chromium, address).open()
    # What a person's "Block" answers
    page.context.new_cdp_session(page.page).send(
        "Browser.setPermission", {"permission": {"name": "camera"}, "setting": "denied", "origin": address}
    )
    page.page.click("#use-camera")
    page.expect_error("The camera was refused. Allow it for this page")
    assert page.page.is_hidden("#stop")
    page.end()


@pytest.fixture(scope="module")
def bare_chromium(chromium: Any) -> Iterator[Any]:
    """A Chromium without WebGL, WebGPU and a camera."""
    executable = find_chromium()
    browser = chromium.browser_type.launch(executable_path=executable, args=[*SWITCHES, "--disable-3d-apis"])
    yield browser
    browser.close()


def test_without_webgl_webgpu_and_camera_each_is_said_and_wasm_goes_on(
    bare_chromium: Any, address: str, photos: list[Path]
) -> None:
    page = Visit(bare_chromium, address, permissions=["camera"]).open()
    page.switch_to("webgl")
    page.expect_error("This browser has no WebGL 2")
    page.expect_status("computed by WASM")
    assert page.backend == "wasm"
    page.switch_to("webgpu")
    page.expect_error("This browser has no WebGPU here")
    page.expect_status("computed by WASM")
    assert page.backend == "wasm"
    page.page.click("#use-camera")
    page.expect_error("There is no camera on this machine.")
    page.look_at(photos[:1])
    assert page.error == ""
    page.end()


def test_files_without_an_image_are_said(chromium: Any, address: str, tmp_path: Path) -> None:
    page = Visit(chromium, address).open()
    (tmp_path / "notes.txt").write_text("no image")
    page.drop([tmp_path / "notes.txt"])
    page.expect_error("There is no image and no video among these files.")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    page.page.set_input_files("#images-input", str(broken))
    page.expect_error("broken.png is no image that this browser can decode.")
    page.end()


def test_no_other_script_runs_in_the_page(chromium: Any, address: str) -> None:
    page = Visit(chromium, address).open()
    found = page.page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const inline = document.createElement("script");
            inline.textContent = "globalThis.stolen = 1";
            document.body.append(inline);
            const button = document.createElement("div");
            button.innerHTML = '<img src="x" onerror="globalThis.stolen = 2">';
            document.body.append(button);
            const evaluated = document.createElement("script");
            evaluated.src = "data:text/javascript,globalThis.stolen=3";
            document.body.append(evaluated);
            await fetch("https://example.org/").catch(() => null);
            const picture = new Image();
            picture.src = "https://example.org/a.png";
            await new Promise((resolve) => setTimeout(resolve, 500));
            return { stolen: globalThis.stolen ?? null, refused: [...new Set(refused)].sort() };
        }"""
    )
    assert found == {
        "stolen": None,
        "refused": ["connect-src", "img-src", "script-src-attr", "script-src-elem"],
    }
    page.context.close()


def test_a_server_that_is_gone_is_said(chromium: Any, tfjs_python: Path, models: Path) -> None:
    with serving(tfjs_python, models) as address:
        page = Visit(chromium, address).open()
    page.page.select_option("#model", label="second (fast)")
    page.expect_error("The model second (fast) cannot be loaded")
    expect(page.page.locator("#model")).to_be_enabled(timeout=LONG_MS)
    page.context.close()
