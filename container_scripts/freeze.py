"""Freeze a checkpoint of a run into graphs that other runtimes read: the best one, unless another is asked for.

    python container_scripts/freeze.py --train-dir output/cats/train --frozen-dir output/cats/frozen \\
        [--checkpoint best|last|900|output/cats/train/model.ckpt-900]

writes frozen_inference_graph.pb, saved_model/, tflite_graph.pb (SSD only), label_map.pbtxt, pipeline.config and
model.json:
    {"architecture": "ssd", "quantized": true, "input_height": 300, "input_width": 300, "step": 1000,
     "checkpoint": "best/model.ckpt-1000", "classes": ["cat", "dog"], "max_detections": 100,
     "resize": "stretch", "preprocessing": {"scale": [0.00784, 0.00784, 0.00784], "offset": [-1.0, -1.0, -1.0]}}
The last two are what a graph leaves to those who run it (configs/model_input.py); frozen_inference_graph.pb and
saved_model/ take an image as it is.
Every graph answers with score threshold 0: a threshold cuts the tail of the precision-recall curve that
evaluation measures. Whoever shows boxes applies his own.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile

if __name__ == "__main__" and os.environ.get("PYTHONHASHSEED") != "0":
    # The quantization rewriter walks over sets: with Python's random hashes, nodes come in another order each time.
    os.environ["PYTHONHASHSEED"] = "0"
    os.execv(sys.executable, [sys.executable] + sys.argv)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import feature_extractors  # noqa: F401 - known to the exporter's builder from here on
import tensorflow as tf
from checkpoints import checkpoint_choice, checkpoint_files, moving_averages
from configs import model_config, model_input
from google.protobuf import text_format
from object_detection import export_tflite_ssd_graph_lib, exporter
from screen import say
from tensorflow.core.protobuf import saved_model_pb2
from training import training_records

# max_classes_per_detection is read by fast NMS only.
MAX_CLASSES_PER_DETECTION = 1


def freeze(train_dir, frozen_dir, text_graphs, wanted=checkpoint_choice.BEST):
    """Write every graph of a checkpoint; returns what model.json says."""
    checkpoint = checkpoint_choice.choose(train_dir, wanted)
    config = model_config.read_config_file(os.path.join(train_dir, "pipeline.config"))
    quantized = checkpoint_files.is_quantized(checkpoint)
    step = checkpoint_files.read_step(checkpoint)
    if config.HasField("graph_rewriter") and not quantized:
        say(
            "step {} is not quantized yet (that starts at step {}): freezing a float model; train on for uint8".format(
                step, config.graph_rewriter.quantization.delay
            )
        )
    config = model_config.read_trained_config(train_dir, quantized)
    architecture = config.model.WhichOneof("model")
    label_map_path = os.path.join(train_dir, "label_map.pbtxt")
    nms = _without_score_threshold(config)
    height, width = model_config.input_size(config)
    description = {
        "architecture": architecture,
        "quantized": quantized,
        "input_height": height,
        "input_width": width,
        "step": step,
        # From the train folder, so that the run's folder can be renamed
        "checkpoint": os.path.relpath(checkpoint, train_dir),
        "classes": training_records.read_label_map(label_map_path),
        "max_detections": nms.max_total_detections,
    }
    description.update(model_input.describe_input(config))
    os.makedirs(frozen_dir)
    config.eval_config.use_moving_averages = False  # they stand in the place of the weights from here on
    with tempfile.TemporaryDirectory() as folder:
        if moving_averages.has_averages(checkpoint):
            checkpoint = moving_averages.write_averaged(checkpoint, folder)
        _write_graphs(config, checkpoint, frozen_dir)
        if architecture == "ssd":
            if description["resize"] in model_input.OUTSIDE_THE_GRAPH:
                _write_tflite_graph(model_input.with_fixed_size(config), checkpoint, frozen_dir, nms)
            else:
                say(
                    "no tflite_graph.pb: this image_resizer only works within TensorFlow; a fixed_shape_resizer, or "
                    "keep_aspect_ratio with one size and pad_to_max_dimension, would do"
                )
    _remove(os.path.join(frozen_dir, "tflite_graph.pbtxt"))
    _rewrite_in_order(frozen_dir, text_graphs)
    shutil.copyfile(label_map_path, os.path.join(frozen_dir, "label_map.pbtxt"))
    model_config.write_config_file(config, os.path.join(frozen_dir, "pipeline.config"))
    with open(os.path.join(frozen_dir, "model.json"), "w", encoding="utf-8") as file:
        json.dump(description, file, indent=2, ensure_ascii=False)
        file.write("\n")
    return description


def _without_score_threshold(config):
    model = model_config.model_of(config)
    post_processing = (
        model.post_processing if config.model.WhichOneof("model") == "ssd" else model.second_stage_post_processing
    )
    nms = post_processing.batch_non_max_suppression
    nms.score_threshold = 0.0
    return nms


def _write_graphs(config, checkpoint, frozen_dir):
    """Write frozen_inference_graph.pb and saved_model/ with the OD API's exporter."""
    with tf.Graph().as_default():
        exporter.export_inference_graph("image_tensor", config, checkpoint, frozen_dir)
    # The exporter also leaves a copy of the checkpoint, which the train folder has already.
    for name in os.listdir(frozen_dir):
        if name == "checkpoint" or name.startswith("model.ckpt"):
            _remove(os.path.join(frozen_dir, name))


def _write_tflite_graph(config, checkpoint, frozen_dir, nms):
    """Write tflite_graph.pb with regular, per-class NMS.

    The exporter's default, fast NMS, is class-agnostic: it alone cost 13 points of mAP (0.219 against 0.348 with
    regular NMS), a loss that is often blamed on quantization.
    """
    with tf.Graph().as_default():
        export_tflite_ssd_graph_lib.export_tflite_graph(
            config,
            checkpoint,
            frozen_dir,
            add_postprocessing_op=True,
            max_detections=nms.max_total_detections,
            max_classes_per_detection=MAX_CLASSES_PER_DETECTION,
            detections_per_class=nms.max_detections_per_class,
            use_regular_nms=True,
        )


def _rewrite_in_order(frozen_dir, text_graphs):
    """Write each graph again with its maps in order: the same checkpoint then gives the same bytes."""
    graphs = (
        ("frozen_inference_graph.pb", tf.compat.v1.GraphDef),
        ("tflite_graph.pb", tf.compat.v1.GraphDef),
        ("saved_model/saved_model.pb", saved_model_pb2.SavedModel),
    )
    for name, kind in graphs:
        path = os.path.join(frozen_dir, name)
        if not os.path.exists(path):
            continue
        message = kind()
        with open(path, "rb") as file:
            message.ParseFromString(file.read())
        with open(path, "wb") as file:
            file.write(message.SerializeToString(deterministic=True))
        if text_graphs and "/" not in name:
            with open(path + "txt", "w", encoding="utf-8") as file:
                file.write(text_format.MessageToString(message))


def _remove(path):
    if os.path.exists(path):
        os.remove(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train-dir", required=True)
    parser.add_argument("--frozen-dir", required=True)
    parser.add_argument("--checkpoint", default=checkpoint_choice.BEST, help="best, last, a step or a path")
    parser.add_argument("--pbtxt", action="store_true", help="also write the graphs as text")
    arguments = parser.parse_args()
    description = freeze(arguments.train_dir, arguments.frozen_dir, arguments.pbtxt, arguments.checkpoint)
    say(
        "froze step {step}: {architecture}, {kind}, {input_height}x{input_width}, {count} classes".format(
            kind="quantized" if description["quantized"] else "float", count=len(description["classes"]), **description
        )
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
