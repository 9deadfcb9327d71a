"""The records and label map of a run, checked before hours are spent on them.

    input/tf_records/cats/train.record-00000-of-00004 ...  label_map.pbtxt

Each check stands for a known way to lose a training run: label id 0 and boxes that are empty,
inverted or outside their image make `loss is NaN` (tensorflow/models#1881, #3868, #8595, #1765).
"""

import collections
import glob
import math
import os

import tensorflow as tf
from google.protobuf import text_format
from object_detection.protos import string_int_label_map_pb2
from screen import fail

# Readers clip by a hair when they divide pixels by sizes; the OD API's decoder does not mind either.
OVERHANG = 1e-4

Records = collections.namedtuple("Records", "pattern images boxes most_boxes")


def read_label_map(path):
    """Read the class names in the order of their ids, which must be 1, 2, 3, ... without a gap."""
    if not os.path.exists(path):
        fail("no label map at {}".format(path), hint="make records MODEL=...", exit_code=3)
    label_map = string_int_label_map_pb2.StringIntLabelMap()
    try:
        with open(path, encoding="utf-8") as file:
            text_format.Parse(file.read(), label_map)
    except text_format.ParseError as error:
        fail("{}: not a label map: {}".format(path, error))
    names = {item.id: item.name for item in label_map.item}
    if sorted(names) != list(range(1, len(label_map.item) + 1)) or not names:
        ids = ", ".join(str(item.id) for item in label_map.item) or "none"
        fail(
            "{}: label ids must be 1, 2, 3, ... without a gap; found: {}".format(path, ids),
            hint="number the items from 1 (0 is the background) and write the records again",
        )
    return [names[number] for number in sorted(names)]


def check_records(records_dir, split, class_count):
    """Read every example of a split once, and count images and boxes.

    Fails with the file and the image on a label or a box that training cannot survive.
    """
    pattern = os.path.join(records_dir, split + ".record-*")
    paths = sorted(glob.glob(pattern))
    if not paths:
        fail("no records at {}".format(pattern), hint="make records MODEL=...")
    images = boxes = most = 0
    for path in paths:
        try:
            for serialized in tf.compat.v1.python_io.tf_record_iterator(path):
                count = _check_example(path, serialized, class_count)
                images += 1
                boxes += count
                most = max(most, count)
        except tf.errors.DataLossError as error:
            fail("{}: broken after {} images: {}".format(path, images, error.message), hint="write the records again")
    if not images:
        fail("{}: no images in it".format(pattern))
    if not boxes:
        fail("{}: {} images and not one box to learn from".format(pattern, images))
    return Records(pattern, images, boxes, most)


def count_images(records_dir, split):
    """Count the examples of a split without decoding them; fails when there are none."""
    pattern = os.path.join(records_dir, split + ".record-*")
    paths = sorted(glob.glob(pattern))
    if not paths:
        fail("no records at {}".format(pattern), hint="make records MODEL=...")
    count = 0
    for path in paths:
        try:
            count += sum(1 for _ in tf.compat.v1.python_io.tf_record_iterator(path))
        except tf.errors.DataLossError as error:
            fail("{}: broken: {}".format(path, error.message), hint="write the records again")
    if not count:
        fail("{}: no images in it".format(pattern))
    return count


def _check_example(path, serialized, class_count):
    features = tf.train.Example.FromString(serialized).features.feature
    labels = features["image/object/class/label"].int64_list.value
    name = b"".join(features["image/filename"].bytes_list.value[:1]).decode("utf-8", "replace")
    where = "{}: image {!r}".format(path, name)
    for label in labels:
        if not 1 <= label <= class_count:
            fail(
                "{}: label id {} is not one of 1 to {}".format(where, label, class_count),
                hint="ids start at 1 and stand in label_map.pbtxt; write the records again",
            )
    edges = [features["image/object/bbox/" + edge].float_list.value for edge in ("xmin", "ymin", "xmax", "ymax")]
    if any(len(values) != len(labels) for values in edges):
        fail("{}: {} labels, but {} box edges".format(where, len(labels), "/".join(str(len(v)) for v in edges)))
    for box in zip(*edges):  # noqa: B905  (strict= is Python 3.10's; lengths are checked above)
        xmin, ymin, xmax, ymax = box
        inside = all(math.isfinite(edge) and -OVERHANG <= edge <= 1 + OVERHANG for edge in box)
        if not inside or xmin >= xmax or ymin >= ymax:
            fail(
                "{}: box ({:.4g}, {:.4g}, {:.4g}, {:.4g}) is empty, inverted or outside 0..1".format(where, *box),
                hint="correct the annotation and write the records again",
            )
    return len(labels)
