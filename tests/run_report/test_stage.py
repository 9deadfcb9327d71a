"""The stage: written once, again when what it tells of has changed, and never a half page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.stages import CHAINS, EVALUATION
from tests.project import copy_project
from tests.run_report.made_run import made_images, make_run

RUN_STAGE = """
import sys
from pathlib import Path
from pipeline.backends import choose_backend
from pipeline.errors import PipelineError
from pipeline.planner import plan_trained
from pipeline.runner import run_chain
plan = plan_trained(Path.cwd(), {"name": "made"})
try:
    run_chain(Path.cwd(), plan, ["report"], lambda: choose_backend("local", Path.cwd()))
except PipelineError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = copy_project(tmp_path / "project", environments=True)
    make_run(folder, made_images(3), metrics=[{"artefact": "checkpoint", "map": 0.5, "map50": 0.7}])
    return folder


def run_stage(project: Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", RUN_STAGE], cwd=project, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stderr


def read_inputs(project: Path) -> dict[str, bytes]:
    made = [*(project / "input").rglob("*"), *(project / "output/made/evaluation").rglob("*")]
    return {str(path): path.read_bytes() for path in made if path.is_file()}


def test_it_is_written_once_and_again_when_something_has_changed(project: Path):
    before = read_inputs(project)
    code, told = run_stage(project)
    assert (code, told.splitlines()[0]) == (0, "report  has not run yet"), told
    page = (project / "output/made/report.html").read_text()
    assert "0.500" in page
    assert read_inputs(project) == before
    assert run_stage(project) == (0, "report  up to date\n")
    (project / "output/made/evaluation/metrics.json").write_text(json.dumps([{"artefact": "checkpoint", "map": 0.625}]))
    code, told = run_stage(project)
    assert told.splitlines()[0] == "report  output/made/evaluation/metrics.json changed"
    assert "0.625" in (project / "output/made/report.html").read_text()


def test_broken_detections_end_with_3_and_leave_the_page_as_it_was(project: Path):
    run_stage(project)
    page = (project / "output/made/report.html").read_bytes()
    file = project / "output/made/evaluation/tensorflow/checkpoint.jsonl"
    file.write_text(file.read_text() + "{")
    code, told = run_stage(project)
    assert code == 3
    assert "error: output/made/evaluation/tensorflow/checkpoint.jsonl:5: not JSON" in told
    assert (project / "output/made/report.html").read_bytes() == page
    file.unlink()
    assert run_stage(project)[0] == 0, "there is a page of the training at least"


def test_a_run_that_was_never_trained_says_what_to_do(project: Path):
    (project / "output/made/train/settings.yaml").unlink()
    code, told = run_stage(project)
    assert code == 4
    assert "stage report needs output/made/train/settings.yaml" in told


def test_the_page_is_written_before_anybody_judges_the_figures():
    for chain in ("export", "evaluate"):
        assert [name for name in CHAINS[chain] if name in EVALUATION][-3:] == ["metrics", "report", "evaluate"]
    assert CHAINS["report"][-2:] == ("metrics", "report")
