"""`odpipe preflight` and the stage: what is shown, what programs get, and the exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config import parse_settings
from pipeline.jobs.preflight import main
from pipeline.models import read_presets
from pipeline.planner import make_plan
from pipeline.preflight.report import preflight_file
from pipeline.report.preflight_table import render_preflight
from pipeline.stages import CHAINS, STAGES
from tests.preflight.models import Builder, detector
from tests.project import copy_project

LOG = """Edge TPU Compiler version 16.0.384591198
Operator                       Count      Status

CONV_2D                        {count}          Mapped to Edge TPU
RESHAPE                        1          Mapped to Edge TPU
CUSTOM                         1          Operation is working on an unsupported data type
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which the run cats has a detector, and files beside it."""
    root = copy_project(tmp_path_factory.mktemp("preflight") / "project")
    (root / "output/cats/tflite").mkdir(parents=True)
    detector().write(root / "output/cats/tflite/detect.tflite")
    detector(activation="FLOAT32").write(root / "float.tflite")
    (root / "broken.tflite").write_bytes(detector().pack()[:300])
    (root / "same.log").write_text(LOG.format(count=1))
    (root / "other.log").write_text(LOG.format(count=2))
    return root


def odpipe(project: Path, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "pipeline", "preflight", *arguments]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_detector_of_a_run_is_shown_as_a_table(project: Path) -> None:
    assert odpipe(project, "--name", "cats") == (
        0,
        "",
        """\
 operator                              count   what becomes of it     in the compiler's words
 ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 CONV_2D                                   1   runs on the Edge TPU   Mapped to Edge TPU
 RESHAPE                                   1   runs on the Edge TPU   Mapped to Edge TPU
 CUSTOM TFLite_Detection_PostProcess       1   CPU, as it should      Operation is working on an unsupported data type
2 of 3 operators run on the Edge TPU; 0.0 of 8 MB on-chip, estimated: all of it stays there
""",
    )


def test_a_float_model_says_which_tensor_and_what_to_do(project: Path) -> None:
    code, _, told = odpipe(project, "float.tflite")
    assert code == 4
    assert (
        told[told.index("0 of 3") :]
        == """\
0 of 3 operators run on the Edge TPU
refused: operator 0 (CONV_2D): it works on float32; wanted int8 or uint8
  tensor: image, 1x8x8x3, float32
  what to do: train a quantized preset and export it: make train MODEL=ssd_mobilenet_v2_quantized (make models lists \
the others)
refused: operator 1 (RESHAPE): it works on float32; wanted int8 or uint8
  tensor: conv_0, 1x8x8x4, float32
  what to do: train a quantized preset and export it: make train MODEL=ssd_mobilenet_v2_quantized (make models lists \
the others)
"""
    )


def test_a_program_gets_what_the_module_promises(project: Path) -> None:
    code, out, _ = odpipe(project, "float.tflite", "--json")
    found = json.loads(out)
    assert code == 4
    assert list(found) == [
        "file", "size_bytes", "compiler", "works", "operators", "on_tpu", "graphs", "rows", "refusals", "cuts",
        "memory", "notes",
    ]  # fmt: skip
    assert found["rows"][0] == {
        "operator": "CONV_2D",
        "count": 1,
        "status": "Operation is working on an unsupported data type",
        "plain": "CPU: its numbers are not 8-bit",
    }
    assert found["refusals"][0]["tensor"] == {"index": 0, "name": "image", "shape": [1, 8, 8, 3], "type": "FLOAT32"}


def test_a_file_that_cannot_be_judged_is_an_error_of_the_data(project: Path) -> None:
    code, out, told = odpipe(project, "broken.tflite", "--json")
    assert code == 3
    assert json.loads(out)["exit_code"] == 3
    assert told.startswith("error: broken.tflite is not a TFLite model: ")
    assert len(told.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "wanted a .tflite file or the name of a run"),
        (("float.tflite", "--name", "cats"), "wanted a file or a name, not both"),
        (("--name", "../cats"), "NAME is '../cats'; wanted letters"),
    ],
)
def test_what_is_to_be_judged_has_to_be_said_once(project: Path, arguments: tuple[str, ...], message: str) -> None:
    code, _, told = odpipe(project, *arguments)
    assert code == 2
    assert told.startswith(f"error: {message}")


def test_the_compilers_log_is_held_against_it(project: Path) -> None:
    code, _, told = odpipe(project, "--name", "cats", "--log", "same.log")
    assert (code, told.splitlines()[-1]) == (0, "compiler 16.0.384591198 says the same of every operator")
    code, out, told = odpipe(project, "--name", "cats", "--log", "other.log", "--json")
    difference = "CONV_2D, 'Mapped to Edge TPU': the preflight says 1, the compiler 2"
    assert (code, told.splitlines()[-1]) == (4, f"differs: {difference}")
    assert json.loads(out)["log"]["differences"] == [difference]


def test_a_cut_and_a_note_are_shown(tmp_path: Path) -> None:
    builder = Builder()
    features = builder.convolution(builder.given([1, 512, 512, 3]))
    swish, large = builder.tensor([1, 512, 512, 8]), builder.tensor([1, 8, 512, 512])
    builder.operator("TRANSPOSE", [features, builder.numbers(0, 3, 1, 2)], [large])
    builder.operator("HARD_SWISH", [features], [swish])
    builder.operator("RELU", [swish], [builder.tensor([1, 512, 512, 8])])
    found = preflight_file(builder.write(tmp_path / "a.tflite")).to_json()
    assert render_preflight(found).splitlines()[-5:] == [
        "refused: operator 2 (HARD_SWISH): the Edge TPU has no HARD_SWISH",
        "  tensor: tensor_4, 1x512x512x8, uint8",
        "  what to do: use RELU6 instead: the ssdlite_mobiledet_edgetpu and ssd_mobilenet_*_quantized presets do",
        "cut after operator 2 (HARD_SWISH): 1 that the Edge TPU could run come after it, and stay on the CPU",
        "note: the compiler may leave 1 large TRANSPOSE on the CPU; it publishes no limit",
    ]


def test_an_export_judges_every_model_that_becomes_tflite_and_compiles_those_that_are_made_for_it(
    tmp_path: Path,
) -> None:
    assert CHAINS["export"][3:6] == ("preflight", "frigate", "export")
    for preset in read_presets():
        plan = make_plan(tmp_path, parse_settings({"model": preset.name, "name": "cats"}))
        job = STAGES["preflight"].job(plan)
        assert (job.skip is None) == ("tflite" in preset.exports), preset.name
        assert (STAGES["edgetpu"].job(plan).skip is None) == ("edgetpu" in preset.exports), preset.name
        assert job.outputs["preflight"].path == "output/cats/edgetpu/preflight.json"


def test_the_job_writes_what_the_verb_shows(project: Path, tmp_path: Path) -> None:
    written = tmp_path / "edgetpu" / "preflight.json"
    main(["--tflite-dir", str(project / "output/cats/tflite"), "--preflight-file", str(written)])
    found = json.loads(written.read_text())
    assert found["works"] is True
    assert found == preflight_file(project / "output/cats/tflite/detect.tflite").to_json()
    assert [path.name for path in written.parent.iterdir()] == ["preflight.json"]
