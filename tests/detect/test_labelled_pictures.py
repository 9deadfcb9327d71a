"""The pictures of a data set made of detections: which bytes, under which names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.detecting.labelled_output import VocFiles, find_places
from pipeline.detecting.saving import Saver
from pipeline.detections.decode import decode_rgb
from tests.detect.labelled import FORMATS, NAMES, ODD_IMAGES, detect, draw, read_back, take
from tests.project import shared_data


@pytest.mark.parametrize("name", ODD_IMAGES)
def test_a_picture_keeps_its_bytes_where_tools_show_it_as_the_detector_saw_it(tmp_path: Path, name: str) -> None:
    picture = take(shared_data() / "odd_images" / name)
    assert picture.source is not None
    VocFiles(tmp_path, NAMES, [name]).save(picture, [])
    (saved,) = (path for path in tmp_path.iterdir() if path.suffix != ".xml")
    if ODD_IMAGES[name] == "bytes":
        assert saved.read_bytes() == picture.source.read_bytes()
        assert saved.suffix == {".mpo": ".jpg"}.get(picture.source.suffix, picture.source.suffix)
        assert not saved.samefile(picture.source)
    else:
        assert saved.suffix == ".jpg"
        with Image.open(saved) as image:
            assert (image.format, image.mode, image.getexif().get(0x112)) == ("JPEG", "RGB", None)
            assert {sampling[1:3] for sampling in image.layer} == {(1, 1)}  # type: ignore[attr-defined]
            assert all(max(table) <= 12 for table in image.quantization.values())  # type: ignore[attr-defined]
        apart = np.abs(decode_rgb(str(saved)).astype(int) - picture.pixels)
        assert apart.mean() < 4


@pytest.mark.parametrize(
    ("name", "content", "saved"),
    [
        ("a.JPEG", "JPEG", "a.JPEG"),
        ("a.jfif", "JPEG", "a.jpg"),
        ("a.jpg", "PNG", "a.png"),
        ("a.PNG", "PNG", "a.PNG"),
        ("a.png", "JPEG", "a.jpg"),
        ("a.bmp", "BMP", "a.jpg"),
    ],
)
def test_the_suffix_says_what_is_in_it(tmp_path: Path, name: str, content: str, saved: str) -> None:
    Image.new("RGB", (40, 30), "red").save(tmp_path / name, content)
    VocFiles(tmp_path / "voc", NAMES, [name]).save(take(tmp_path / name), [])
    assert {path.name for path in (tmp_path / "voc").iterdir()} == {saved, "a.xml"}
    assert f"<filename>{saved}</filename>" in (tmp_path / "voc/a.xml").read_text()
    assert ((tmp_path / "voc" / saved).read_bytes() == (tmp_path / name).read_bytes()) == (content != "BMP")


@pytest.mark.parametrize("where", ["before", "behind"])
def test_a_png_that_exif_turns_is_saved_upright(tmp_path: Path, where: str) -> None:
    exif = Image.Exif()
    exif[0x112] = 3
    picture = Image.fromarray(np.arange(3600, dtype=np.uint32).view(np.uint8)[::4].reshape(30, 40, 3) // 2)
    picture.save(tmp_path / "a.png", exif=exif)
    if where == "behind":
        content = (tmp_path / "a.png").read_bytes()
        start = content.index(b"eXIf") - 4
        end = start + 12 + int.from_bytes(content[start : start + 4], "big")
        last = content.index(b"IEND") - 4
        (tmp_path / "a.png").write_bytes(content[:start] + content[end:last] + content[start:end] + content[last:])
    turned = decode_rgb(str(tmp_path / "a.png"))
    assert np.array_equal(turned, np.asarray(picture)[::-1, ::-1])
    VocFiles(tmp_path / "voc", NAMES, ["a.png"]).save(take(tmp_path / "a.png"), [])
    saved = decode_rgb(str(tmp_path / "voc/a.jpg"))
    assert np.abs(saved.astype(int) - turned).mean() < 4


def test_a_png_of_sixteen_bits_is_saved_with_eight(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 40), 0x80FF, np.uint16)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes()[24:26] == b"\x10\x00"
    VocFiles(tmp_path / "voc", NAMES, ["a.png"]).save(take(tmp_path / "a.png"), [])
    assert np.abs(decode_rgb(str(tmp_path / "voc/a.jpg")).astype(int) - 0x80).max() <= 1


def test_a_picture_too_wide_for_a_jpeg_is_saved_as_png(tmp_path: Path) -> None:
    picture = draw(width=65_536, height=1)
    VocFiles(tmp_path, NAMES, []).save(picture, [])
    assert np.array_equal(decode_rgb(str(tmp_path / "film.mp4/000000.png")), picture.pixels)


@pytest.mark.parametrize("kind", FORMATS)
def test_images_that_differ_in_their_suffix_only_have_a_label_file_each(tmp_path: Path, kind: str) -> None:
    names = [
        "s/a.jpg",
        "s/a.png",
        "s/A.bmp",
        "s/a.png.jpg",
        "s/b.jpg",
        "s/b.mp4",
        "a.jpg",
        "classes.png",
        "readme.v2.jpg",
    ]
    saver: Saver = FORMATS[kind][0](tmp_path / "out", NAMES, names)
    pictures = {}
    for shade, name in enumerate(name for name in names if not name.endswith("mp4")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40 + shade, 30), (0, 255, 9 * shade)).save(path)
        pictures[name] = take(path, name)
        saver.save(pictures[name], detect(1, offset=shade))
    dataset, findings = read_back(tmp_path / "out", kind)
    findings.pop("label_unused", None)
    assert findings == {}
    inner = "" if kind == "voc" else "images/"
    stored = {image.width: image.path.relative_to(tmp_path / "out").as_posix() for image in dataset.images}
    assert stored == {
        40: f"{inner}s/a.jpg.jpg", 41: f"{inner}s/a.png.png", 42: f"{inner}s/A.bmp.jpg", 43: f"{inner}s/a.png_.jpg",
        44: f"{inner}s/b.jpg", 45: f"{inner}a.jpg", 46: f"{inner}classes_.png", 47: f"{inner}readme_.v2.jpg",
    }  # fmt: skip
    sizes = {image.width: [box.label for box in image.boxes] for image in dataset.images}
    assert sizes == dict.fromkeys(range(40, 48), ["cat"])


def test_names_that_some_disks_take_for_one_are_told_apart() -> None:
    assert find_places(["b.png", "B.jpg"]) == {"B.jpg": "B.jpg", "b.png": "b.png"}
    assert find_places(["B.jpg", "b.jpg"]) == {"B.jpg": "B.jpg", "b.jpg": "b.jpg_"}


def test_names_that_no_reader_takes_are_mended() -> None:
    places = find_places(["a\\b/c\nd.jpg", "caf\udce9.jpg"])
    assert list(places.values()) == ["a%5Cb/c%0Ad", "caf%DCE9"]
