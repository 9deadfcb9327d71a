"""When the evaluation in a browser is made again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.config import Settings
from pipeline.planner import make_plan
from pipeline.stages import evaluate_chromium


@pytest.mark.parametrize(
    ("not_run", "browser", "again"),
    [(None, "/usr/bin/chromium", False), ("no Chromium on this machine", "/usr/bin/chromium", True),
     ("no Chromium on this machine", "", False)],
)  # fmt: skip
def test_it_runs_again_when_a_browser_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, not_run: str | None, browser: str, again: bool
) -> None:
    monkeypatch.setattr(evaluate_chromium, "find_root", lambda: tmp_path)
    monkeypatch.setenv("ODPIPE_CHROMIUM", browser)
    monkeypatch.setenv("PATH", str(tmp_path))
    plan = make_plan(tmp_path, Settings(name="cats"))
    assert evaluate_chromium.job(plan).settings == {"again": False}  # nothing is there yet
    path = tmp_path / "output/cats/evaluation/chromium/tfjs_chromium.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"artefact": "tfjs_chromium", "not_run": not_run}) + "\n")
    assert evaluate_chromium.job(plan).settings == {"again": again}
