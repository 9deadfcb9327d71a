"""A sample of a run's training images, as its network sees them: what the ranges of int8 are measured on.

    choose("input/tf_records/cats", 200)        [(path of a train.record-*, byte of a record), ...], drawn from all
    for image in read(chosen, model): ...       float32 [1, height, width, 3], resized and normalized

Pixels are made as the evaluation makes them: libjpeg's decoding, TensorFlow 1's bilinear resizing. The test images are
not looked at: a model fitted to them would look better than it is.
"""

import glob
import os
import random
import struct

import tensorflow as tf
from detection.image_decoder import ImageDecoder
from screen import fail

HEADER = struct.Struct("<QI")  # of a record in a TFRecord file: its length, a checksum; another checksum follows it
FOOTER_BYTES = 4
MAKE_RECORDS = "make records NAME=... DATASET=...: int8 after training measures its ranges on the training images"


def choose(records_dir, count, seed=0):
    """Choose `count` of all training records, or all there are; the same ones every time. Ends the job without any."""
    pattern = os.path.join(records_dir, "train.record-*")
    paths = sorted(glob.glob(pattern))
    places = [(path, position) for path in paths for position in find_records(path)]
    if not places:
        fail("there are no training images at {}".format(pattern), hint=MAKE_RECORDS)
    return sorted(random.Random(seed).sample(places, min(count, len(places))))


def find_records(path):
    """Return the byte at which each record of a file begins, reading lengths only."""
    places, size = [], os.path.getsize(path)
    with open(path, "rb") as file:
        while True:
            position = file.tell()
            header = file.read(HEADER.size)
            if not header:
                return places
            length = HEADER.unpack(header)[0] if len(header) == HEADER.size else size
            if position + HEADER.size + length + FOOTER_BYTES > size:
                fail("{}: ends within the record at byte {}".format(path, position), hint="write the records again")
            places.append(position)
            file.seek(length + FOOTER_BYTES, os.SEEK_CUR)


def read(chosen, model):
    """Yield each chosen image as the network's input; `model` is what frozen/model.json says."""
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0}, intra_op_parallelism_threads=1)
    decoder = ImageDecoder(config)
    with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
        pixels = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
        normalized = _to_input(pixels, model)
        with tf.compat.v1.Session(graph=graph, config=config) as session:
            for path, position in chosen:
                try:
                    image = decoder.decode(_read_example(path, position).features.feature)
                except (tf.errors.OpError, ValueError, IndexError) as error:
                    fail(
                        "{}: the image of the record at byte {} cannot be decoded: {}".format(path, position, error),
                        hint="write the records again: make records NAME=... DATASET=...",
                    )
                yield session.run(normalized, {pixels: image})


def _read_example(path, position):
    with open(path, "rb") as file:
        file.seek(position)
        length, _ = HEADER.unpack(file.read(HEADER.size))
        return tf.train.Example.FromString(file.read(length))


def _to_input(pixels, model):
    """Resize and normalize as `resize` and `preprocessing` of model.json say (configs/model_input.py)."""
    height, width = model["input_height"], model["input_width"]
    target = tf.constant([height, width])
    if model["resize"] == "letterbox":
        size = tf.cast(tf.shape(pixels)[:2], tf.float32)
        target = tf.cast(tf.round(size * tf.reduce_min(tf.cast(target, tf.float32) / size)), tf.int32)
    resized = tf.compat.v1.image.resize_bilinear(tf.cast(pixels, tf.float32)[tf.newaxis], target)
    normalized = resized * model["preprocessing"]["scale"] + model["preprocessing"]["offset"]
    padded = tf.pad(normalized, [[0, 0], [0, height - target[0]], [0, width - target[1]], [0, 0]])
    padded.set_shape([1, height, width, 3])
    return padded
