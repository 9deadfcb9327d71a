"""Odd images: what keeps its bytes, what is encoded anew and why, what is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.errors import DataError
from pipeline.records.images import read_image
from pipeline.records.jpeg import find_plain_size
from tests.project import shared_data

GRADIENT = np.add.outer(np.arange(30), np.arange(40)).astype(np.uint8) * 3


def draw(path: Path, mode: str = "RGB", **options: Any) -> Path:
    Pillow.fromarray(GRADIENT).convert(mode).save(path, **options)
    return path


def decoded(data: bytes) -> Pillow.Image:
    image = Pillow.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("name", "mode", "options", "word"),
    [
        ("a.jpg", "RGB", {}, "jpeg"),
        ("a.JPEG", "L", {}, "jpeg"),
        ("a.jpg", "RGB", {"progressive": True}, "jpeg"),
        ("a.png", "RGB", {"format": "JPEG"}, "jpeg"),
        ("a.png", "RGB", {}, "png"),
        ("a.PNG", "L", {}, "png"),
    ],
)
def test_what_tensorflow_decodes_keeps_its_bytes(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any], word: str
) -> None:
    path = draw(tmp_path / name, mode, **options)
    image = read_image(path)
    assert read_image(path, is_checked=True) == image
    assert (image.data, image.format, image.width, image.height, image.reason) == (
        path.read_bytes(),
        word,
        40,
        30,
        None,
    )


@pytest.mark.parametrize(
    ("name", "mode", "options", "word", "reason"),
    [
        ("a.jpg", "RGB", {"format": "PNG"}, "png", "PNG named .jpg"),
        ("a", "RGB", {"format": "PNG"}, "png", "PNG named without suffix"),
        ("a.jpg", "CMYK", {}, "jpeg", "CMYK JPEG"),
        ("a.png", "I;16", {}, "png", "PNG of 16 bits"),
        ("a.png", "1", {}, "png", "PNG of 1 bits"),
        ("a.png", "P", {}, "png", "PNG with palette"),
        ("a.png", "P", {"transparency": 0}, "png", "PNG with transparency"),
        ("a.png", "RGBA", {}, "png", "PNG with transparency"),
        ("a.png", "LA", {}, "png", "PNG with transparency"),
        ("a.bmp", "RGB", {}, "png", "BMP"),
        ("a.gif", "P", {}, "png", "GIF"),
        ("a.webp", "RGB", {}, "jpeg", "WEBP"),
        ("a.tif", "CMYK", {}, "png", "TIFF"),
    ],
)
def test_odd_images_are_encoded_anew_and_counted_by_reason(
    tmp_path: Path, name: str, mode: str, options: dict[str, Any], word: str, reason: str
) -> None:
    image = read_image(draw(tmp_path / name, mode, **options))
    assert read_image(tmp_path / name, is_checked=True) == image
    assert (image.format, image.width, image.height, image.reason) == (word, 40, 30, reason)
    again = decoded(image.data)
    assert again.format == word.upper()
    assert again.mode in ("L", "RGB")


def test_a_lossless_image_loses_nothing(tmp_path: Path) -> None:
    image = read_image(draw(tmp_path / "a.bmp", "RGB"))
    assert np.array_equal(np.asarray(decoded(image.data)), np.asarray(Pillow.fromarray(GRADIENT).convert("RGB")))


def test_sixteen_bits_become_the_upper_eight(tmp_path: Path) -> None:
    Pillow.fromarray(GRADIENT.astype(np.uint16) * 256 + 255).save(tmp_path / "a.png")
    assert np.array_equal(np.asarray(decoded(read_image(tmp_path / "a.png").data)), GRADIENT)


def test_transparent_pixels_are_laid_over_white(tmp_path: Path) -> None:
    Pillow.new("RGBA", (2, 1), (10, 20, 30, 0)).save(tmp_path / "a.png")
    assert decoded(read_image(tmp_path / "a.png").data).getpixel((0, 0)) == (255, 255, 255)


def test_turning_a_photo_turns_its_pixels(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    path = draw(tmp_path / "a.jpg", exif=exif)
    image = read_image(path, labelled_size=(30, 40))
    assert read_image(path, labelled_size=(30, 40), is_checked=True) == image
    assert (image.width, image.height, image.reason) == (30, 40, "EXIF rotation")
    turned = decoded(image.data)
    assert turned.getexif().get(0x0112, 1) == 1
    expected = np.rot90(np.asarray(decoded(path.read_bytes())), -1).astype(int)
    assert np.abs(np.asarray(turned).astype(int) - expected).mean() < 2


def test_a_truncated_image_is_refused_by_name(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        path = draw(tmp_path / name)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(DataError) as caught:
            read_image(path)
        assert str(caught.value).startswith(f"{path}: cannot be decoded: ")
        assert caught.value.hint == "repair or remove it"


def test_an_empty_file_and_a_missing_one_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(caught.value) == f"no image at {path}"
    path.touch()
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(caught.value) == f"{path}: cannot be decoded: the file is empty"


def test_floating_point_pixels_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Pillow.fromarray(GRADIENT.astype(np.float32) / 255).save(path)
    with pytest.raises(DataError) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: its pixels go from 0 to 0.")
    assert caught.value.hint == "convert it to 8 bits"


REFUSED = {
    "LICENSE.exif_orientation",
    "LICENSE.pillow",
    "broken.png",
    "broken_data_stream.png",
    "decompression_bomb.gif",
    "png_decompression_dos.png",
    "truncated_image.png",
    "truncated_jpeg.jpg",
    "zero_width.gif",
}


def test_images_that_break_converters_are_converted_or_refused_by_name() -> None:
    refused = set()
    for path in (shared_data() / "odd_images").iterdir():
        try:
            assert decoded(read_image(path).data).mode in ("L", "RGB")
        except DataError as error:
            assert str(error).startswith(f"{path}: ")
            refused.add(path.name)
    assert refused == REFUSED


def jpeg(*segments: tuple[int, bytes]) -> bytes:
    return b"\xff\xd8" + b"".join(
        b"\xff" + bytes([marker]) + (len(content) + 2).to_bytes(2, "big") + content for marker, content in segments
    )


def frame(*, depth: int = 8, height: int = 30, width: int = 40, components: int = 3) -> bytes:
    sides = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes([depth]) + sides + bytes([components]) + b"\x01\x22\x00" * components


SCAN = (0xDA, b"\x01\x01\x00\x00\x3f\x00")


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (jpeg((0xE0, b"JFIF\0"), (0xC0, frame()), SCAN), (40, 30)),
        (jpeg((0xC2, frame(components=1)), (0xC4, b""), SCAN), (40, 30)),
        (jpeg((0xC0, frame(components=4)), SCAN), None),
        (jpeg((0xC0, frame(depth=12)), SCAN), None),
        (jpeg((0xC9, frame()), SCAN), None),
        (jpeg((0xC3, frame()), SCAN), None),
        (jpeg((0xC0, frame()), (0xC0, frame(width=50)), SCAN), None),
        (jpeg((0xC0, frame(height=0)), SCAN), None),
        (jpeg((0xC0, frame())), None),
        (jpeg(SCAN, (0xC0, frame())), None),
        (jpeg((0xC0, frame()), SCAN)[:12], None),
        (b"\xff\xd8", None),
        (b"", None),
        (b"\x89PNG" + jpeg((0xC0, frame()), SCAN), None),
    ],
)
def test_a_decoder_is_asked_of_all_but_plain_jpegs(data: bytes, size: tuple[int, int] | None) -> None:
    assert find_plain_size(data) == size
