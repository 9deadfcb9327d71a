"""Every short name of an augmentation, run by the Object Detection API's own code on an image with boxes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.augmentations import AUGMENTATIONS
from tests.project import ROOT

pytestmark = pytest.mark.odapi

COLOURS = {"color", "brightness", "contrast", "hue", "saturation", "gray", "cutout", "noise", "noise_patch", "jpeg"}
SOMETIMES = {"flip", "vflip", "rotate90", "gray", "noise_patch", "jpeg", "blur", "repeat", "crop", "autoaugment"}


@pytest.fixture(scope="module")
def tried(odapi_python: Path) -> dict[str, dict[str, Any]]:
    script = ROOT / "tests/odapi/try_augmentations.py"
    done = subprocess.run([odapi_python, script], capture_output=True, text=True, env=dict(os.environ), check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def test_every_augmentation_builds_and_does_something(tried: dict[str, dict[str, Any]]) -> None:
    assert {name: found["step"] for name, found in tried.items()} == {
        name: augmentation.step for name, augmentation in AUGMENTATIONS.items()
    }
    assert [name for name, found in tried.items() if found["image_changed"] + found["boxes_changed"] == 0] == []


def test_what_is_left_of_image_and_boxes_can_be_trained_on(tried: dict[str, dict[str, Any]]) -> None:
    for name, found in tried.items():
        sound = ("finite", "in_range", "boxes_inside", "boxes_sane", "as_many_labels")
        assert {check: found[check] for check in sound} == dict.fromkeys(sound, True), name


def test_colours_leave_boxes_alone_and_moves_move_them_with_the_image(tried: dict[str, dict[str, Any]]) -> None:
    moved = {name for name, found in tried.items() if found["boxes_changed"]}
    assert moved == set(AUGMENTATIONS) - COLOURS - {"blur"}
    assert tried["jitter"]["image_changed"] == 0
    for name in ("flip", "vflip", "rotate90", "crop", "pad", "scale", "repeat"):
        assert tried[name]["image_changed"] == tried[name]["boxes_changed"], name


def test_what_is_done_sometimes_leaves_some_images_as_they_are(tried: dict[str, dict[str, Any]]) -> None:
    always = {name for name, found in tried.items() if found["image_changed"] == 30}
    assert always.isdisjoint(SOMETIMES)


def test_scaled_images_have_the_size_of_the_model(tried: dict[str, dict[str, Any]]) -> None:
    assert tried["scale"]["shapes"] == ["[128, 128, 3]"]
