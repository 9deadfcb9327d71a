"""What the tests of explain-drop share: a small detector, files of it that are broken, and what is said of each."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.detections.post_process import with_options
from pipeline.explain.verdict import Folders, explain
from pipeline.jobs import explain_artefact
from pipeline.preflight.tflite_file import parse_model
from tests.project import ROOT, need_environment

HERE = ROOT / "tests" / "explain"
EXPAND = "FeatureExtractor/expand"


def run_script(*words: object, image: str = "odapi") -> None:
    """Run a script where an image's packages are."""
    done = subprocess.run([str(word) for word in (need_environment(image), *words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def change_constant(content: bytes, name: str, change: Callable[[bytearray], None]) -> bytes:
    """Change the numbers of one constant tensor, in place."""
    (tensor,) = [one for one in parse_model(content, name="it").tensors if one.name == name]
    assert tensor.content is not None
    old = bytes(tensor.content)
    assert content.count(old) == 1
    new = bytearray(old)
    change(new)
    return content.replace(old, bytes(new))


def scale_channel(numbers: bytearray) -> None:
    """Turn the weights of output channel 5 of 16, 8 inputs each, around the middle: -1 times what they were."""
    numbers[5 * 8 : 6 * 8] = bytes(255 - number for number in numbers[5 * 8 : 6 * 8])


def move_anchors(numbers: bytearray) -> None:
    """Give every anchor another height: 8-bit anchors are y, x, height, width."""
    for place in range(2, len(numbers), 4):
        numbers[place] = 255


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector of make_detector.py, with further files broken byte by byte."""
    folder = tmp_path_factory.mktemp("explain") / "detector"
    run_script(HERE / "make_detector.py", folder)
    files = folder / "tflite"
    healthy = (files / "healthy.tflite").read_bytes()
    weights = f"{EXPAND}/weights_quant/FakeQuantWithMinMaxVars"
    broken = {
        "fast": with_options(healthy, regular_nms=False),
        "few": with_options(healthy, max_detections=2),
        "channel": change_constant(healthy, weights, scale_channel),
        "anchors": change_constant(healthy, "anchors", move_anchors),
    }
    for name, content in broken.items():
        (files / f"{name}.tflite").write_bytes(content)
    return folder


@pytest.fixture(scope="session")
def explained(detector: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What drop.json says of each file."""
    root = tmp_path_factory.mktemp("explained")
    records, frozen = detector / "records", detector / "frozen"
    files = sorted((detector / "tflite").glob("*.tflite"))
    for file in files:
        explain_artefact.main([
            "--records-dir", str(records), "--model", str(file), "--layer-images", "3",
            "--out", str(root / file.stem / "artefact"),
        ])  # fmt: skip
    return judge_all(root, records, frozen, artefact="tflite")


def judge_all(
    root: Path, records: Path, frozen: Path, *, artefact: str, train: Path = Path()
) -> dict[str, dict[str, Any]]:
    """Compare what was looked at, a folder each, with the graph; return what drop.json says of each."""
    folders = sorted(root.iterdir())
    run_script(HERE / "compare_all.py", records, frozen, train, *folders)
    return {
        folder.name: explain(
            Folders(folder / "artefact", folder / "reference", records, frozen), name="cats", artefact=artefact
        )
        for folder in folders
    }


@pytest.fixture(scope="session")
def builds(detector: Path) -> Path:
    """The detector's folder with the TensorFlow.js builds of make_tfjs.py in it, tfjs/NAME/ and plain/NAME/."""
    run_script(HERE / "make_tfjs.py", detector, image="tfjs")
    return detector


@pytest.fixture(scope="session")
def explained_tfjs(builds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What drop.json says of each of the fast builds."""
    root = tmp_path_factory.mktemp("explained_tfjs")
    look_at_builds(builds / "tfjs", root, builds / "records", build="fast")
    return judge_all(root, builds / "records", builds / "frozen", artefact="tfjs_fast")


@pytest.fixture(scope="session")
def explained_plain(builds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What drop.json says of each of the plain builds of a model that has the others, too."""
    root = tmp_path_factory.mktemp("explained_plain")
    look_at_builds(builds / "plain", root, builds / "records", build="plain")
    return judge_all(root, builds / "records", builds / "frozen", artefact="tfjs")


@pytest.fixture(scope="session")
def explained_padded(builds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What drop.json says of a model of which there is a plain build only."""
    root = tmp_path_factory.mktemp("explained_padded")
    records = builds / "records_padded"
    look_at_builds(builds / "padded", root, records, build="plain")
    return judge_all(root, records, builds / "frozen_padded", artefact="tfjs")["healthy"]


def look_at_builds(folder: Path, root: Path, records: Path, *, build: str) -> None:
    """Run each build of a folder in Node; root/NAME/artefact is what its nodes held."""
    node = need_environment("tfjs").parent / "node"
    for tfjs in sorted(folder.iterdir()):
        done = subprocess.run(
            [node, ROOT / "container_scripts/explain_tfjs.mjs", "--build", build, "--records-dir", records,
             "--tfjs-dir", tfjs, "--images", "100", "--layer-images", "3", "--out", root / tfjs.name / "artefact"],
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
