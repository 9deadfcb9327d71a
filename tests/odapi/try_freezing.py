"""Train a small SSD two steps with a frozen backbone and averaged weights, as the real scripts do.

    python try_freezing.py --model model.json --records-dir FOLDER --folder EMPTY_FOLDER > report.json

writes {"changed": [variables], "averages": [...], "averaged": [...], "begun": true, ...}; see `main`.
"""

import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import numpy as np
import tensorflow as tf
from checkpoints import moving_averages
from configs import model_config, training_options
from training import training_graph, training_records

SLOTS = ("Adam", "Adam_1", "beta1_power", "beta2_power", "global_step")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--records-dir", required=True)
    parser.add_argument("--folder", required=True)
    arguments = parser.parse_args()
    label_map = os.path.join(arguments.records_dir, "label_map.pbtxt")
    classes = training_records.read_label_map(label_map)
    records = training_records.check_records(arguments.records_dir, "train", len(classes))
    options = training_options.make_options(freeze="backbone", moving_average=0.5, augment=[])
    config = model_config.read_preset_config(arguments.model)
    model_config.fit_to_run(
        config, records=records, test_pattern=records.pattern, label_map_path=label_map, class_count=len(classes),
        steps=10, batch=2, options=options,
    )  # fmt: skip
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        json.dump(train_two_steps(config, options, session, arguments.folder), sys.stdout)


def train_two_steps(config, options, session, folder):
    """Train, save, and compare variables before and after, with their averages, and with what is restored."""
    tf.compat.v1.set_random_seed(0)
    graph = training_graph.build_training_graph(config, False, options)
    session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer(), graph.start_input])
    variables = {v.op.name: v for v in tf.compat.v1.global_variables() if v.op.name.split("/")[-1] not in SLOTS}
    shadows = [name for name in variables if name.endswith(moving_averages.SUFFIX)]
    for name in shadows:  # as if weights had been restored over those that the averages began with
        session.run(variables[name[: -len(moving_averages.SUFFIX)]].assign_add(0.01 * tf.ones_like(variables[name])))
    moving_averages.begin(session)
    before = session.run(variables)
    begun = all(np.array_equal(before[n], before[n[: -len(moving_averages.SUFFIX)]]) for n in shadows)
    for _ in range(2):
        session.run(graph.train_op)
    after = session.run(variables)
    plain = [name for name in variables if name not in shadows]
    prefix = tf.compat.v1.train.Saver().save(session, os.path.join(folder, "model.ckpt-2"))
    named = moving_averages.averaged(prefix, [variables[name] for name in plain])
    tf.compat.v1.train.Saver(named).restore(session, prefix)
    restored = session.run({name: variables[name] for name in plain})
    os.mkdir(os.path.join(folder, "averaged"))
    written = tf.train.load_checkpoint(moving_averages.write_averaged(prefix, os.path.join(folder, "averaged")))
    return {
        "changed": [name for name in plain if not np.array_equal(before[name], after[name])],
        "kept": [name for name in plain if np.array_equal(before[name], after[name])],
        "averages": [name[: -len(moving_averages.SUFFIX)] for name in shadows],
        "begun": begun,
        "restored": [name for name in plain if not np.array_equal(restored[name], after[name])],
        "restored_right": all(np.array_equal(restored[n[: -len(moving_averages.SUFFIX)]], after[n]) for n in shadows),
        "written_right": all(np.array_equal(written.get_tensor(name), restored[name]) for name in plain),
        "written_shadows": [n for n in written.get_variable_to_shape_map() if n.endswith(moving_averages.SUFFIX)],
    }


if __name__ == "__main__":
    main()
