"""The stage `pretrained` as a training runs it: once, shared between runs, and not at all where it is not needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.models import read_preset
from pipeline.planner import make_specs, plan_training
from pipeline.pretrained.weights import MIRROR
from tests.pretrained.archives import ARCHIVE, FOLDER, contents
from tests.pretrained.server import Served, serving
from tests.project import copy_project

MODEL = "ssd_mobilenet_v2"
ZOO = read_preset(MODEL).zoo
RUN_STAGE = """
import json, sys
from pathlib import Path
from pipeline.backends import choose_backend
from pipeline.errors import PipelineError
from pipeline.planner import plan_training
from pipeline.runner import run_chain
settings = dict(word.split("=", 1) for word in sys.argv[2:])
plan = plan_training(Path.cwd(), settings, fresh=sys.argv[1] == "fresh")
try:
    (outcome,) = run_chain(Path.cwd(), plan, ["pretrained"], lambda: choose_backend("local", Path.cwd()))
except PipelineError as error:
    sys.exit(error.exit_code)
print(json.dumps([outcome.state, outcome.reason]))
"""


@pytest.fixture(scope="module")
def zoo() -> Iterator[Served]:
    with serving(Served(files={f"/{ZOO}.tar.gz": ARCHIVE})) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path / "project")


def bring(project: Path, zoo: Served, *settings: str, fresh: bool = False) -> tuple[int, list[Any], str]:
    """Run the stage in a process of its own; return its exit code, its outcome and what people saw."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    command = [sys.executable, "-c", RUN_STAGE, "fresh" if fresh else "on", f"model={MODEL}", *settings]
    environment |= {MIRROR: zoo.url, "PYTHONPATH": str(project), "ODPIPE_ROOT": str(project)}
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout or "[]"), done.stderr


def test_weights_are_brought_once_for_all_runs_and_not_for_one_under_way(project: Path, zoo: Served) -> None:
    cache = project / "input/pretrained"
    code, outcome, shown = bring(project, zoo, "name=cats")
    assert (code, outcome) == (0, ["done", "has not run yet"]), shown
    assert contents(cache / ZOO) == FOLDER
    assert shown.splitlines()[1:-1] == [
        f"download  {zoo.url}/{ZOO}.tar.gz",
        f"checksum of {ZOO}.tar.gz written into input/pretrained/checksums.sha256: from now on it has to be this file",
        f"weights  zoo {ZOO}: ssd_tiny_coco_2018_01_28/model.ckpt -> input/pretrained/{ZOO}",
    ]
    assert bring(project, zoo, "name=cats")[1] == ["up_to_date", None]
    assert bring(project, zoo, "name=dogs")[1] == ["done", "has not run yet"]
    assert len(zoo.asked) == 1

    (cache / ZOO / "model.ckpt.index").write_bytes(b"torn")
    (cache / f"{ZOO}.tar.gz").unlink()
    code, outcome, _ = bring(project, zoo, "name=cats")
    assert outcome == ["done", f"input/pretrained/{ZOO}/model.ckpt.index changed"]
    assert len(zoo.asked) == 2

    for path in [*(cache / ZOO).iterdir(), cache / f"{ZOO}.tar.gz"]:
        path.unlink()
    train = project / "output/cats/train"
    train.mkdir(parents=True)
    (train / "checkpoint").write_text("")
    assert bring(project, zoo, "name=cats")[1] == ["up_to_date", None]  # it has begun, and needs them no more
    assert bring(project, zoo, "name=cats", fresh=True)[1][0] == "done"
    assert contents(cache / ZOO) == FOLDER


def test_what_fails_leaves_the_weights_of_other_runs_alone(project: Path, zoo: Served) -> None:
    bring(project, zoo, "name=cats")
    archive = project / f"input/pretrained/{ZOO}.tar.gz"
    archive.write_bytes(b"another file")
    code, _, shown = bring(project, zoo, "name=dogs")
    assert code == 3
    assert f"error: input/pretrained/{ZOO}.tar.gz: its SHA-256 is " in shown
    assert contents(project / "input/pretrained" / ZOO) == FOLDER


def test_without_weights_to_bring_it_says_why(project: Path, zoo: Served) -> None:
    assert bring(project, zoo, "pretrained=none")[1] == ["skipped", "training starts from scratch, as asked"]
    small = "ssd_mobilenet_v2_quantized_small"
    assert bring(project, zoo, f"model={small}")[1] == [
        "skipped", f"training starts from scratch: the zoo has no weights of {small}"
    ]  # fmt: skip
    (project / "my.config").write_text("model { ssd { } }")
    assert bring(project, zoo, "config=my.config")[1][0] == "skipped"
    code, _, shown = bring(project, zoo, f"model={small}", "pretrained=zoo")
    assert (code, shown) == (2, "")


def test_a_path_is_read_again_when_it_changes(project: Path, zoo: Served) -> None:
    given = project / "mine.tar.gz"
    given.write_bytes(ARCHIVE)
    setting = f"pretrained={given}"
    code, outcome, shown = bring(project, zoo, "name=cats", setting)
    assert (code, outcome) == (0, ["done", "has not run yet"]), shown
    assert bring(project, zoo, "name=cats", setting)[1] == ["up_to_date", None]
    given.write_bytes(ARCHIVE + bytes(1))
    assert bring(project, zoo, "name=cats", setting)[1] == ["done", "mine.tar.gz changed"]
    code, _, shown = bring(project, zoo, "name=cats", "pretrained=nowhere/model.ckpt")
    assert code == 3
    assert "error: no weights at nowhere/model.ckpt: no archive, no folder and no checkpoint of that name" in shown


def plan_train(project: Path, monkeypatch: pytest.MonkeyPatch, **settings: str) -> dict[str, Any]:
    monkeypatch.setenv("ODPIPE_ROOT", str(project))
    monkeypatch.chdir(project)
    return make_specs(project, plan_training(project, {"model": MODEL, **settings}))["train"]


def test_where_weights_come_from_is_part_of_what_a_training_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zoo = plan_train(project, monkeypatch)
    assert zoo["settings"]["pretrained"] == f"zoo {ZOO}"
    assert plan_train(project, monkeypatch, pretrained="none")["settings"]["pretrained"] is None
    assert zoo["identity"] == {"inputs": ["records"], "settings": ["model", "pretrained"], "once": ["checkpoint"]}
    (project / "elsewhere").mkdir()
    (project / "elsewhere/model.ckpt-5.index").touch()
    monkeypatch.chdir(project / "elsewhere")
    found = make_specs(project, plan_training(project, {"pretrained": "model.ckpt-5"}))["pretrained"]
    assert found["settings"]["pretrained"] == "elsewhere/model.ckpt-5"
    assert found["inputs"]["given"] == {"path": "elsewhere", "only": ["model.ckpt-5.index", "model.ckpt-5.data-*"]}
