"""Annotations made up from nothing but their format's grammar: read or refused, never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.datasets.formats.coco import dataset as coco
from pipeline.datasets.formats.supervisely import dataset as supervisely
from pipeline.datasets.formats.voc import dataset as voc
from pipeline.datasets.problems import Problems
from pipeline.errors import DataError
from tests.datasets.drawing import Project, draw_picture, write_voc
from tests.fuzz.cases import check_dataset

NUMBERS = st.one_of(st.integers(-5, 50), st.integers(), st.floats(), st.just(10**400))
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5), st.just("cat"))
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)
POINTS = st.fixed_dictionaries({"exterior": st.lists(st.lists(NUMBERS, max_size=3) | ANYTHING, max_size=4)}) | ANYTHING
MASKS = st.fixed_dictionaries(
    {"origin": st.lists(NUMBERS, max_size=3) | ANYTHING, "data": st.text(max_size=9) | ANYTHING}
)
OBJECTS = st.fixed_dictionaries(
    {"classTitle": st.just("cat") | SCALARS},
    optional={
        "points": POINTS,
        "bitmap": MASKS | ANYTHING,
        "geometryType": st.sampled_from(["rectangle", "polygon", "bitmap", "any", "point"]) | SCALARS,
    },
)
ANNOTATIONS = st.fixed_dictionaries(
    {"objects": st.lists(OBJECTS | ANYTHING, max_size=4) | ANYTHING},
    optional={
        "size": st.fixed_dictionaries({"width": NUMBERS, "height": NUMBERS}) | ANYTHING,
        "tags": st.lists(st.fixed_dictionaries({"name": SCALARS}) | SCALARS, max_size=3) | ANYTHING,
    },
)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=200)


@relaxed
@given(content=ANNOTATIONS | ANYTHING, keep_going=st.booleans())
def test_any_supervisely_annotation_is_read_or_refused(tmp_path: Path, content: Any, keep_going: bool) -> None:
    project = Project(tmp_path / "project")
    project.add("a.png").write_text(json.dumps(content))
    try:
        dataset = supervisely.read(project.root, Problems(keep_going=keep_going))
    except DataError:
        assert not keep_going
        return
    for image in dataset.images:
        for box in image.boxes:
            assert 0 <= box.xmin < box.xmax <= image.width
            assert 0 <= box.ymin < box.ymax <= image.height


TAGS = ("annotation", "filename", "size", "width", "height", "object", "name", "bndbox", "xmin", "ymin", "xmax", "ymax")
TEXTS = st.sampled_from(
    ["a.png", "../a.png", "1", "0", "-3", "1e309", "9" * 500, "nan", "cat", "&#233;", "&amp;", "&b;", "<"]
)
ELEMENTS = st.recursive(
    TEXTS,
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", st.sampled_from(TAGS), st.lists(inner)
    ),
)


@relaxed
@given(parts=st.lists(ELEMENTS, max_size=6), keep_going=st.booleans())
def test_any_voc_annotation_is_read_or_refused(tmp_path: Path, parts: list[str], keep_going: bool) -> None:
    path = write_voc(tmp_path, "a.png")
    path.write_text(f"<annotation>{''.join(parts)}</annotation>", encoding="utf-8")
    try:
        voc.read(tmp_path, Problems(keep_going=keep_going))
    except DataError:
        assert not keep_going


IDS = st.sampled_from([0, 1, 2, "1", 1.0, 2**63]) | SCALARS
CATEGORIES = st.lists(st.fixed_dictionaries({"id": IDS, "name": st.just("cat") | SCALARS}) | ANYTHING, max_size=3)
IMAGES = st.fixed_dictionaries(
    {"id": IDS, "file_name": st.sampled_from(["a.png", "b.png", "../a.png", "/a.png"]) | SCALARS},
    optional={"width": NUMBERS | ANYTHING, "height": NUMBERS | ANYTHING},
)
BOXES = st.fixed_dictionaries(
    {"image_id": IDS, "category_id": IDS, "bbox": st.lists(NUMBERS, min_size=3, max_size=5) | ANYTHING},
    optional={"id": IDS, "iscrowd": IDS, "segmentation": ANYTHING, "area": NUMBERS},
)
COCO = st.fixed_dictionaries(
    {
        "images": st.lists(IMAGES | ANYTHING, max_size=3) | ANYTHING,
        "annotations": st.lists(BOXES | ANYTHING, max_size=4) | ANYTHING,
        "categories": CATEGORIES | ANYTHING,
    }
)


@relaxed
@given(content=COCO | ANYTHING, keep_going=st.booleans())
def test_any_coco_file_is_read_or_refused(tmp_path: Path, content: Any, keep_going: bool) -> None:
    for name in ("a.png", "b.png"):
        if not (tmp_path / name).exists():
            draw_picture(tmp_path / name)
    (tmp_path / "a.json").write_text(json.dumps(content))
    try:
        dataset = coco.read(tmp_path, Problems(keep_going=keep_going))
    except DataError:
        return
    check_dataset(dataset, tmp_path)
