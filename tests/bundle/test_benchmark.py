"""odpipe benchmark: each form timed where it runs, with the machine beside the figures."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands.benchmark import choose_forms
from pipeline.machine import describe_machine, find_cpu, find_free_memory_bytes, format_machine
from pipeline.planner import plan_trained
from pipeline.report.benchmark_table import render_benchmark
from tests.project import copy_project, need_environment

TIMED = ["saved_model", "tflite", "tfjs_fast"]  # one of each runtime


def odpipe(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *arguments], cwd=root, capture_output=True, text=True, check=False
    )


@pytest.mark.odapi
@pytest.mark.tfjs
def test_every_form_is_timed_in_its_own_runtime(tiny_root: Path) -> None:
    for image in ("odapi", "tfjs"):
        need_environment(image)
    named = [word for name in TIMED for word in ("--artefact", name)]
    done = odpipe(tiny_root, "benchmark", "tiny", "--backend", "local", "--images", "3", "--json", *named)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found == json.loads((tiny_root / "output/tiny/benchmark.json").read_text())
    assert [one["artefact"] for one in found["results"]] == TIMED
    for one in found["results"]:
        assert (one["threads"], one["images"], one["not_run"]) == (1, 3, None)
        assert 0 < one["ms_median"] <= one["ms_p95"] and one["images_per_s"] > 0 and one["load_ms"] > 0
        assert one["runtime"] == found["versions"][one["artefact"]]
    assert found["machine"] == describe_machine()
    assert render_benchmark(found["results"]) in done.stderr
    assert done.stderr.splitlines()[-2] == f"on {format_machine(found['machine'])}"


def test_all_that_was_exported_is_timed_in_the_order_in_which_it_was_made(tiny_root: Path) -> None:
    plan = plan_trained(tiny_root, {"name": "tiny"})
    there = [name for name in choose_forms(tiny_root, plan, ()) if name != "tflite_float"]
    assert there == ["frozen_graph", "saved_model", "tflite", "tfjs", "tfjs_fast"]
    assert choose_forms(tiny_root, plan, ["tfjs", "frozen_graph"]) == ["frozen_graph", "tfjs"]


def test_threads_are_tried_one_after_the_other(tiny_root: Path) -> None:
    arguments = ("--artefact", "tflite", "--threads", "2,1,2", "--images", "2", "--json")
    done = odpipe(tiny_root, "benchmark", "--name", "tiny", "--backend", "local", *arguments)
    assert [(one["artefact"], one["threads"]) for one in json.loads(done.stdout)["results"]] == [
        ("tflite", 1),
        ("tflite", 2),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--artefact", "tflit"), 2, "error: unknown artefact 'tflit'; known: "),
        (
            ("--artefact", "edgetpu"),
            4,
            "error: benchmark needs output/cats/edgetpu/detect_edgetpu.tflite\nhint: make edgetpu",
        ),
        ((), 4, "error: there is no exported model in output/cats\nhint: make export NAME=cats\n"),
    ],
)
def test_what_cannot_be_timed_is_said_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    root = copy_project(tmp_path / "project")
    done = odpipe(root, "benchmark", "--name", "cats", "--backend", "local", *arguments)
    assert (done.returncode, done.stderr[: len(message)]) == (code, message)
    assert not (root / "output/cats").exists()


def test_a_machine_is_told_as_its_kernel_names_it(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\n\nHardware\t: BCM2835\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
    )
    assert find_cpu(tmp_path / "cpuinfo") == "Raspberry Pi 4 Model B Rev 1.4"
    assert find_cpu(tmp_path / "none") is None
    (tmp_path / "meminfo").write_text("MemTotal:  8000 kB\nMemAvailable:    5000 kB\n")
    assert find_free_memory_bytes(tmp_path / "meminfo") == 5_120_000
    machine = {"cpu": "A53", "cores": 4, "memory_bytes": 4e9, "governor": "ondemand", "system": "Linux 6.1"}
    assert format_machine(machine) == "A53, 4 cores, 4 GB, governor ondemand, Linux 6.1"


def test_an_artefact_without_its_device_says_so_in_the_table() -> None:
    entry = {"artefact": "edgetpu", "runtime": None, "not_run": "no Coral answers here", "size_bytes": 900_000}
    assert "not run: no Coral answers here" in render_benchmark([entry])
