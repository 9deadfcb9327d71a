"""What the freezing stage reads: the run's checkpoints, which one was asked for, and when it has to run again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import receipts
from pipeline.config import parse_settings
from pipeline.models import read_preset
from pipeline.plan import Plan
from pipeline.stages import freeze
from pipeline.workspace import Run


def spec(**given: Any) -> dict[str, Any]:
    settings = parse_settings({"name": "cats", **given})
    plan = Plan(settings, read_preset(settings.model), Run("cats"))
    return freeze.job(plan).to_spec(stage="freeze", image=freeze.IMAGE, run="cats")


@pytest.mark.parametrize("wanted", ["best", "last", "900"])
def test_the_asked_checkpoint_reaches_the_script_and_the_receipt(wanted: str) -> None:
    made = spec(checkpoint=wanted)
    assert made["command"][made["command"].index("--checkpoint") + 1] == wanted
    assert made["settings"]["checkpoint"] == wanted
    assert set(made["inputs"]) == {"train"}


def test_a_checkpoint_of_another_folder_is_an_input_by_itself() -> None:
    made = spec(checkpoint="input/mine/model.ckpt-7.index")
    assert made["inputs"]["checkpoint"] == {"path": "input/mine", "only": ["model.ckpt-7.index"]}


@pytest.fixture
def frozen(tmp_path: Path) -> Path:
    """A run that was trained and frozen."""
    for name, text in {
        "train/best.json": json.dumps({"step": 1, "prefix": "best/model.ckpt-1"}),
        "train/best/model.ckpt-1.index": "1",
        "train/pipeline.config": "",
        "frozen/frozen_inference_graph.pb": "graph",
    }.items():
        path = tmp_path / "output/cats" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = spec()
    inputs = {name: receipts.fingerprint_files(str(tmp_path), place) for name, place in made["inputs"].items()}
    receipts.write_receipt(str(tmp_path), made, inputs, {}, 1.0)
    return tmp_path


def test_a_frozen_run_is_up_to_date_until_another_checkpoint_is_the_best(frozen: Path) -> None:
    assert receipts.staleness(str(frozen), spec()) is None
    (frozen / "output/cats/train/metrics.jsonl").write_text("{}\n")
    assert receipts.staleness(str(frozen), spec()) is None
    (frozen / "output/cats/train/best.json").write_text(json.dumps({"step": 2, "prefix": "best/model.ckpt-2"}))
    assert receipts.staleness(str(frozen), spec()) == "output/cats/train/best.json changed"


def test_a_frozen_run_is_stale_when_another_checkpoint_is_asked_for(frozen: Path) -> None:
    assert receipts.staleness(str(frozen), spec(checkpoint="last")) == "settings changed: checkpoint best -> last"
