"""Restoring in the real environment: what comes along of each kind of checkpoint, and what is said of the rest."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pipeline.models import read_preset
from tests.odapi.conftest import odapi_python, records, run, small_preset, train_command, write_preset
from tests.project import ROOT, missing, shared_data

__all__ = ["odapi_python", "records"]
pytestmark = pytest.mark.odapi

INDEXES = {
    "ssd_mobilenet_v1_coco_2018_01_28": ("ssd_mobilenet_v1", 90),
    "ssd_mobilenet_v2_coco_2018_03_29": ("ssd_mobilenet_v2", 90),
    "ssdlite_mobiledet_edgetpu_2classes": ("ssdlite_mobiledet_edgetpu", 2),
}


@pytest.fixture(scope="module")
def facts(odapi_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("restore")
    preset = write_preset(folder, small_preset())
    command = [odapi_python, ROOT / "tests/pretrained/restore_checkpoints.py", "--preset", preset]
    command += ["--folder", folder, "--report", folder / "report.json"]
    for name, (model, count) in INDEXES.items():
        prefix = shared_data() / "zoo_index" / name / "model.ckpt"
        if not prefix.with_suffix(".ckpt.index").is_file():
            missing(f"{prefix}.index is missing")
        (folder / f"{model}.json").write_text(read_preset(model).model_dump_json(), encoding="utf-8")
        command += ["--index", prefix, folder / f"{model}.json", str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "report.json").read_text())  # type: ignore[no-any-return]


def reasons(report: dict[str, Any]) -> dict[str, int]:
    return {entry["reason"]: len(entry["variables"]) for entry in report["not_restored"]}


def test_a_detector_gives_all_but_what_belongs_to_its_classes(facts: dict[str, Any]) -> None:
    case, count = facts["other classes"], facts["variables"]
    report = case["report"]
    assert (report["kind"], report["from_detection_checkpoint"]) == ("detection", True)
    assert report["load_all_detection_checkpoint_vars"] is True
    assert reasons(report) == {"class count: 5 there, 3 here": 8}  # four maps, weights and biases
    assert all("/ClassPredictor/" in name for name in report["not_restored"][0]["variables"])
    assert (report["restored"], report["variables"], case["equal"]) == (count - 8, count, count - 8)
    assert report["backbone"]["restored"] == report["backbone"]["variables"] > 200
    assert report["notes"] == ["its 2 ranges of quantization are not used: the float graph has none, they are learned"]
    assert case["written"]


def test_the_step_and_what_an_optimizer_keeps_are_not_restored(facts: dict[str, Any]) -> None:
    assert (facts["other classes"]["step"], facts["other classes"]["momentum"]) == (0, 0.0)


def test_averages_of_weights_begin_at_what_was_restored(facts: dict[str, Any]) -> None:
    assert facts["other classes"]["averages"] == [True] * 3


def test_the_same_classes_in_the_same_order_come_along(facts: dict[str, Any]) -> None:
    case, count = facts["same classes"], facts["variables"]
    assert (case["report"]["restored"], case["equal"], case["report"]["not_restored"]) == (count, count, [])


def test_as_many_classes_are_not_the_same_classes(facts: dict[str, Any]) -> None:
    assert reasons(facts["another order"]["report"]) == {"class names: not those of this run, or in another order": 8}
    assert reasons(facts["names not known"]["report"]) == {"class count: unknown there, 3 here": 8}
    assert reasons(facts["as many, not known"]["report"]) == {
        "class names: which 5 the checkpoint knows is not told beside it": 8
    }


def test_a_classifier_gives_the_backbone(facts: dict[str, Any]) -> None:
    report = facts["slim"]["report"]
    assert (report["kind"], report["from_detection_checkpoint"]) == ("classification", False)
    assert report["restored"] == report["backbone"]["restored"] == facts["slim"]["equal"] == 260
    assert set(reasons(report)) == {"not in the checkpoint"}
    assert reasons(report)["not in the checkpoint"] == facts["variables"] - 260


def test_averages_of_weights_are_taken_where_a_checkpoint_has_them(facts: dict[str, Any]) -> None:
    report = facts["averages"]["report"]
    assert (report["backbone"]["restored"], facts["averages"]["equal"]) == (260, 156)
    assert report["notes"] == ["156 are moving averages of the weights that it was trained with"]


def test_under_half_of_the_backbone_is_refused_with_what_is_there(facts: dict[str, Any]) -> None:
    backbone = facts["slim"]["report"]["backbone"]["variables"]
    hint = "hint: take the MODEL that these weights are of (make models), or PRETRAINED=none\n"
    assert facts["refused"]["few"] == [
        2, f"error: zoo tiny: only 19 of the model's {backbone} backbone variables come from it; "
        "it holds MobilenetV2 (19)\n" + hint,
    ]  # fmt: skip
    assert facts["refused"]["another"] == [
        2, f"error: zoo tiny: only 0 of the model's {backbone} backbone variables come from it; "
        "it holds vgg_16 (1)\n" + hint,
    ]  # fmt: skip


def test_weights_that_are_gone_or_torn_are_named(facts: dict[str, Any]) -> None:
    code, said = facts["refused"]["missing"]
    assert code == 4
    assert said.startswith("error: the weights to begin with (zoo tiny) are not at ")
    code, said = facts["refused"]["torn"]
    assert code == 3
    assert "slim/model.ckpt: not a checkpoint: " in said


def test_the_config_says_what_the_api_would_need(facts: dict[str, Any]) -> None:
    assert facts["config"] == [True, "detection", True, True]


def test_faster_rcnn_keeps_averages_that_were_restored(facts: dict[str, Any]) -> None:
    assert facts["batch norm trains"] == [True, False]


@pytest.mark.parametrize("number", range(len(INDEXES)), ids=list(INDEXES))
def test_real_checkpoints_give_everything_or_all_but_the_classes(facts: dict[str, Any], number: int) -> None:
    count = list(INDEXES.values())[number][1]
    all_of, fewer = (facts["index"][number][key] for key in (str(count), "3"))
    assert (all_of["restored"], all_of["not_restored"]) == (all_of["of"], {})
    assert all_of["backbone"][0] == all_of["backbone"][1] > 100
    assert all_of["renamed"] == fewer["renamed"] == 0
    (reason,) = fewer["not_restored"]
    assert reason == f"class count: {count} there, 3 here"
    assert fewer["backbone"] == all_of["backbone"]
    assert fewer["restored"] == fewer["of"] - 12
    assert all("/ClassPredictor/" in name for name in fewer["not_restored"][reason])


def test_a_training_begins_with_weights_and_goes_on_without_them(
    facts: dict[str, Any],
    odapi_python: Path,
    records: Path,
    tmp_path: Path,
) -> None:
    preset = small_preset()
    del preset["pipeline"]["graph_rewriter"]
    model, options = write_preset(tmp_path, preset), tmp_path / "options.json"
    weights = Path(facts["other classes"]["report"]["prefix"]).parent
    copied = shutil.copytree(weights, tmp_path / "weights")
    pretrained = {"prefix": str(copied / "model.ckpt"), "source": "my/weights"}
    options.write_text(json.dumps({"pretrained": pretrained, "eval_every": 0}))
    command = train_command(odapi_python, records, tmp_path / "train", model=model, options=options)
    begun = run([*command, "--steps=1"])
    assert begun.returncode == 0, begun.stderr[-3000:]
    report = json.loads((tmp_path / "train/pretrained.json").read_text())
    assert (report["restored"], report["variables"]) == (facts["variables"] - 8, facts["variables"])
    said = "restored {restored} of {variables} variables (backbone {0} of {0}) from my/weights; not restored: 8 (class"
    assert said.format(report["backbone"]["variables"], **report) in begun.stderr
    assert f'fine_tune_checkpoint: "{pretrained["prefix"]}"' in (tmp_path / "train/pipeline.config").read_text()
    shutil.rmtree(copied)
    resumed = run([*command, "--steps=2"])
    assert resumed.returncode == 0, resumed.stderr[-3000:]
    assert "resuming at step 1\n" in resumed.stderr
    assert f'fine_tune_checkpoint: "{pretrained["prefix"]}"' in (tmp_path / "train/pipeline.config").read_text()
