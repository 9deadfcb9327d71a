"""Run inside the odapi environment: the same steps on one device and on two virtual ones; prints what came out as JSON.

    python tests/odapi/try_devices.py model.json RECORDS_DIR WORK_DIR

Both begin with the same weights, see the same images in the same order, and have batch norms that use their averages.
Losses are sums over the batch here, so two devices, which average their halves, have half of them: they learn at
twice the rate, with half of the regularization.
"""

import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "container_scripts")]
os.environ["ODPIPE_VIRTUAL_DEVICES"] = "2"

import tensorflow as tf  # noqa: E402
from checkpoints import checkpoint_files, moving_averages  # noqa: E402
from configs import (  # noqa: E402
    model_config,
    training_options,
)
from training import (  # noqa: E402
    devices,
    training_graph,
    training_records,
)

BATCH = 8
RATE = 0.002
REGULARIZATION = 0.01


def make_config(model, folder, device_count):
    names = training_records.read_label_map(os.path.join(folder, "label_map.pbtxt"))
    records = training_records.check_records(folder, "train", len(names))
    config = model_config.read_preset_config(model)
    config.ClearField("graph_rewriter")
    model_config.fit_to_run(
        config,
        records=records,
        test_pattern=os.path.join(folder, "test.record-*"),
        label_map_path=os.path.join(folder, "label_map.pbtxt"),
        class_count=len(names),
        steps=1000,
        batch=BATCH,
    )
    config.train_input_reader.shuffle = False
    del config.train_config.data_augmentation_options[:]
    optimizer = config.train_config.optimizer
    optimizer.Clear()
    optimizer.use_moving_average = True
    optimizer.moving_average_decay = 0.5
    optimizer.momentum_optimizer.momentum_optimizer_value = 0.9
    optimizer.momentum_optimizer.learning_rate.constant_learning_rate.learning_rate = RATE * device_count
    config.model.ssd.normalize_loss_by_num_matches = False
    for hyperparams in model_config.hyperparams_of(config.model.ssd):
        hyperparams.batch_norm.train = False
        hyperparams.regularizer.l2_regularizer.weight = REGULARIZATION / device_count
    return config


def train(config, gpus, restore, save, steps):
    """Train some steps; returns their losses, the names of the first batch and the graph's variables."""
    options = training_options.make_options(gpus=gpus)
    devices.choose(options, batch=BATCH)
    with tf.Graph().as_default():
        tf.compat.v1.set_random_seed(0)
        graph = training_graph.build_training_graph(config, False, options)
        saver = tf.compat.v1.train.Saver()
        with tf.compat.v1.Session(config=devices.session_options(options)) as session:
            session.run(
                [tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer(), graph.start_input]
            )
            if restore:
                checkpoint_files.restore(session, restore)
            begin = saver.save(session, save + "-begin", write_meta_graph=False)
            losses, names = [], []
            for _ in range(steps):
                _, values, batch = session.run([graph.train_op, graph.metrics, graph.batch])
                losses.append(float(values["loss"]))
                names.append([name.decode() for name in batch["filename"]])
            end = saver.save(session, save + "-end", write_meta_graph=False)
            return {
                "losses": losses,
                "names": names[0],
                "shapes": {name: list(batch[name].shape) for name in batch},
                "step": int(session.run(graph.global_step)),
                "begin": begin,
                "end": end,
                "variables": tf.train.load_checkpoint(end).get_variable_to_shape_map(),
            }


def compare_averages(one, two):
    """Give, of each average of a checkpoint, how far the other's is off, by how far it is off its own weights."""
    readers = [tf.train.load_checkpoint(prefix) for prefix in (one, two)]
    apart = {}
    for name in readers[0].get_variable_to_shape_map():
        if name.endswith(moving_averages.SUFFIX):
            first, second = (reader.get_tensor(name) for reader in readers)
            moved = abs(readers[0].get_tensor(name[: -len(moving_averages.SUFFIX)]) - first).max()
            apart[name] = float(abs(first - second).max() / moved) if moved else float(abs(first - second).max())
    return apart


def main(model, folder, work):
    one = train(make_config(model, folder, 1), None, None, os.path.join(work, "one"), steps=6)
    two = train(make_config(model, folder, 2), 2, one["begin"], os.path.join(work, "two"), steps=6)
    again = train(make_config(model, folder, 1), None, two["end"], os.path.join(work, "again"), steps=1)
    print(json.dumps({"one": one, "two": two, "again": again, "apart": compare_averages(one["end"], two["end"])}))


if __name__ == "__main__":
    main(*sys.argv[1:])
