"""MAX_SIDE: larger photos are shrunk once, well, and their boxes stay the same shares of the image."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.config import Settings
from pipeline.datasets.model import Box, Image
from pipeline.datasets.splitting.split import Split
from pipeline.datasets.tf_csv import write_tf_csv
from pipeline.errors import DataError
from pipeline.fidelity.truth import read_truth
from pipeline.models import Preset, read_preset
from pipeline.plan import Plan
from pipeline.records import read_examples
from pipeline.records.images import read_image
from pipeline.stages import records
from pipeline.workspace import Run
from tests.records.test_records_job import make_tf_csv, run_job


def draw_scene(path: Path, width: int, height: int, *, mode: str = "RGB", **options: Any) -> Path:
    """Draw smooth waves: what a good filter keeps at any size, and what shows a shift by less than a pixel."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    waves = [np.sin(20 * x), np.sin(14 * y), np.cos(11 * (x + y))]
    pixels = np.stack([127 + 100 * wave for wave in waves], axis=-1).astype(np.uint8)
    Pillow.fromarray(pixels).convert(mode).save(path, **options)
    return path


def decoded(data: bytes) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("size", "max_side", "wanted"),
    [
        ((1000, 750), 300, (300, 225)),
        ((750, 1000), 300, (225, 300)),
        ((1001, 333), 300, (300, 100)),
        ((3000, 5), 300, (300, 1)),
        ((301, 200), 300, (300, 199)),
    ],
)
def test_the_longest_side_becomes_max_side(
    tmp_path: Path, size: tuple[int, int], max_side: int, wanted: tuple[int, int]
) -> None:
    image = read_image(draw_scene(tmp_path / "a.jpg", *size), max_side=max_side)
    assert (image.width, image.height) == decoded(image.data).size == wanted
    assert (image.labelled_width, image.labelled_height) == size
    assert (image.shrunk, image.reason, image.format) == (True, None, "jpeg")


@pytest.mark.parametrize("max_side", [0, 400, 401])
def test_what_is_small_enough_keeps_its_bytes(tmp_path: Path, max_side: int) -> None:
    path = draw_scene(tmp_path / "a.jpg", 400, 300)
    image = read_image(path, max_side=max_side)
    assert (image.data, image.shrunk) == (path.read_bytes(), False)


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_shrunk_photo_looks_like_one_drawn_at_that_size(tmp_path: Path, name: str) -> None:
    draw_scene(tmp_path / name, 2013, 1507, **({"quality": 95} if name.endswith("jpg") else {}))
    image = read_image(tmp_path / name, max_side=300)
    small = decoded(draw_scene(tmp_path / "small.png", image.width, image.height).read_bytes())
    difference = np.abs(np.asarray(decoded(image.data), dtype=int) - np.asarray(small, dtype=int))
    assert difference.mean() < 1.5
    assert image.format == {"a.jpg": "jpeg", "a.png": "png"}[name]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photo_is_turned_and_shrunk_at_once(tmp_path: Path, orientation: int) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = draw_scene(tmp_path / "a.jpg", 800, 600, exif=exif, quality=95)
    small = read_image(path, labelled_size=(600, 800), max_side=200)
    assert (small.width, small.height, small.reason, small.shrunk) == (150, 200, "EXIF rotation", True)
    assert (small.labelled_width, small.labelled_height) == (600, 800)
    whole = decoded(read_image(path, labelled_size=(600, 800)).data)
    expected = np.asarray(whole.resize((150, 200), Pillow.Resampling.LANCZOS), dtype=int)
    assert np.abs(np.asarray(decoded(small.data), dtype=int) - expected).mean() < 2


def test_a_photo_labelled_as_it_is_stored_is_shrunk_and_not_turned(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    image = read_image(draw_scene(tmp_path / "a.jpg", 800, 600, exif=exif), labelled_size=(800, 600), max_side=200)
    assert (image.width, image.height, image.reason) == (200, 150, None)
    assert decoded(image.data).getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize(("mode", "suffix"), [("L", "jpg"), ("CMYK", "jpg"), ("P", "png"), ("LA", "png"), ("1", "png")])
def test_images_of_any_kind_are_shrunk(tmp_path: Path, mode: str, suffix: str) -> None:
    image = read_image(draw_scene(tmp_path / f"a.{suffix}", 800, 600, mode=mode), max_side=200)
    assert decoded(image.data).size == (200, 150)
    assert decoded(image.data).mode == ("L" if mode in ("L", "1") else "RGB")
    assert image.reason == {"L": None, "CMYK": "CMYK JPEG"}.get(mode, image.reason)


def test_a_truncated_photo_is_not_shrunk_in_silence(tmp_path: Path) -> None:
    path = draw_scene(tmp_path / "a.jpg", 800, 600)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(DataError) as caught:
        read_image(path, max_side=200, is_checked=True)
    assert str(caught.value).startswith(f"{path}: cannot be decoded: ")


def test_only_what_the_check_has_not_decoded_is_decoded_again(tmp_path: Path) -> None:
    tf_csv = make_tf_csv(tmp_path)
    broken = tf_csv / "images" / "train" / "7.jpg"
    draw_scene(broken, 40, 30)
    broken.write_bytes(broken.read_bytes()[:-100])
    refused = run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "refused")
    assert refused.returncode == 3
    assert f"error: {broken}: cannot be decoded: " in refused.stderr
    trusted = run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "trusted", "--checked")
    assert trusted.returncode == 0, trusted.stderr


def make_photos(folder: Path) -> Path:
    """Write a tf_csv of ten photos of 1001x667, of two small images, and boxes at odd places."""
    folder.mkdir()
    images = []
    for number in range(12):
        size = (1001, 667) if number < 10 else (90, 60)
        path = draw_scene(folder / f"{number}.jpg", *size)
        box = Box("cat", size[0] / 7, size[1] / 3, size[0], size[1] / 1.5)
        images.append(Image(path, path.name, *size, (box,)))
    write_tf_csv(folder / "tf_csv", Split(tuple(images[:9]), tuple(images[9:]), ""), ("cat",))
    return folder / "tf_csv"


def test_records_count_what_was_shrunk_and_keep_boxes_as_they_were(tmp_path: Path) -> None:
    tf_csv = make_photos(tmp_path / "photos")
    boxes = {}
    for max_side in (0, 100):
        folder = tmp_path / f"records{max_side}"
        done = run_job("--tf-csv-dir", tf_csv, "--records-dir", folder, "--max-side", max_side)
        assert done.returncode == 0, done.stderr
        found = [example for path in sorted(folder.glob("*.record-*")) for example in read_examples(path)]
        boxes[max_side] = {example.filename: example.boxes for example in found}
        sizes = {(example.width, example.height, *decoded(example.encoded).size) for example in found}
        assert sizes == ({(1001, 667) * 2, (90, 60) * 2} if max_side == 0 else {(100, 67) * 2, (90, 60) * 2})
        assert json.loads((folder / "records.json").read_text())["shrunk"] == (10 if max_side else 0)
    assert boxes[0] == boxes[100]
    assert len(boxes[0]) == 12
    assert done.stderr.splitlines()[-1] == "shrunk to 100 pixels: 10 images (MAX_SIDE=0 keeps them)"
    assert {path.stat().st_size for path in (tf_csv / "images").rglob("*.jpg")} == {
        path.stat().st_size for path in (tmp_path / "photos").glob("*.jpg")
    }


def test_the_evaluation_sees_boxes_in_pixels_of_the_stored_image(tmp_path: Path) -> None:
    tf_csv = make_photos(tmp_path / "photos")
    done = run_job("--tf-csv-dir", tf_csv, "--records-dir", tmp_path / "records", "--max-side", 100)
    assert done.returncode == 0, done.stderr
    truth = dict(zip(*read_truth(tmp_path / "records"), strict=True))
    assert (truth["9.jpg"].width, truth["9.jpg"].height) == (100, 67)
    assert np.allclose(truth["9.jpg"].boxes, [[100 / 7, 67 / 3, 100, 67 / 1.5]])


def test_shrunk_records_are_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    tf_csv = make_photos(tmp_path / "photos")
    written = []
    for workers in (1, 2):
        folder = tmp_path / f"records{workers}"
        flags = ("--max-side", 100, "--balance", "sqrt", "--workers", workers)
        assert run_job("--tf-csv-dir", tf_csv, "--records-dir", folder, *flags).returncode == 0
        written.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()})
    assert written[0] == written[1]


def test_a_negative_max_side_is_refused(tmp_path: Path) -> None:
    done = run_job("--tf-csv-dir", make_tf_csv(tmp_path), "--records-dir", tmp_path / "records", "--max-side", -1)
    assert (done.returncode, done.stderr) == (2, "error: --max-side is -1; wanted 0 or more\n")


def plan(preset: Preset | None = None, base_config: str | None = None, **settings: Any) -> Plan:
    return Plan(Settings(**settings), preset or read_preset("ssd_mobilenet_v2"), Run("cats"), base_config)


FIXED = """
model { ssd { num_classes: 3
  image_resizer { # height: 9
    fixed_shape_resizer { height: 640 width: 512 } }
  anchor_generator { ssd_anchor_generator { height_stride: 7 } } } }
"""
KEPT_RATIO = (
    "model { faster_rcnn { image_resizer { keep_aspect_ratio_resizer { min_dimension: 300 max_dimension: 1024 }}}}"
)


def test_the_default_fits_the_model() -> None:
    assert records.max_side(plan()) == 900
    assert records.max_side(plan(max_side=0)) == 0
    assert records.max_side(plan(max_side=1234)) == 1234
    assert records.max_side(plan(base_config=FIXED)) == 1536
    assert records.max_side(plan(base_config=KEPT_RATIO)) == 1024
    assert records.max_side(plan(base_config="model { ssd { image_resizer { identity_resizer {} } } }")) == 0


def test_the_stage_hands_its_settings_down() -> None:
    job = records.job(plan(balance="sqrt", seed=3))
    assert job.command[6:] == ("--seed", "3", "--max-side", "900", "--balance", "sqrt", "--checked")
    assert job.settings == {"seed": 3, "max_side": 900, "balance": "sqrt"}
