"""detector.js puts an image into a letterbox as the Object Detection API does in training."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.project import need_environment
from tests.tfjs.conftest import SCRIPTS

pytestmark = [pytest.mark.tfjs, pytest.mark.odapi]
SIDE = 96
# Wide, high, square, as large, and sides whose scaled size ends in a half: 96 * 5 / 64 = 7.5, 96 * 7 / 64 = 10.5
SIZES = [(320, 240), (75, 200), (33, 33), (96, 96), (1, 40), (64, 5), (64, 7)]


def test_a_letterbox_is_filled_as_in_training(node: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    paths = []
    for width, height in SIZES:
        path = tmp_path / f"{width}x{height}.npy"
        np.save(path, random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        paths.append(path)
    done = subprocess.run(
        [need_environment("odapi"), Path(__file__).with_name("odapi_letterbox.py"), str(SIDE), *paths],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    wanted_sizes = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    code = f"""
        import {{ readFileSync }} from "node:fs";
        import {{ fitInput }} from {json.dumps((SCRIPTS / "browser/image.js").as_uri())};
        const [scale, offset] = [Array(3).fill(2 / 255), Array(3).fill(-1)];
        for (const [width, height, path] of JSON.parse(process.argv[1])) {{
            const target = new Float32Array({SIDE} * {SIDE} * 3).fill(7);
            const image = {{ width, height, data: readFileSync(path) }};
            const input = {{ height: {SIDE}, width: {SIDE}, resize: "letterbox", scale, offset }};
            const share = fitInput(image, target, input);
            console.log(JSON.stringify([share, [...target]]));
        }}
    """
    for path in paths:
        path.with_suffix(".raw").write_bytes(np.load(path).tobytes())
    images = [
        [width, height, str(path.with_suffix(".raw"))] for (width, height), path in zip(SIZES, paths, strict=True)
    ]
    ran = subprocess.run(
        [node, "--input-type=module", "-e", code, "--", json.dumps(images)], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    for path, (height, width), line in zip(paths, wanted_sizes, ran.stdout.splitlines(), strict=True):
        share, values = json.loads(line)
        assert (share["y"] * SIDE, share["x"] * SIDE) == (height, width), path.stem
        wanted = np.load(f"{path}.fitted.npy")
        np.testing.assert_allclose(np.float32(values).reshape(wanted.shape), wanted, atol=3e-6, err_msg=path.stem)
