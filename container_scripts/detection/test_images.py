"""The test images of a run, as its evaluations during training need them: truth in memory, pixels on demand.

    input/tf_records/cats/test.record-00000-of-00001 ...

At most MOST_IMAGES of them are looked at, evenly spread: an evaluation during training chooses a checkpoint, the
figures to quote come from `make evaluate`, which takes all.
"""

import glob

import tensorflow as tf

from detection import coco_metrics
from detection.image_decoder import ImageDecoder

__all__ = ["ImageDecoder", "TestImages", "read_facts"]

MOST_IMAGES = 2000


class TestImages:
    """The chosen images. `total` counts those there are, `truth` holds a coco_metrics.TruthImage for each chosen."""

    __test__ = False  # not a test class, whatever pytest reads in the name

    def __init__(self, pattern, most=MOST_IMAGES):
        self._paths = sorted(glob.glob(pattern))
        self._most = most
        self.total = sum(1 for _ in self._read_all())
        self.truth = [_read_truth(feature) for feature in self.read()]

    def read(self):
        """Yield the tf.Example features of the chosen images, in the order of `truth`."""
        chosen = min(self.total, self._most)
        for index, serialized in enumerate(self._read_all()):
            # The image at which the share of images so far reaches the next whole number
            if index * chosen // self.total != (index + 1) * chosen // self.total:
                yield tf.train.Example.FromString(serialized).features.feature

    def _read_all(self):
        for path in self._paths:
            for serialized in tf.compat.v1.io.tf_record_iterator(path):
                yield serialized


def read_facts(feature, image):
    """Read what a detections file says of an example's decoded image, whatever was found in it."""
    texts = [feature["image/" + key].bytes_list.value for key in ("source_id", "filename")]
    source_id, filename = [text[0].decode("utf-8") if text else "" for text in texts]
    return {"source_id": source_id, "filename": filename, "width": image.shape[1], "height": image.shape[0]}


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
