"""Run inside the odapi environment: read a record file with TensorFlow and decode it with the OD API's own decoder.

    python tests/records/decode_with_tensorflow.py test.record LABEL_MAP

Prints one JSON line an example: what the decoder saw, and a digest of the pixels. Python 3.6 and TF 1.15.
"""

import hashlib
import json
import sys

import tensorflow as tf
from object_detection.core import standard_fields as fields
from object_detection.data_decoders import tf_example_decoder


def main(record_path, label_map_path):
    decoder = tf_example_decoder.TfExampleDecoder(label_map_proto_file=label_map_path, use_display_name=False)
    serialized = tf.compat.v1.placeholder(tf.string, shape=[])
    tensors = decoder.decode(serialized)
    names = fields.InputDataFields
    wanted = {
        "source_id": tensors[names.source_id],
        "filename": tensors[names.filename],
        "image": tensors[names.image],
        "boxes": tensors[names.groundtruth_boxes],
        "classes": tensors[names.groundtruth_classes],
        "difficult": tensors[names.groundtruth_difficult],
        "weights": tensors[names.groundtruth_weights],
        "size": tensors[names.original_image_spatial_shape],
    }
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.tables_initializer())
        for data in tf.compat.v1.io.tf_record_iterator(record_path):
            found = session.run(wanted, feed_dict={serialized: data})
            line = {
                "source_id": found["source_id"].decode("utf-8"),
                "filename": found["filename"].decode("utf-8"),
                "shape": [int(side) for side in found["image"].shape],
                "mean": float(found["image"].mean()),
                "pixels": hashlib.sha256(found["image"].tobytes()).hexdigest(),
                "boxes": found["boxes"].tolist(),
                "classes": found["classes"].tolist(),
                "difficult": [int(flag) for flag in found["difficult"]],
                "weights": found["weights"].tolist(),
                "size": found["size"].tolist(),
            }
            print(json.dumps(line))


if __name__ == "__main__":
    main(*sys.argv[1:])
