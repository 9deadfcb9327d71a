"""The preflight of a model that this project trained and exported, and of one that TOCO left in float."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pipeline.preflight.report import preflight_file
from tests.project import need_environment

CONVERT = """
import sys
import numpy as np
import tensorflow as tf

kind, path = sys.argv[1:]
graph = tf.Graph()
with graph.as_default(), tf.Session() as session:
    image = tf.placeholder(tf.float32, [1, 16, 16, 3], name="image")
    if kind == "quantized":
        image = tf.fake_quant_with_min_max_args(image, -1, 1)
    weights = tf.constant(np.linspace(-1, 1, 3 * 3 * 3 * 8).reshape(3, 3, 3, 8).astype(np.float32))
    if kind == "quantized":
        weights = tf.fake_quant_with_min_max_args(weights, -1, 1, narrow_range=True)
    features = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(image, weights, 2, "SAME"), tf.zeros([8])))
    if kind == "quantized":
        features = tf.fake_quant_with_min_max_args(features, 0, 6)
    output = tf.nn.avg_pool2d(features, 8, 1, "VALID")
    if kind == "quantized":
        output = tf.fake_quant_with_min_max_args(output, 0, 6)
    converter = tf.lite.TFLiteConverter.from_session(session, [graph.get_tensor_by_name("image:0")], [output])
    if kind == "quantized":
        converter.inference_type = tf.uint8
        converter.quantized_input_stats = {"image": (128, 128)}
    with open(path, "wb") as file:
        file.write(converter.convert())
"""


@pytest.mark.toco
@pytest.mark.parametrize(
    ("kind", "status"),
    [("quantized", "Mapped to Edge TPU"), ("float", "Operation is working on an unsupported data type")],
)
def test_what_toco_writes_is_judged_by_its_type(tmp_path: Path, kind: str, status: str) -> None:
    python = need_environment("toco")
    path = tmp_path / f"{kind}.tflite"
    environment = {"PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        [str(python), "-c", CONVERT, kind, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = preflight_file(path)
    assert found.rows == [("CONV_2D", 1, status), ("AVERAGE_POOL_2D", 1, status)]
    assert found.works is (kind == "quantized")


@pytest.mark.toco
def test_an_export_leaves_the_preflight_of_its_detector(tiny_run_dir: Path) -> None:
    found = json.loads((tiny_run_dir / "edgetpu" / "preflight.json").read_text())
    assert found["works"] is True
    assert found["on_tpu"] == found["operators"] - 1
    assert [refusal["custom"] for refusal in found["refusals"]] == ["TFLite_Detection_PostProcess"]
    assert found["size_bytes"] == (tiny_run_dir / "tflite" / "detect.tflite").stat().st_size
