"""Fit images into a letterbox as the Object Detection API does, normalized first: the reference for detector.js.

.envs/odapi/bin/python tests/tfjs/odapi_letterbox.py SIDE IMAGE.npy... writes IMAGE.npy.fitted.npy beside each
"""

import sys

import numpy as np
import tensorflow as tf
from google.protobuf import text_format
from object_detection.builders import image_resizer_builder
from object_detection.protos import image_resizer_pb2
from object_detection.utils import shape_utils

side = int(sys.argv[1])
config = text_format.Parse(
    f"keep_aspect_ratio_resizer {{ min_dimension: {side} max_dimension: {side} pad_to_max_dimension: true }}",
    image_resizer_pb2.ImageResizer(),
)
resizer = image_resizer_builder.build(config)
image = tf.compat.v1.placeholder(tf.float32, [1, None, None, 3])
# ssd_meta_arch.preprocess: the extractor's normalization, then the resizer, which pads what is normalized
fitted, shape = shape_utils.resize_images_and_return_shapes((2.0 / 255.0) * image - 1.0, resizer)
with tf.compat.v1.Session() as session:
    for path in sys.argv[2:]:
        values, used = session.run([fitted, shape], {image: np.load(path)[None].astype(np.float32)})
        np.save(path + ".fitted.npy", values[0])
        print(*used[0][:2])
