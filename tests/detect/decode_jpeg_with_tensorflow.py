"""Run inside the odapi environment: decode JPEGs as the OD API decodes its records.

    python tests/detect/decode_jpeg_with_tensorflow.py DCT_METHOD OUT_DIR a.jpg b.jpg ...

DCT_METHOD is INTEGER_ACCURATE, or "" for TensorFlow's default.
Writes OUT_DIR/NUMBER.npy, [height, width, 3] of uint8 each. Python 3.6 and TF 1.15.
"""

import os
import sys

import numpy as np
import tensorflow as tf
from object_detection.core import standard_fields as fields
from object_detection.data_decoders import tf_example_decoder


def main(dct_method, out_dir, *paths):
    serialized = tf.compat.v1.placeholder(tf.string, shape=[])
    image = tf_example_decoder.TfExampleDecoder(dct_method=dct_method).decode(serialized)[fields.InputDataFields.image]
    with tf.compat.v1.Session() as session:
        session.run(tf.compat.v1.tables_initializer())
        for number, path in enumerate(paths):
            example = tf.train.Example()
            with open(path, "rb") as file:
                example.features.feature["image/encoded"].bytes_list.value.append(file.read())
            example.features.feature["image/format"].bytes_list.value.append(b"jpeg")
            np.save(
                os.path.join(out_dir, f"{number}.npy"),
                session.run(image, {serialized: example.SerializeToString()}),
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
