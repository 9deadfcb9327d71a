"""Run every augmentation on a drawn image with boxes, in one process; runs in the odapi environment.

    python try_augmentations.py > report.json

writes {"flip": {"step": "random_horizontal_flip", "changed": 17, "of": 40, "boxes_kept": true, ...}, ...}.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../container_scripts"))

import numpy as np
import tensorflow as tf
from configs import augmentation
from object_detection.builders import preprocessor_builder
from object_detection.core import preprocessor, standard_fields
from object_detection.protos import pipeline_pb2

from pipeline.augmentations import AUGMENTATIONS

FIELDS = standard_fields.InputDataFields
SIDE = 128  # of the model's input
TRIES = 30
BOXES = np.array([[0.1, 0.2, 0.5, 0.6], [0.3, 0.3, 0.9, 0.8], [0.0, 0.0, 0.2, 1.0]], np.float32)


def try_augmentation(config, name, image):
    """Apply one augmentation TRIES times; give what it did to the image and to the boxes."""
    step = augmentation.make_step(config, name, SIDE, SIDE)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(1)
        tensors = {
            FIELDS.image: tf.constant(image[np.newaxis]),
            FIELDS.groundtruth_boxes: tf.constant(BOXES),
            FIELDS.groundtruth_classes: tf.constant([1, 2, 1], tf.int64),
            FIELDS.groundtruth_weights: tf.ones([3]),
        }
        result = preprocessor.preprocess(
            tensors,
            [preprocessor_builder.build(step)],
            func_arg_map=preprocessor.get_default_func_arg_map(include_label_weights=True),
        )
        runs = [session.run(result) for _ in range(TRIES)]
    images = [run[FIELDS.image][0] for run in runs]
    boxes = [run[FIELDS.groundtruth_boxes] for run in runs]
    return {
        "step": step.WhichOneof("preprocessing_step"),
        "image_changed": sum(i.shape != image.shape or not np.allclose(i, image, atol=1.0) for i in images),
        "boxes_changed": sum(b.shape != BOXES.shape or not np.allclose(b, BOXES, atol=1e-4) for b in boxes),
        "finite": all(bool(np.isfinite(i).all()) for i in images),
        "in_range": all(float(i.min()) >= -1.0 and float(i.max()) <= 256.0 for i in images),
        "boxes_inside": all(len(b) == 0 or (b.min() >= -1e-4 and b.max() <= 1 + 1e-4) for b in boxes),
        "boxes_sane": all(bool((b[:, 2:] >= b[:, :2]).all()) for b in boxes),
        "as_many_labels": all(len(r[FIELDS.groundtruth_classes]) == len(r[FIELDS.groundtruth_boxes]) for r in runs),
        "shapes": sorted({str(list(i.shape)) for i in images})[:3],
    }


def main():
    tf.get_logger().setLevel("ERROR")
    rows, columns = np.mgrid[0:160, 0:240]
    colours = [128 + 100 * np.sin(rows / 9.0), 128 + 100 * np.cos(columns / 7.0), (rows + columns) * 0.6]
    image = np.stack(colours, axis=-1).astype(np.float32)
    config = pipeline_pb2.TrainEvalPipelineConfig()
    resizer = config.model.ssd.image_resizer.fixed_shape_resizer
    resizer.height = resizer.width = SIDE
    report = {name: try_augmentation(config, name, image) for name in AUGMENTATIONS}
    json.dump(report, sys.stdout, default=lambda value: value.item())


if __name__ == "__main__":
    main()
