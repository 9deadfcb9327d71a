"""explain-drop of a Faster R-CNN: the layers of both its networks, in the frozen graph.

It trains one for a step first, so it is asked for by name:

    make test TESTS='-m slow tests/explain/test_two_stages.py'
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.sample import draw_sample
from tests.conftest import odpipe
from tests.explain.conftest import HERE, run_script
from tests.project import copy_project, need_environment

pytestmark = [pytest.mark.slow, pytest.mark.odapi]

SECOND = "SecondStageFeatureExtractor/InceptionV2/Mixed_5b/Branch_0/Conv2d_0a_1x1"
RESIZER = "model.faster_rcnn.image_resizer.keep_aspect_ratio_resizer"
GRAPH = "frozen_inference_graph.pb"


def explain(root: Path) -> dict[str, Any]:
    done = odpipe(
        root, "explain-drop", "--name", "two", "--artefact", "frozen_graph", "--images", "2", "--backend", "local"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((root / "output/two/explain/drop.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_a_layer_of_the_second_network_is_named(tmp_path: Path) -> None:
    need_environment("odapi")
    root = copy_project(tmp_path / "project", environments=True)
    draw_sample(root / "input/drawn", images=20)
    small = [f"{RESIZER}.min_dimension=128", f"{RESIZER}.max_dimension=160"]
    sets = [word for assignment in small for word in ("--set", assignment)]
    length = ("--steps", "1", "--batch", "1", "--eval-every", "0", "--pretrained", "none")
    data = ("--model", "faster_rcnn_inception_v2", "--dataset", "input/drawn", "--name", "two", "--backend", "local")
    for command in (("train", *data, *length, *sets), ("freeze", "--name", "two", "--backend", "local")):
        done = odpipe(root, *command)
        assert done.returncode == 0, done.stderr[-3000:]
    sound = explain(root)
    assert (sound["findings"], sound["first_layer"]) == ([], None)
    assert any(layer["name"].startswith(SECOND) and layer["matched"] for layer in sound["layers"])
    run_script(HERE / "damage_graph.py", root / "output/two/frozen", GRAPH, f"{SECOND}/weights", "*4")
    damaged = explain(root)
    assert damaged["first_layer"] == f"{SECOND}/Relu"
    assert damaged["headline"].endswith("weights: all channels have 4 times the checkpoint's")
