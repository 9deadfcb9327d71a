"""Which images of a dataset are shown, and how."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.datasets.model import Box, Dataset, Embedded, Image
from pipeline.datasets.problems import Problems
from pipeline.report.charts import class_style
from pipeline.report.sample_grid import choose_samples, make_thumbnail, render_samples


def image(name: str, *labels: str) -> Image:
    return Image(Path("photos") / name, name, 100, 100, tuple(Box(label, 1, 1, 9, 9) for label in labels))


def names(images: list[Image], problems: Problems, most: int = 4) -> list[str]:
    return [sample.image.name for sample in itertools.islice(choose_samples(images, problems, most=most), most)]


def test_odd_images_come_first_and_of_each_kind_one_before_a_second():
    images = [image(f"{letter}.jpg", "cat") for letter in "abcdefgh"]
    problems = Problems(keep_going=True)
    for letter in "hgf":
        problems.note("image_empty", f"photos/{letter}.jpg")
    problems.refuse("box_outside", "photos/c.xml: object 3 (cat): box (1, 2, 300, 4) lies outside")
    problems.note("exif_turned", "ann/d.jpg.json")
    assert names(images, problems) == ["c.jpg", "d.jpg", "f.jpg", "g.jpg"]


def test_an_image_is_found_by_a_name_with_blanks_and_by_the_other_of_a_pair():
    images = [image("a cat, two.jpg"), image("b.jpg"), image("c.jpg"), image("d.jpg")]
    problems = Problems(keep_going=True)
    problems.note("split_repeated", "test image photos/c.jpg is the same as train image photos/d.jpg")
    problems.refuse("box_outside", "photos/a cat, two.jpg: box 1")
    samples = list(choose_samples(images, problems))
    kinds = {sample.image.name: sample.kinds for sample in samples}
    assert kinds["d.jpg"] == ("split_repeated",)
    assert kinds["a cat, two.jpg"] == ("box_outside",)
    assert kinds["b.jpg"] == ()


def test_every_class_is_shown_the_rarest_first():
    images = [*(image(f"{number:03}.jpg", "common") for number in range(100)), image("zz.jpg", "rare", "common")]
    images.append(image("yy.jpg", "seldom"))
    images.append(image("xx.jpg", "seldom"))
    assert names(images, Problems(keep_going=True))[:2] == ["zz.jpg", "xx.jpg"]


def test_the_rest_come_from_all_over_the_dataset():
    images = [image(f"{number:03}.jpg") for number in range(100)]
    assert names(images, Problems(keep_going=True)) == ["000.jpg", "033.jpg", "066.jpg", "099.jpg"]


def test_the_order_of_the_images_does_not_matter():
    images = [image(f"{number:03}.jpg", f"class {number % 7}") for number in range(60)]
    problems = Problems(keep_going=True)
    problems.note("image_empty", "photos/031.jpg")
    assert names(images, problems, most=24) == names(images[::-1], problems, most=24)


def save(path: Path, picture: Pillow.Image, **options: object) -> Image:
    picture.save(path, **options)  # type: ignore[arg-type]
    return Image(path, path.name, *picture.size, ())


def show(one: Image) -> Pillow.Image:
    data = make_thumbnail(one)
    assert data is not None
    return Pillow.open(io.BytesIO(data))


def test_a_photo_that_was_labelled_upright_is_shown_upright(tmp_path: Path):
    picture = Pillow.new("RGB", (80, 40), "red")
    picture.paste("blue", (40, 0, 80, 40))
    exif = Pillow.Exif()
    exif[0x0112] = 6
    stored = save(tmp_path / "a.jpg", picture, exif=exif, quality=95)
    turned = show(Image(stored.path, "a.jpg", 40, 80, ()))
    assert turned.size == (40, 80)
    # Orientation 6 is turned clockwise: what is at the left goes to the top
    assert turned.getpixel((20, 10))[0] > 200
    assert turned.getpixel((20, 70))[2] > 200
    assert show(stored).size == (80, 40), "labelled as it is stored, it is shown so"


def test_pictures_of_all_kinds_are_shown_as_the_records_will_hold_them(tmp_path: Path):
    deep = Pillow.fromarray(np.full((20, 30), 0xC000, dtype=np.uint16))
    assert show(save(tmp_path / "deep.png", deep)).getpixel((5, 5)) == (0xC0,) * 3
    clear = Pillow.new("RGBA", (30, 20), (0, 0, 0, 0))
    assert show(save(tmp_path / "clear.png", clear)).getpixel((5, 5)) == (255,) * 3
    wide = show(save(tmp_path / "wide.png", Pillow.new("L", (4000, 10), 128)))
    assert wide.size == (360, 1)


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_cannot_be_read_is_left_out(tmp_path: Path, content: bytes):
    good = save(tmp_path / "good.png", Pillow.new("RGB", (30, 20)))
    (tmp_path / "bad.png").write_bytes(content)
    bad = Image(tmp_path / "bad.png", "bad.png", 30, 20, ())
    gone = Image(tmp_path / "gone.png", "gone.png", 30, 20, ())
    html, count = render_samples(choose_samples([bad, gone, good], Problems(keep_going=True)), {})
    assert (count, html.count("<img"), "good.png: no boxes" in html) == (1, 1, True)


def test_an_embedded_image_is_shown(tmp_path: Path):
    buffer = io.BytesIO()
    Pillow.new("RGB", (30, 20), "lime").save(buffer, "PNG")
    (tmp_path / "all.bin").write_bytes(b"before" + buffer.getvalue() + b"behind")
    inside = Image(tmp_path / "all.bin", "a.png", 30, 20, (), embedded=Embedded(6, len(buffer.getvalue())))
    assert show(inside).size == (30, 20)


def test_boxes_are_drawn_in_the_frame_of_the_image_one_path_a_style(tmp_path: Path):
    stored = save(tmp_path / "a.png", Pillow.new("RGB", (30, 20)))
    boxes = (Box("cat", 1, 2, 3, 4.25), Box("dog", 0, 0, 30, 20), Box("cat", 5, 5, 7, 7))
    one = Image(stored.path, "a.png", 30, 20, boxes)
    dataset = Dataset("voc", tmp_path, ("cat", "dog"), (one,))
    html, _ = render_samples(choose_samples(dataset.images, Problems(keep_going=True)), {"cat": 0, "dog": 9})
    assert '<svg viewBox="0 0 30 20"' in html
    assert '<path d="M1.0 2.0H3.0V4.2H1.0ZM5.0 5.0H7.0V7.0H5.0Z" stroke="#0072b2" stroke-dasharray="none"/>' in html
    assert '<path d="M0.0 0.0H30.0V20.0H0.0Z" stroke="#e69f00" stroke-dasharray="7 3"/>' in html


def test_24_classes_look_different():
    assert len({class_style(number) for number in range(24)}) == 24
    assert class_style(24) == class_style(0)
