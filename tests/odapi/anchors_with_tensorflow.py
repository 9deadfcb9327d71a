"""Print the anchors of real models: one preset as JSON a line in, one line of numbers a model out.

    .envs/odapi/bin/python tests/odapi/anchors_with_tensorflow.py < presets.jsonl

Runs in the odapi environment, Python 3.7. Each line: {"pipeline": {...}, "height": ..., "width": ...}.
"""

import json
import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf
from google.protobuf import json_format
from object_detection.protos import pipeline_pb2

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, os.pardir, "container_scripts"))
from feature_extractors import model_builder


def find_anchors(pipeline, height, width):
    """Build the model, predict on a gray image of that size, and return its anchors in shares of the input."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    json_format.ParseDict(pipeline, config)
    part = getattr(config.model, config.model.WhichOneof("model"))
    part.num_classes = 1
    with tf.Graph().as_default(), tf.Session() as session:
        model = model_builder.build(config.model, is_training=False)
        image = tf.zeros([1, height, width, 3])
        if config.model.HasField("ssd"):
            model.predict(image, tf.constant([[height, width, 3]]))
            anchors, side = model.anchors.get(), [1, 1, 1, 1]
        else:
            # What predict() leaves out or clips depends on training; these are all of them
            features, _ = model._feature_extractor.extract_proposal_features(image, scope="first")
            shapes = [(features.shape[1].value, features.shape[2].value)]
            anchors = model._first_stage_anchor_generator.generate(shapes)[0].get()
            side = [height, width, height, width]
        return np.asarray(session.run(anchors)) / side


if __name__ == "__main__":
    for line in sys.stdin:
        given = json.loads(line)
        found = find_anchors(given["pipeline"], given["height"], given["width"])
        print(json.dumps(np.round(found.astype(np.float64), 8).tolist()), flush=True)
