"""What the content of an image says of it: whole, cut short, a bomb; its hash, and how it looks."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL import ImageEnhance

from pipeline.checks.duplicates import FARTHEST_BITS
from pipeline.checks.inspected_images import Inspected
from pipeline.checks.inspection import inspect_image, lying_suffix
from pipeline.datasets.model import Embedded
from tests.checks.photos import make_photo
from tests.project import shared_data


def write_photo(path: Path, seed: int = 1, **options: object) -> Path:
    make_photo(seed).save(path, **options)
    return path


def png_of(width: int, height: int, data: bytes = b"") -> bytes:
    """Make a PNG that declares a size, with these rows."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def eps() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"


def many_scans() -> bytes:
    """Make a progressive JPEG with its first scan a hundred times."""
    buffer = io.BytesIO()
    make_photo(1).save(buffer, "JPEG", progressive=True)
    start, *scans = buffer.getvalue().split(b"\xff\xda")
    return b"\xff\xda".join([start, *scans[:1] * 120, *scans[1:]])


def test_a_whole_image_is_hashed(tmp_path: Path) -> None:
    path = write_photo(tmp_path / "a.jpg")
    found = inspect_image(path)
    assert (found.sha256, found.format, found.kind) == (hashlib.sha256(path.read_bytes()).hexdigest(), "JPEG", "")
    assert found.look is not None


def test_an_embedded_image_is_read_where_it_lies(tmp_path: Path) -> None:
    data = write_photo(tmp_path / "a.png").read_bytes()
    (tmp_path / "pack").write_bytes(b"before" + data + b"after")
    found = inspect_image(tmp_path / "pack", Embedded(6, len(data)))
    assert found == inspect_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", "image_unreadable", "cannot be decoded: the file is empty"),
        (b"<html>", "image_unreadable", "cannot be decoded: its content is of no known image format"),
        (eps(), "image_unreadable", "a EPS file; wanted JPEG, PNG or another image of pixels"),
        (png_of(40, 30), "image_truncated", "cannot be decoded: image file is truncated (0 bytes not processed)"),
        (
            png_of(10**5, 10**5),
            "image_bomb",
            "not decoded: Image size (10000000000 pixels) exceeds limit of 178956970 pixels, could be decompression "
            "bomb DOS attack",
        ),
        (many_scans(), "image_bomb", "not decoded: a JPEG of 129 scans; wanted 100 at most"),
    ],
)
def test_what_cannot_be_used(tmp_path: Path, data: bytes, kind: str, reason: str) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    found = inspect_image(path)
    assert (found.kind, found.reason, found.look) == (kind, reason, None)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.97])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}])
def test_a_jpeg_cut_anywhere_is_cut_short(tmp_path: Path, share: float, options: dict[str, object]) -> None:
    path = tmp_path / "a.jpg"
    make_photo(1, size=(640, 480)).save(path, **options)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert inspect_image(path).kind == "image_truncated"


def test_an_image_that_is_not_there(tmp_path: Path) -> None:
    found = inspect_image(tmp_path / "none.jpg")
    assert found == Inspected(kind="image_missing", reason="no such image")


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.jpg", "wb") as file:
        file.truncate(2**40)
    found = inspect_image(tmp_path / "a.jpg")
    assert (found.kind, found.reason) == ("image_bomb", "its file has 1099.5 GB; wanted 1.1 GB at most")


def test_a_large_file_is_decoded_and_hashed_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_photo(tmp_path / "a.png")
    whole = inspect_image(path)
    monkeypatch.setattr("pipeline.checks.inspection.READ_AT_ONCE_BYTES", 100)
    assert inspect_image(path) == whole


def test_deep_pixels_that_training_could_not_use(tmp_path: Path) -> None:
    Pillow.new("F", (20, 20), 0.5).save(tmp_path / "a.tif")
    found = inspect_image(tmp_path / "a.tif")
    assert (found.kind, found.reason) == (
        "image_unreadable",
        "its pixels go from 0.5 to 0.5; wanted 8 or 16 bits a channel",
    )
    Pillow.new("I;16", (20, 20), 999).save(tmp_path / "b.tif")
    assert inspect_image(tmp_path / "b.tif").kind == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("truncated_jpeg.jpg", "image_truncated"), ("truncated_image.png", "image_truncated"),
        ("broken_data_stream.png", "image_truncated"), ("broken.png", "image_unreadable"),
        ("decompression_bomb.gif", "image_bomb"), ("png_decompression_dos.png", "image_bomb"),
        ("zero_width.gif", "image_unreadable"), ("pil_sample_cmyk.jpg", ""), ("16bit.cropped.tif", ""),
        ("hopper_mask.png", ""), ("p_trns_single.png", ""), ("uncompressed_la.png", ""), ("hopper_rle8.bmp", ""),
        ("no_palette_with_transparency.gif", ""), ("hopper.webp", ""), ("sugarshack.mpo", ""),
        ("tiff_strip_cmyk_jpeg.tif", ""), ("i_trns.png", ""), ("multiple_exif.jpg", ""), ("exif_landscape_6.jpg", ""),
    ],
)  # fmt: skip
def test_odd_images_of_others(name: str, kind: str) -> None:
    assert inspect_image(shared_data() / "odd_images" / name).kind == kind


@pytest.mark.parametrize(
    ("name", "content", "suffix"),
    [
        ("a.jpg", "PNG", ".jpg"), ("A.PNG", "JPEG", ".png"), ("a.jpeg", "JPEG", None), ("a.jpg", "MPO", None),
        ("a", "PNG", None), ("a.data", "PNG", None), ("a.tiff", "TIFF", None), ("a.webp", "JPEG", ".webp"),
    ],
)  # fmt: skip
def test_a_suffix_of_another_format_lies(name: str, content: str, suffix: str | None) -> None:
    assert lying_suffix(name, content) == suffix


def changed(photo: Pillow.Image, how: str) -> tuple[Pillow.Image, dict[str, object]]:
    match how:
        case "encoded anew":
            return photo, {"quality": 40}
        case "smaller":
            return photo.resize((photo.width // 2, photo.height // 2), Pillow.Resampling.LANCZOS), {"quality": 90}
        case "of another shape":
            return photo.resize((300, 300)), {"quality": 90}
        case "brighter":
            return ImageEnhance.Brightness(photo).enhance(1.1), {"quality": 90}
        case _:
            return photo.convert("L"), {"quality": 90}


@pytest.mark.parametrize("how", ["encoded anew", "smaller", "of another shape", "brighter", "gray"])
def test_a_picture_still_looks_like_itself(tmp_path: Path, how: str) -> None:
    for seed in range(10):
        photo = make_photo(seed, size=(640, 480))
        photo.save(tmp_path / "a.png")
        picture, options = changed(photo, how)
        picture.save(tmp_path / "b.jpg", **options)
        assert distance(tmp_path / "a.png", tmp_path / "b.jpg") <= FARTHEST_BITS


def test_other_pictures_look_otherwise(tmp_path: Path) -> None:
    paths = [write_photo(tmp_path / f"{seed}.jpg", seed) for seed in range(20)]
    assert min(distance(one, other) for one in paths for other in paths if one < other) > 3 * FARTHEST_BITS


def test_pictures_of_little_look_like_nothing(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (300, 200), "white")
    picture.paste("black", (20, 20, 60, 60))
    picture.save(tmp_path / "a.png")
    assert inspect_image(tmp_path / "a.png").look is None


def distance(path: Path, other: Path) -> int:
    look, second = inspect_image(path).look, inspect_image(other).look
    assert look is not None and second is not None
    return (look ^ second).bit_count()
