"""container_scripts/detect_chromium.mjs: the same boxes as in Node, and a word where there is no browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.detections.detections_file import read_detections
from tests.project import ROOT

pytestmark = pytest.mark.tfjs


def run(node: Path, script: str, folders: dict[str, Path], **environment: str) -> subprocess.CompletedProcess[str]:
    flags = [word for name, folder in folders.items() for word in (f"--{name}-dir", str(folder))]
    command = [node, ROOT / "container_scripts" / script, *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def folders(model_dir: Path, tiny_records_dir: Path) -> dict[str, Path]:
    return {"records": tiny_records_dir, "tfjs": model_dir}


def read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    head, *images = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return head, images


def test_chromium_finds_what_node_finds(chromium: str, node: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    both = {**folders, "detections": tmp_path}
    # A shell that starts the browser, as Debian's chromium-headless-shell is one: it has to end all the same
    (tmp_path / "chromium").write_text(f'#!/bin/sh\n"{chromium}" "$@"\n')
    (tmp_path / "chromium").chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "ODPIPE_CHROMIUM": str(tmp_path / "chromium")}
    for script in ("detect_chromium.mjs", "detect_tfjs.mjs"):
        done = run(node, script, both, **environment)
        assert done.returncode == 0, done.stderr[-3000:]
    head, found = read(tmp_path / "tfjs_chromium.jsonl")
    beside, wanted = read(tmp_path / "tfjs_fast.jsonl")
    assert re.fullmatch(r"Chromium \d+[.\d]+, tfjs 4\.22\.0 wasm, 1 thread", head["runtime"])
    assert (head["artefact"], head["size_bytes"], head["not_run"]) == ("tfjs_chromium", beside["size_bytes"], None)
    assert 20e6 < head["memory_bytes"] < 2e9 and not head["memory_shared"]
    for image in (*found, *wanted):
        assert image.pop("ms") > 0
    # Chromium's JPEG decoder and Node's are both libjpeg: only what is beyond float32 may differ
    assert [image["filename"] for image in found] == [image["filename"] for image in wanted]
    rows = [(a, b) for one, two in zip(found, wanted, strict=True)
            for a, b in zip(one["detections"], two["detections"], strict=True)]  # fmt: skip
    assert rows
    same = sum(a[0] == b[0] and a == pytest.approx(b, abs=2e-3) for a, b in rows)
    assert same / len(rows) > 0.99
    header, images = read_detections(str(tmp_path / "tfjs_chromium.jsonl"))
    assert (header.artefact, len(list(images))) == ("tfjs_chromium", len(wanted))


@pytest.mark.parametrize(
    ("environment", "why", "hint"),
    [
        ({}, "no Chromium on this machine", "apt-get install chromium, or name one with ODPIPE_CHROMIUM=path"),
        ({"ODPIPE_CHROMIUM": "/bin/false"}, "/bin/false ended with code 1",
         "does it start by itself? /bin/false --headless --dump-dom about:blank"),
        ({"ODPIPE_CHROMIUM": "/nowhere"}, "/nowhere could not be started (ENOENT)",
         "does it start by itself? /nowhere --headless --dump-dom about:blank"),
    ],
)  # fmt: skip
def test_without_a_browser_the_file_says_so(
    node: Path, folders: dict[str, Path], tmp_path: Path, environment: dict[str, str], why: str, hint: str
) -> None:
    done = run(node, "detect_chromium.mjs", {**folders, "detections": tmp_path}, PATH="/nonexistent", **environment)
    assert (done.returncode, done.stderr) == (0, f"the fast build was not run in a browser: {why}\nhint: {hint}\n")
    header, images = read_detections(str(tmp_path / "tfjs_chromium.jsonl"))
    assert (header.not_run, list(images)) == (why, [])


def test_a_photo_is_given_to_the_browser_without_its_exif(node: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    module = (ROOT / "container_scripts/node/plain_image.mjs").as_uri()
    code = f"""
        import {{ readFileSync, writeFileSync }} from "node:fs";
        import {{ withoutExif }} from {json.dumps(module)};
        for (const name of process.argv.slice(1)) writeFileSync(name, withoutExif(readFileSync(name)));
    """
    image = Image.effect_noise((40, 30), 60).convert("RGB")
    paths = [tmp_path / f"photo.{kind}" for kind in ("jpg", "png")]
    for path in paths:
        image.save(path, exif=exif)
    before = [np.asarray(Image.open(path)) for path in paths]
    subprocess.run([node, "--input-type=module", "-e", code, "--", *paths], check=True)
    for path, pixels in zip(paths, before, strict=True):
        plain = Image.open(path)
        assert plain.getexif().get(0x0112) is None
        np.testing.assert_array_equal(np.asarray(plain), pixels)
