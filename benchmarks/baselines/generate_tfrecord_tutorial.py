"""The peer of our records stage: what tutorials make of a csv file of boxes, written fresh in their way.

    python benchmarks/baselines/generate_tfrecord_tutorial.py CSV IMAGES LABEL_MAP OUTPUT

pandas groups the lines by image, PIL opens each image for its size, protobuf builds the example, TensorFlow's writer
appends it: one image at a time, on one core, nothing decoded. Needs the odapi environment. Prints the seconds of the
loop alone, without the start of Python and the import of TensorFlow.
"""

import io
import os
import sys
import time

import pandas as pd
import tensorflow as tf
from object_detection.utils import dataset_util, label_map_util
from PIL import Image


def split_by_image(frame):
    groups = frame.groupby("filename")
    return [(filename, groups.get_group(filename)) for filename in groups.groups]


def make_example(filename, rows, folder, ids):
    with tf.io.gfile.GFile(os.path.join(folder, filename), "rb") as file:
        encoded = file.read()
    width, height = Image.open(io.BytesIO(encoded)).size
    xmins, xmaxs, ymins, ymaxs, texts, labels = [], [], [], [], [], []
    for _, row in rows.iterrows():
        xmins.append(row["xmin"] / width)
        xmaxs.append(row["xmax"] / width)
        ymins.append(row["ymin"] / height)
        ymaxs.append(row["ymax"] / height)
        texts.append(row["class"].encode("utf8"))
        labels.append(ids[row["class"]])
    name = filename.encode("utf8")
    feature = {
        "image/height": dataset_util.int64_feature(height),
        "image/width": dataset_util.int64_feature(width),
        "image/filename": dataset_util.bytes_feature(name),
        "image/source_id": dataset_util.bytes_feature(name),
        "image/encoded": dataset_util.bytes_feature(encoded),
        "image/format": dataset_util.bytes_feature(b"jpg"),
        "image/object/bbox/xmin": dataset_util.float_list_feature(xmins),
        "image/object/bbox/xmax": dataset_util.float_list_feature(xmaxs),
        "image/object/bbox/ymin": dataset_util.float_list_feature(ymins),
        "image/object/bbox/ymax": dataset_util.float_list_feature(ymaxs),
        "image/object/class/text": dataset_util.bytes_list_feature(texts),
        "image/object/class/label": dataset_util.int64_list_feature(labels),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature))


def main(csv_path, folder, label_map, output):
    began = time.time()
    ids = label_map_util.get_label_map_dict(label_map)
    writer = tf.io.TFRecordWriter(output)
    for filename, rows in split_by_image(pd.read_csv(csv_path)):
        writer.write(make_example(filename, rows, folder, ids).SerializeToString())
    writer.close()
    print(f"{time.time() - began:.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
