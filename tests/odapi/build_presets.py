"""Build every preset's training graph and inference graph; runs in the odapi environment.

    python build_presets.py --presets FOLDER --records-dir FOLDER --classes 90 --report report.json [--step NAME ...]

writes {name: {"variables": {variable: shape}, "losses": [...], "decays": {operation: 0.99},
"outputs": {tensor: shape}, "cpu_s": 5.1}}. `variables` are those of the training graph, but for optimizer slots and
global_step; `decays` are those of the averages that batch norms keep. Presets of --step are also trained one step:
"stepped" is the loss of one image before it and after it, without augmentation.

Each preset has a process of its own, forked from one that has imported TensorFlow: in one process, the graphs
that are done with would make the last preset's take five times as long as the first's.
"""

import argparse
import gc
import glob
import json
import multiprocessing
import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import model_variables
import tensorflow as tf
from configs import model_config
from training import training_graph, training_records

SLOTS = ("Adam", "Adam_1", "Momentum", "beta1_power", "beta2_power")


def build(path, records_dir, class_count, step):
    """Build one preset's graphs as a run does, at its own input size, one image a batch."""
    config = model_config.read_preset_config(path)
    del config.train_config.data_augmentation_options[:]
    records = training_records.check_records(records_dir, "train", class_count)
    model_config.fit_to_run(
        config,
        records=records,
        test_pattern=records.pattern,
        label_map_path=os.path.join(records_dir, "label_map.pbtxt"),
        class_count=class_count,
        steps=config.train_config.num_steps,
        batch=1,
    )
    report = {}
    with tf.Graph().as_default():
        tf.compat.v1.set_random_seed(0)
        graph = training_graph.build_training_graph(config, quantized=False)
        variables = [v for v in tf.compat.v1.global_variables() if v.op.name.split("/")[-1] not in SLOTS]
        report["variables"] = model_variables.shapes_of(variables)
        report["losses"] = sorted(graph.metrics)
        report["decays"] = decays_of_batch_norms(tf.compat.v1.get_default_graph())
        if step:
            report["stepped"] = losses_around_a_step(graph)
    with tf.Graph().as_default():
        model, predictions, true_shapes = model_variables.build_network(config, class_count, is_training=False)
        detections = model.postprocess(predictions, true_shapes)
        report["outputs"] = {name: tensor.shape.as_list() for name, tensor in sorted(detections.items())}
    report["cpu_s"] = round(time.process_time(), 1)
    return report


def decays_of_batch_norms(graph):
    """Give the decay of each average that batch norms keep."""
    found = {}
    for operation in graph.get_operations():
        # average -= (average - value) * (1 - decay)
        if operation.type == "AssignSub" and "/AssignMovingAvg" in operation.name:
            rest = operation.inputs[1].op.inputs[1].op
            found[operation.name] = round(float(tf.get_static_value(rest.inputs[1])), 4)
    return found


def losses_around_a_step(graph):
    """Give the loss of the one image of the records before and after a step of training."""
    with tf.compat.v1.Session() as session:
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.local_variables_initializer()])
        session.run([tf.compat.v1.tables_initializer(), graph.start_input])
        before = session.run(graph.metrics["loss"])
        session.run(graph.train_op)
        return [float(before), float(session.run(graph.metrics["loss"]))]


def keep_one_image(records_dir, folder):
    """Write the first training example alone into a folder, so that every batch is the same."""
    (label_map,) = glob.glob(os.path.join(records_dir, "label_map.pbtxt"))
    with open(label_map) as source, open(os.path.join(folder, "label_map.pbtxt"), "w") as target:
        target.write(source.read())
    first = sorted(glob.glob(os.path.join(records_dir, "train.record-*")))[0]
    with tf.io.TFRecordWriter(os.path.join(folder, "train.record-00000-of-00001")) as writer:
        writer.write(next(tf.compat.v1.python_io.tf_record_iterator(first)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", required=True, help="a folder of presets as JSON")
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--step", nargs="*", default=[], help="presets to train one step")
    parser.add_argument("--report", required=True)
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")
    gc.disable()  # a process lives for one preset
    paths = {
        os.path.basename(path)[: -len(".json")]: path for path in glob.glob(os.path.join(arguments.presets, "*.json"))
    }
    with tempfile.TemporaryDirectory() as folder:
        keep_one_image(arguments.records_dir, folder)
        with multiprocessing.get_context("fork").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            built = {
                name: pool.apply_async(build, (path, folder, arguments.classes, name in arguments.step))
                for name, path in sorted(paths.items())
            }
            report = {name: result.get() for name, result in built.items()}
    with open(arguments.report, "w") as file:
        json.dump(report, file)


if __name__ == "__main__":
    main()
