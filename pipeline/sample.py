"""Draw the demo's dataset: a Supervisely project of things on textured ground, the same bytes for the same seed.

    input/demo/meta.json
    input/demo/garden/{img/0001.jpg, ann/0001.jpg.json}     grass and earth
    input/demo/street/{img/0001.jpg, ann/0001.jpg.json}     asphalt and brick

It is small and easy enough for a detector to be trained from scratch on two CPU cores in minutes, and honest:
things differ in size, proportion, turn, shade and colour, may touch, and the ground has their colours too.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 320, 240
SUPERSAMPLING = 3  # things are drawn larger and shrunk, for smooth edges
MAX_THINGS = 6
MAX_OVERLAP = 0.12  # of the smaller box
SMALLEST, LARGEST = 44, 112  # the longer side of a thing, in pixels
JPEG_QUALITY = 88
GROUNDS = {
    "garden": ((96, 118, 70), (120, 100, 74), (84, 96, 62)),
    "street": ((112, 112, 116), (128, 100, 92), (90, 94, 104)),
}

Points = list[tuple[float, float]]
Colour = tuple[int, int, int]


def _regular(corners: int, *, inner: float = 1.0) -> Points:
    """Return a polygon around the origin within the unit circle; `inner` < 1 makes a star."""
    count = corners if inner == 1.0 else 2 * corners
    return [
        ((1.0 if step % 2 == 0 else inner) * math.sin(2 * math.pi * step / count),
         -(1.0 if step % 2 == 0 else inner) * math.cos(2 * math.pi * step / count))
        for step in range(count)
    ]  # fmt: skip


SHAPES: dict[str, tuple[Callable[[], Points], Colour]] = {
    "ball": (lambda: _regular(40), (216, 54, 44)),
    "kite": (lambda: [(0.0, -1.0), (0.72, -0.15), (0.0, 1.0), (-0.72, -0.15)], (40, 96, 214)),
    "star": (lambda: _regular(5, inner=0.45), (240, 198, 36)),
    "crate": (lambda: [(-0.9, -0.75), (0.9, -0.75), (0.9, 0.75), (-0.9, 0.75)], (206, 92, 190)),
}


def draw_sample(folder: Path, *, images: int = 400, seed: int = 7) -> None:
    """Draw a dataset of `images` images into `folder`, which must not exist; it appears whole or not at all."""
    partial = folder.with_name(f".{folder.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    for ground in GROUNDS:
        (partial / ground / "img").mkdir(parents=True)
        (partial / ground / "ann").mkdir()
    classes = [
        {
            "title": name,
            "shape": "rectangle",
            "color": "#{:02X}{:02X}{:02X}".format(*colour),
            "id": number,
            "hotkey": "",
        }
        for number, (name, (_, colour)) in enumerate(SHAPES.items(), 1)
    ]
    write_json(partial / "meta.json", {"classes": classes, "tags": [], "projectType": "images"})
    for number in range(images):
        ground = list(GROUNDS)[number % len(GROUNDS)]
        name = f"{number // len(GROUNDS) + 1:04d}.jpg"
        image, boxes = draw_image(np.random.default_rng((seed, number)), ground)
        image.save(partial / ground / "img" / name, quality=JPEG_QUALITY)
        write_json(partial / ground / "ann" / f"{name}.json", to_annotation(boxes))
    partial.rename(folder)


def draw_image(random: np.random.Generator, ground: str) -> tuple[Image.Image, list[tuple[str, tuple[int, ...]]]]:
    """Draw one image; return it with (class, (left, top, right, bottom)) of each thing, half-open pixels."""
    image = draw_ground(random, ground)
    boxes: list[tuple[str, tuple[int, ...]]] = []
    wanted = int(random.integers(1, MAX_THINGS + 1))
    for _ in range(wanted * 8):
        if len(boxes) == wanted:
            break
        name = list(SHAPES)[int(random.integers(len(SHAPES)))]
        thing = draw_thing(random, name)
        left = int(random.integers(0, WIDTH - thing.width + 1))
        top = int(random.integers(0, HEIGHT - thing.height + 1))
        box = (left, top, left + thing.width, top + thing.height)
        if all(overlap(box, other) <= MAX_OVERLAP for _, other in boxes):
            image.paste(thing, (left, top), thing)
            boxes.append((name, box))
    noise = random.normal(0, 5, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(np.asarray(image, np.float64) + noise, 0, 255).astype(np.uint8)), boxes


def draw_ground(random: np.random.Generator, ground: str) -> Image.Image:
    """Draw a textured ground: three sizes of blotches, and pebbles in the colours of the things."""
    base = np.array(GROUNDS[ground][int(random.integers(len(GROUNDS[ground])))], np.float64)
    pixels = np.broadcast_to(base, (HEIGHT, WIDTH, 3)).copy()
    for cell, strength in ((80, 26), (20, 16), (5, 14)):
        blotches = random.normal(0, strength, (HEIGHT // cell + 2, WIDTH // cell + 2)).clip(-60, 60)
        small = Image.fromarray((blotches + 128).clip(0, 255).astype(np.uint8))
        large = small.resize((WIDTH + 2 * cell, HEIGHT + 2 * cell), Image.Resampling.BICUBIC)
        pixels += np.asarray(large, np.float64)[cell : cell + HEIGHT, cell : cell + WIDTH, None] - 128
    image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(6, 22))):
        x, y = random.integers(0, WIDTH), random.integers(0, HEIGHT)
        radius = random.uniform(1, 5)
        colour = list(SHAPES.values())[int(random.integers(len(SHAPES)))][1]
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return image


def draw_thing(random: np.random.Generator, name: str) -> Image.Image:
    """Draw one thing, cut to its own outline: RGBA, transparent around it."""
    outline, colour = SHAPES[name]
    long_side = float(random.uniform(SMALLEST, LARGEST)) * SUPERSAMPLING
    stretch = float(random.uniform(0.75, 1.0))
    turn = math.radians(float(random.uniform(-25, 25)))
    points = [
        (x * math.cos(turn) * stretch - y * math.sin(turn), x * math.sin(turn) * stretch + y * math.cos(turn))
        for x, y in outline()
    ]
    left, top = min(x for x, _ in points), min(y for _, y in points)
    span = max(max(x for x, _ in points) - left, max(y for _, y in points) - top)
    scaled = [((x - left) * long_side / span, (y - top) * long_side / span) for x, y in points]
    size = (math.ceil(max(x for x, _ in scaled)), math.ceil(max(y for _, y in scaled)))
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon(scaled, fill=255)
    shade = np.array(colour, np.float64) * float(random.uniform(0.75, 1.1)) + random.normal(0, 10, 3)
    light = np.linspace(1.12, 0.8, size[1])[:, None, None]
    surface = np.broadcast_to(shade * light, (size[1], size[0], 3)).clip(0, 255).astype(np.uint8)
    thing = Image.fromarray(surface).convert("RGBA")
    rim = tuple(int(value) for value in (shade / 2).clip(0, 255))
    ImageDraw.Draw(thing).line([*scaled, scaled[0]], fill=rim, width=3 * SUPERSAMPLING)
    thing.putalpha(mask)
    shrunk = thing.resize(
        (max(1, size[0] // SUPERSAMPLING), max(1, size[1] // SUPERSAMPLING)), Image.Resampling.LANCZOS
    )
    return shrunk.crop(shrunk.getchannel("A").point(lambda value: 255 if value > 127 else 0).getbbox())


def overlap(box: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Return the shared area of two boxes as a part of the smaller one."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    areas = [(one[2] - one[0]) * (one[3] - one[1]) for one in (box, other)]
    return max(0, width) * max(0, height) / min(areas)


def to_annotation(boxes: list[tuple[str, tuple[int, ...]]]) -> dict[str, object]:
    """Return an image's boxes as Supervisely exports them: the corner pixels of a rectangle are inside it."""
    objects = [
        {
            "id": number,
            "classTitle": name,
            "geometryType": "rectangle",
            "tags": [],
            "points": {"exterior": [[box[0], box[1]], [box[2] - 1, box[3] - 1]], "interior": []},
        }
        for number, (name, box) in enumerate(boxes, 1)
    ]
    return {"description": "", "tags": [], "size": {"height": HEIGHT, "width": WIDTH}, "objects": objects}


def write_json(path: Path, value: object) -> None:
    """Write a JSON file as Supervisely does, indented."""
    path.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")
