"""The test images of a run, as its evaluations during training need them: truth in memory, pixels on demand.

    input/tf_records/cats/test.record-00000-of-00001 ...

At most MOST_IMAGES of them are looked at, evenly spread: an evaluation during training chooses a checkpoint, the
figures to quote come from `make evaluate`, which takes all.
"""

import glob

import tensorflow as tf

from detection import coco_metrics

MOST_IMAGES = 2000


class TestImages:
    """The chosen images. `total` counts those there are, `truth` holds a coco_metrics.TruthImage for each chosen."""

    __test__ = False  # not a test class, whatever pytest reads in the name

    def __init__(self, pattern):
        self._paths = sorted(glob.glob(pattern))
        self.total = sum(1 for _ in self._read_all())
        self.truth = [_read_truth(feature) for feature in self.read()]

    def read(self):
        """Yield the tf.Example features of the chosen images, in the order of `truth`."""
        chosen = min(self.total, MOST_IMAGES)
        for index, serialized in enumerate(self._read_all()):
            # The image at which the share of images so far reaches the next whole number
            if index * chosen // self.total != (index + 1) * chosen // self.total:
                yield tf.train.Example.FromString(serialized).features.feature

    def _read_all(self):
        for path in self._paths:
            for serialized in tf.compat.v1.io.tf_record_iterator(path):
                yield serialized


class ImageDecoder:
    """Decode the images of records on the CPU; threads may share one.

    JPEGs are decoded with INTEGER_ACCURATE, which gives Pillow's and libjpeg's pixels; TensorFlow's
    default is up to 9 of 256 levels off.
    """

    def __init__(self, session_config):
        with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
            encoded = tf.compat.v1.placeholder(tf.string, [])
            jpeg = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
            other = tf.io.decode_image(encoded, channels=3, expand_animations=False)
            self._session = tf.compat.v1.Session(config=session_config, graph=graph)
        self._jpeg = self._session.make_callable(jpeg, feed_list=[encoded])
        self._other = self._session.make_callable(other, feed_list=[encoded])

    def decode(self, feature):
        """Decode the image of a tf.Example's features: RGB, uint8 [height, width, 3]."""
        content = feature["image/encoded"].bytes_list.value[0]
        return self._jpeg(content) if content[:2] == b"\xff\xd8" else self._other(content)


def _read_truth(feature):
    """Read size and boxes of an example; boxes are shares of the image there, pixels here."""
    width = feature["image/width"].int64_list.value[0]
    height = feature["image/height"].int64_list.value[0]
    edges = [feature["image/object/bbox/" + edge].float_list.value for edge in ("xmin", "ymin", "xmax", "ymax")]
    class_ids = list(feature["image/object/class/label"].int64_list.value)
    difficult = list(feature["image/object/difficult"].int64_list.value) or [0] * len(class_ids)
    boxes = [
        (xmin * width, ymin * height, xmax * width, ymax * height)
        for xmin, ymin, xmax, ymax in zip(*edges)  # noqa: B905
    ]
    return coco_metrics.TruthImage(width, height, boxes, class_ids, [bool(one) for one in difficult])
