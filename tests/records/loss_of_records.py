"""Run inside the odapi environment: the first loss of a training, for one folder of records after the other.

    python tests/records/loss_of_records.py model.json BATCH RECORDS_DIR [RECORDS_DIR ...]

The graph is that of container_scripts/training/training_graph.py, always with the same initial
weights. Prints one JSON line a folder. Python 3.6 and TF 1.15.
"""

import argparse
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [ROOT, os.path.join(ROOT, "container_scripts")]

import tensorflow as tf  # noqa: E402
import train  # noqa: E402
from configs import training_options  # noqa: E402
from training import (  # noqa: E402
    training_graph,
    training_records,
)


def main(model, batch, *folders):
    for folder in folders:
        names = training_records.read_label_map(os.path.join(folder, "label_map.pbtxt"))
        records = training_records.check_records(folder, "train", len(names))
        flags = argparse.Namespace(
            config=None,
            model=model,
            records_dir=folder,
            steps=1000,
            batch=int(batch),
            input_size=None,
            options=training_options.read_options(None),
        )
        config = train.build_config(flags, records, names)
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            tf.compat.v1.set_random_seed(0)
            graph = training_graph.build_training_graph(config, False)
            session.run(
                [tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer(), graph.start_input]
            )
            losses = session.run(graph.metrics)
        print(json.dumps({name: float(value) for name, value in losses.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
