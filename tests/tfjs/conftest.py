"""What the tests of TensorFlow.js share: one conversion of the tiny model, one run of it over its test images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT, need_environment

SCRIPTS = ROOT / "container_scripts"


@pytest.fixture(scope="session")
def tfjs_python() -> Path:
    return need_environment("tfjs")


@pytest.fixture(scope="session")
def node(tfjs_python: Path) -> Path:
    """The Node.js of the tfjs environment."""
    return tfjs_python.parent / "node"


@pytest.fixture(scope="session")
def tfjs_dir(tfjs_python: Path, tiny_frozen_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model, converted."""
    folder = tmp_path_factory.mktemp("converted") / "tensorflow_js"
    done = run_tfjs(tfjs_python, tiny_frozen_dir, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def run_tfjs(python: Path, frozen_dir: Path, tfjs_dir: Path, *, hash_seed: int = 0) -> subprocess.CompletedProcess[str]:
    """Convert with the real script."""
    return subprocess.run(
        [python, SCRIPTS / "tfjs.py", "--frozen-dir", frozen_dir, "--tfjs-dir", tfjs_dir],
        env={"PATH": "/usr/bin:/bin", "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
    )


def run_detect(node: Path, records_dir: Path, tfjs_dir: Path, detections_dir: Path) -> subprocess.CompletedProcess[str]:
    """Detect with the real script, with nothing in the environment that could help it find its packages."""
    folders = {"records": records_dir, "tfjs": tfjs_dir, "detections": detections_dir}
    flags = [word for name, folder in folders.items() for word in (f"--{name}-dir", str(folder))]
    return subprocess.run(
        [node, SCRIPTS / "detect_tfjs.mjs", *flags],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="session")
def detections(
    node: Path, tiny_records_dir: Path, tfjs_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """The lines of tfjs.jsonl for the tiny model's test images."""
    folder = tmp_path_factory.mktemp("evaluation") / "detections"
    done = run_detect(node, tiny_records_dir, tfjs_dir, folder)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in (folder / "tfjs.jsonl").read_text(encoding="utf-8").splitlines()]


def run_module(node: Path, code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run JavaScript that imports modules of container_scripts by their names; `args` holds its arguments."""
    prelude = "const args = process.argv.slice(1);\n"
    for module in ("tfrecord", "decode_image", "screen", "npz_file", "test_images"):
        prelude += f"import * as {module} from {json.dumps((SCRIPTS / 'node' / (module + '.mjs')).as_uri())};\n"
    return subprocess.run(
        [node, "--input-type=module", "-e", prelude + code, "--", *map(str, arguments)],
        capture_output=True,
        text=True,
    )
