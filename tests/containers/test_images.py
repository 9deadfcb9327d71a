"""The four images: built as published, small enough, fit for any user, and able to say when they are not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.containers.conftest import run

pytestmark = pytest.mark.containers

LARGEST_BYTES = {"odapi": 2.0e9, "toco": 1.5e9, "tfjs": 2.0e9, "pipeline": 0.5e9}
PACKAGES = "/opt/odpipe/lib/python{}/site-packages/"
# An image, and a folder that it cannot do without
VITAL = {
    "odapi": PACKAGES.format("3.7") + "object_detection",
    "toco": PACKAGES.format("3.7") + "tensorflow_core/lite",
    "tfjs": "/opt/odpipe/node_modules",
    "pipeline": PACKAGES.format("3.11") + "hotcoco",
}


@pytest.mark.parametrize("image", LARGEST_BYTES)
def test_an_image_is_no_larger_than_promised(images: dict[str, Any], image: str) -> None:
    assert images[image]["size_bytes"] <= LARGEST_BYTES[image]


@pytest.mark.parametrize("image", LARGEST_BYTES)
def test_the_default_command_finds_the_image_fit_for_any_user_without_network(
    engine: dict[str, str], images: dict[str, Any], image: str
) -> None:
    report = self_check(engine, images[image]["name"])
    assert report["exit"] == 0, report
    assert (report["image"], report["fit"], report["problems"]) == (image, True, [])


@pytest.mark.parametrize("image", VITAL)
def test_the_default_command_fails_when_a_vital_folder_is_empty(
    engine: dict[str, str], images: dict[str, Any], image: str
) -> None:
    report = self_check(engine, images[image]["name"], "--tmpfs", VITAL[image])
    assert (report["exit"], report["fit"]) == (5, False)
    assert report["problems"]


def test_toco_is_unfit_without_toco_from_protos_on_path(engine: dict[str, str], images: dict[str, Any]) -> None:
    command = ("/opt/odpipe/bin/python", "/opt/odpipe/self_check.py", "toco")
    report = self_check(engine, images["toco"]["name"], "-e", "PATH=/usr/bin:/bin", command=command)
    assert report["exit"] == 5
    assert report["problems"] == ["check_toco: RuntimeError: toco_from_protos is not on PATH (/usr/bin:/bin)"]


def test_a_shell_starts_in_the_mounted_project(engine: dict[str, str], images: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "here").touch()
    done = run(
        "docker", "run", "--rm", "-v", f"{tmp_path}:/home/oceanus", images["odapi"]["name"], "bash", "-c", "pwd && ls",
        env=engine,
    )  # fmt: skip
    assert done.stdout.split() == ["/home/oceanus", "here"]


def self_check(engine: dict[str, str], image: str, *options: str, command: Sequence[str] = ()) -> dict[str, Any]:
    """Run an image as a user that does not exist, with nothing writable but /tmp; return its report and "exit"."""
    strict = ("--user", "4321:4321", "--read-only", "--tmpfs", "/tmp", "--network", "none", "--cap-drop", "ALL")
    done = run("docker", "run", "--rm", *strict, *options, image, *command, env=engine)
    report: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return {**report, "exit": done.returncode}
