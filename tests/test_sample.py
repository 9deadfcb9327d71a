"""The demo dataset: an honest Supervisely project, the same every time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.sample import GROUNDS, HEIGHT, MAX_THINGS, SHAPES, WIDTH, draw_sample, draw_thing

IMAGES = 40


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw(tmp_path_factory.mktemp("sample"), images=IMAGES)


def draw(parent: Path, **options: int) -> Path:
    folder = parent / "drawn"
    draw_sample(folder, **options)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def annotations(folder: Path) -> list[tuple[Path, dict]]:
    found = []
    for path in sorted(folder.glob("*/ann/*.json")):
        image_path = path.parents[1] / "img" / path.stem
        found.append((image_path, json.loads(path.read_text(encoding="utf-8"))))
    return found


def test_the_same_seed_gives_the_same_bytes(sample: Path, tmp_path: Path):
    assert digests(draw(tmp_path, images=IMAGES)) == digests(sample)


def test_fewer_images_are_the_first_of_more(sample: Path, tmp_path: Path):
    few = digests(draw(tmp_path, images=6))
    assert few.items() <= digests(sample).items()


def test_another_seed_gives_other_images(sample: Path, tmp_path: Path):
    other = digests(draw(tmp_path, images=2, seed=1))
    pictures = {name: digest for name, digest in other.items() if name.endswith(".jpg")}
    assert len(pictures) == 2
    assert not pictures.items() & digests(sample).items()


def test_every_image_has_its_annotation_and_its_size(sample: Path):
    found = annotations(sample)
    assert len(found) == IMAGES == len(list(sample.glob("*/img/*.jpg")))
    assert {path.parents[1].name for path, _ in found} == set(GROUNDS)
    for path, annotation in found:
        with Image.open(path) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert image.size == (WIDTH, HEIGHT)
            assert annotation["size"] == {"width": image.width, "height": image.height}


def test_objects_are_one_to_six_known_and_inside_their_image(sample: Path):
    titles = [entry["title"] for entry in json.loads((sample / "meta.json").read_text())["classes"]]
    assert titles == list(SHAPES)
    seen = set()
    for _, annotation in annotations(sample):
        assert 1 <= len(annotation["objects"]) <= MAX_THINGS
        for entry in annotation["objects"]:
            (left, top), (right, bottom) = entry["points"]["exterior"]
            assert 0 <= left < right < annotation["size"]["width"]
            assert 0 <= top < bottom < annotation["size"]["height"]
            seen.add(entry["classTitle"])
    assert seen == set(SHAPES)


def test_a_box_ends_where_its_thing_ends():
    random = np.random.default_rng(3)
    for name in SHAPES:
        alpha = np.asarray(draw_thing(random, name))[:, :, 3] > 127
        # draw_image makes the thing's own size its box: no edge row or column of it may be empty.
        assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


def test_nothing_but_the_whole_sample_appears(sample: Path):
    assert [path.name for path in sample.parent.iterdir()] == ["drawn"]
