from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from pipeline.detections.decode import decode_rgb
from pipeline.records.images import to_rgb_or_gray
from tests.project import ROOT, need_environment, shared_data

IN_ODAPI = """
import sys
import numpy as np
from pipeline.detections.decode import decode_rgb
np.savez(sys.argv[1], *[decode_rgb(path) for path in sys.argv[2:]])
"""

ODD_IMAGES = (
    "16bit.cropped.tif", "exif_landscape_6.jpg", "exif_portrait_3.jpg", "hopper_gray.jpg", "hopper_mask.png",
    "hopper_rle8.bmp", "i_trns.png", "p_trns_single.png", "pil_sample_cmyk.jpg", "rgb32bf-rgba.bmp", "sugarshack.mpo",
    "no_palette_with_transparency.gif", "uncompressed_la.png",
)  # fmt: skip
"""Every kind of odd image once; WebP is left out because older Pillow wheels decode it by one level otherwise."""


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_odd_images_get_the_pixels_that_records_get(name: str) -> None:
    path = shared_data() / "odd_images" / name
    with Image.open(path) as image:
        recorded = to_rgb_or_gray(ImageOps.exif_transpose(image), where=name).convert("RGB")
    assert np.array_equal(decode_rgb(str(path)), np.asarray(recorded))


@pytest.mark.odapi
def test_odd_images_get_the_same_pixels_in_the_odapi_environment(tmp_path: Path) -> None:
    paths = [str(shared_data() / "odd_images" / name) for name in ODD_IMAGES]
    command = [str(need_environment("odapi")), "-c", IN_ODAPI, str(tmp_path / "pixels.npz"), *paths]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    pixels = np.load(tmp_path / "pixels.npz")
    far = {
        path: int(np.abs(decode_rgb(path).astype(int) - pixels[f"arr_{number}"]).max())
        for number, path in enumerate(paths)
    }
    assert {Path(path).name: levels for path, levels in far.items() if levels > 0} == {}


def test_sixteen_bits_keep_the_upper_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255, 256, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    assert decode_rgb(str(tmp_path / "deep.png"))[0, :, 0].tolist() == [0, 0, 1, 255]


def test_transparent_pixels_are_laid_over_white(tmp_path: Path) -> None:
    Image.new("RGBA", (1, 1), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert decode_rgb(str(tmp_path / "clear.png")).tolist() == [[[255, 255, 255]]]


def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 4)).save(tmp_path / "turned.jpg", exif=exif)
    assert decode_rgb(str(tmp_path / "turned.jpg")).shape == (8, 4, 3)
