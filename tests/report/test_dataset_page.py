"""The page of a dataset: all its parts, one file, valid, escaped, the same bytes every time."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from pipeline.checks.check_file import make_check
from pipeline.datasets.findings import KINDS
from pipeline.datasets.model import Box, Dataset, Image
from pipeline.datasets.problems import Problems
from pipeline.datasets.splitting.split import Split
from pipeline.models import read_preset
from pipeline.models.visibility import measure_visibility
from pipeline.report.dataset_page import write_dataset_page
from pipeline.report.findings_table import severity

HOSTILE = (
    "</style><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a & b &lt;",
    "мышь été 老鼠",
    "\u202etac",
    "x" * 400,
    "javascript:alert(1)",
    "\udc80",
)
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Balanced(HTMLParser):
    """Reads a page as a browser does, and holds that every element is closed in its turn, SVG's included."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


def make_dataset(folder: Path, labels: tuple[str, ...] = ("cat", "dog"), count: int = 6, boxes: int = 3) -> Dataset:
    folder.mkdir(exist_ok=True)
    chance = np.random.default_rng(0)
    images = []
    for number in range(count):
        path = folder / f"image {number:03}.png"
        Pillow.fromarray(chance.integers(0, 255, (90, 120, 3), dtype=np.uint8)).save(path)
        found = tuple(
            Box(labels[(number + place) % len(labels)], 10 + place % 50, 10, 60 + place % 50, 60)
            for place in range(boxes)
        )
        images.append(Image(path, path.name, 120, 90, found))
    return Dataset("coco", folder, tuple(sorted(labels)), tuple(images))


def write(path: Path, dataset: Dataset, problems: Problems | None = None, **more: Any) -> Balanced:
    problems = problems or Problems(keep_going=True)
    middle = len(dataset.images) // 2
    split = Split(dataset.images[:middle], dataset.images[middle:], "by content") if middle else None
    summary = make_check(dataset, split, problems).to_public()
    write_dataset_page(path, dataset=dataset, split=split, summary=summary, problems=problems, **more)
    return Balanced(path.read_text(encoding="utf-8"))


def test_the_page_holds_all_its_parts(tmp_path: Path):
    dataset = make_dataset(tmp_path / "pets")
    problems = Problems(keep_going=True)
    problems.refuse("box_outside", f"{dataset.root}/image 002.png: box 1 lies outside", hint="draw it again")
    problems.note("image_empty", f"{dataset.root}/image 003.png")
    visibility = measure_visibility(dataset.images, read_preset("ssd_mobilenet_v2_quantized"))
    page = write(tmp_path / "dataset.html", dataset, problems, visibility=visibility, name="mine")
    heads = re.findall(r"<h2[^>]*>(.*?)</h2>", (tmp_path / "dataset.html").read_text())
    assert heads == [
        "What was found", "Samples", "Classes and split", "Boxes", "What the model can see", "What to do next",
    ]  # fmt: skip
    assert page.seen["h1"] == 1
    for words in (
        "Dataset pets",
        "1 item cannot be used. 6 of 6 images and 18 of 19 boxes can.",
        "Box outside its image",
        "image 002.png: box 1 lies outside",
        "What to do: draw it again",
        "3 images to train on and 3 to test with (50 %).",
        "ssd_mobilenet_v2_quantized sees every image at 300x300 pixels.",
        "18 of 18",
        "make check DATASET=",
        "MODEL=ssd_mobilenet_v2_quantized NAME=mine KEEP_GOING=1",
    ):
        assert words in page.words, words
    assert not set("{}") & set(page.words), "every placeholder is filled"
    described = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert [words.split(":")[0] for words in described] == [
        "Boxes by width and height in the images",
        "Boxes by width divided by height",
        "Boxes by where in their images their centres lie",
        "Images by how many boxes they have",
        "Boxes by width and height in the model's input",
    ]
    alts = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert alts[:2] == ["image 002.png: 2 cat, 1 dog", "image 003.png: 1 cat, 2 dog"]
    assert len(alts) == 6


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path):
    dataset = make_dataset(tmp_path / "pets")
    visibility = measure_visibility(dataset.images, read_preset("ssd_mobilenet_v2"))
    page = write(tmp_path / "dataset.html", dataset, visibility=visibility)
    text = (tmp_path / "dataset.html").read_text()
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(", re.sub(r"base64,[^\"]*", "", text).replace(str(tmp_path), "")
    )
    assert not {"script", "link", "iframe", "object", "base", "form"} & page.seen.keys()
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("src", "href"):
            assert value.startswith(("data:image/jpeg;base64,", "#")), value


def test_every_word_of_the_dataset_is_escaped(tmp_path: Path):
    dataset = make_dataset(tmp_path / '<b onclick="x">&"', HOSTILE, count=8)
    problems = Problems(keep_going=True)
    for label in HOSTILE:
        problems.refuse("label_unknown", f"{dataset.root}/{label}: '{label}'", hint=f"rename {label}")
    visibility = measure_visibility(dataset.images, read_preset("ssd_mobilenet_v2"))
    page = write(tmp_path / "dataset.html", dataset, problems, visibility=visibility, name='"><script>')
    assert not {"script", "b onclick"} & page.seen.keys()
    assert all(not name.startswith("on") for _, name, _ in page.attributes)
    assert {value for tag, name, value in page.attributes if (tag, name) == ("img", "src")} == {
        value for _, _, value in page.attributes if value.startswith("data:image/jpeg;base64,")
    }
    for label in HOSTILE[:-1]:
        assert label in "".join(page.text), label
    assert "\\udc80" in "".join(page.text), "what UTF-8 cannot hold is written out"


def test_the_same_dataset_gives_the_same_bytes_in_any_order(tmp_path: Path):
    dataset = make_dataset(tmp_path / "pets", count=40)
    turned = Dataset(dataset.format, dataset.root, dataset.labels, dataset.images[::-1])
    for name, one in (("a", dataset), ("b", dataset), ("c", turned)):
        problems = Problems(keep_going=True)
        visibility = measure_visibility(one.images, read_preset("ssd_mobilenet_v2"))
        split = Split(dataset.images[:20], dataset.images[20:], "by content")
        summary = make_check(dataset, split, problems).to_public()
        write_dataset_page(
            tmp_path / name, dataset=one, split=split, summary=summary, problems=problems, visibility=visibility
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert not list(tmp_path.glob("*.part"))


def test_the_page_stays_small_for_noise_many_boxes_classes_and_findings(tmp_path: Path):
    folder = tmp_path / "large"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (1200, 1600, 3), dtype=np.uint8)
    Pillow.fromarray(noise).save(folder / "noise.jpg", quality=95)
    labels = tuple(f"class {number:04}" for number in range(1500))
    boxes = tuple(Box(labels[place % 1500], place % 1000, 5, place % 1000 + 99.5, 99.5) for place in range(4000))
    images = tuple(Image(folder / "noise.jpg", f"{number:03}.jpg", 1600, 1200, boxes) for number in range(40))
    problems = Problems(keep_going=True)
    for kind in KINDS:
        for number in range(1200):
            problems.refuse(kind, f"{folder}/{number}.xml: object {number}: " + "long " * 200)
    dataset = Dataset("voc", folder, labels, images)
    visibility = measure_visibility(images, read_preset("ssd_mobilenet_v2"))
    page = write(tmp_path / "dataset.html", dataset, problems, visibility=visibility)
    assert page.seen["img"] == 24
    assert (tmp_path / "dataset.html").stat().st_size < 3_000_000
    assert "300 largest drawn" in page.words


def test_a_dataset_of_nothing_usable_says_so_and_what_to_do(tmp_path: Path):
    problems = Problems(keep_going=True)
    problems.refuse("image_missing", "a.xml: no image 'a.jpg' for it", boxes=2)
    dataset = Dataset("voc", Path("input/my photos"), (), ())
    page = write(tmp_path / "dataset.html", dataset, problems)
    for words in (
        "Nothing in this dataset can be used.",
        "There is no image that could be shown.",
        "There are no classes.",
        "There are no boxes.",
        "No model was chosen",
        "make check DATASET='input/my photos'",
    ):
        assert words in page.words, words


def test_a_sound_dataset_is_sent_to_training(tmp_path: Path):
    page = write(tmp_path / "dataset.html", make_dataset(tmp_path / "pets"), name="mine")
    assert "All of it can be used. 6 images and 18 boxes; every image was decoded." in page.words
    assert "Nothing odd was found." in page.words
    assert f"Train on it:make train DATASET={tmp_path}/pets NAME=mine" in page.words


def test_a_model_whose_anchors_are_unknown_is_still_told_of_sizes(tmp_path: Path):
    dataset = make_dataset(tmp_path / "pets")
    preset = read_preset("ssd_mobilenet_v2")
    pipeline = preset.model_dump()["pipeline"]
    pipeline["model"]["ssd"]["feature_extractor"]["type"] = "ssd_pnasnet"
    visibility = measure_visibility(dataset.images, preset.model_copy(update={"pipeline": pipeline}))
    page = write(tmp_path / "dataset.html", dataset, visibility=visibility)
    assert "Which boxes its anchors match cannot be said: its feature extractor is 'ssd_pnasnet'" in page.words
    assert "Boxes that shrink below 16 pixels" in page.words
    assert "Boxes that are matched" not in page.words


def test_every_kind_of_finding_has_a_word_for_how_bad_it_is():
    said = {kind: severity(kind) for kind in KINDS}
    assert {kind for kind, word in said.items() if word == "error"} == {kind for kind in KINDS if KINDS[kind].refused}
    assert (said["label_similar"], said["image_empty"]) == ("warning", "note")


@pytest.mark.parametrize("format_name", ["voc"])
def test_pictures_in_the_page_are_small_jpegs(tmp_path: Path, format_name: str):
    page = write(tmp_path / "dataset.html", make_dataset(tmp_path / "pets"))
    sources = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    for source in sources:
        data = base64.b64decode(source.removeprefix("data:image/jpeg;base64,"))
        assert data.startswith(b"\xff\xd8\xff")
        assert len(data) < 60_000
