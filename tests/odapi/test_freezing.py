"""FREEZE=backbone and MOVING_AVERAGE=, in a training graph that is run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.odapi.conftest import small_preset, write_preset
from tests.project import ROOT

pytestmark = pytest.mark.odapi

AVERAGES = ("moving_mean", "moving_variance")


@pytest.fixture(scope="module")
def trained(odapi_python: Path, records: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("frozen")
    preset = small_preset()
    del preset["pipeline"]["graph_rewriter"]
    command = [
        str(odapi_python), str(ROOT / "tests/odapi/try_freezing.py"), f"--model={write_preset(folder, preset)}",
        f"--records-dir={records}", f"--folder={folder}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def is_backbone(name: str) -> bool:
    """Tell by MobileNet V2's own layers."""
    layer = name.removeprefix("FeatureExtractor/MobilenetV2/").split("/")[0]
    return layer in ("Conv", "Conv_1", "expanded_conv") or layer.startswith("expanded_conv_")


def test_a_frozen_backbone_stays_to_the_last_bit_with_its_averages_of_batch_norm(trained: dict[str, Any]) -> None:
    assert [name for name in trained["changed"] if is_backbone(name)] == []
    assert any(name.endswith("moving_variance") and is_backbone(name) for name in trained["kept"])
    assert sum(map(is_backbone, trained["kept"])) == 260


def test_what_stands_behind_the_backbone_is_trained_and_averaged(trained: dict[str, Any]) -> None:
    behind = [name for name in trained["changed"] + trained["kept"] if not is_backbone(name)]
    assert sorted(trained["averages"]) == sorted(name for name in behind if not name.endswith(AVERAGES))
    changed = [name for name in trained["changed"] if not name.endswith(AVERAGES)]
    assert len(changed) > 0.5 * len(trained["averages"])
    for part in ("BoxPredictor_0/ClassPredictor/", "BoxPredictor_0/BoxEncodingPredictor/", "/layer_19_2_Conv2d_2_3x3"):
        assert any(part in name for name in changed), part


def test_the_predictor_learns_its_averages_of_batch_norm(trained: dict[str, Any]) -> None:
    averages = {name for name in trained["changed"] if name.endswith(AVERAGES)}
    assert averages and all(name.startswith("BoxPredictor_") for name in averages)


def test_averages_begin_at_restored_weights_and_take_their_place_when_read(trained: dict[str, Any]) -> None:
    assert trained["begun"]
    assert trained["restored"] and set(trained["restored"]) <= set(trained["averages"])
    assert trained["restored_right"] and trained["written_right"]
    assert trained["written_shadows"] == []
