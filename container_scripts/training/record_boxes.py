"""The boxes of some images as their records have them, and what looks wrong with them.

found = find_images("input/tf_records/cats/train.record-*", {"0001.jpg"})
find_suspicious(found["0001.jpg"], class_names=["cat"], size=(300, 300))
"""

import collections
import glob
import math

import tensorflow as tf

# Pixels of what the model sees; a box of less is a line to it.
LEAST_SIDE = 2.0
MOST_WEIGHT = 100.0
TINY = "hardly a pixel at the model's input"

# boxes: (xmin, ymin, xmax, ymax) in 0..1; labels from 1 on; weights: as many, or none.
RecordImage = collections.namedtuple("RecordImage", "width height boxes labels weights")


def find_images(pattern, names):
    """Read the records up to the last of the images that are named; {name: RecordImage}."""
    found = {}
    for path in sorted(glob.glob(pattern)):
        for serialized in tf.compat.v1.python_io.tf_record_iterator(path):
            features = tf.train.Example.FromString(serialized).features.feature
            key = "image/filename" if any(features["image/filename"].bytes_list.value) else "image/source_id"
            name = b"".join(features[key].bytes_list.value[:1]).decode("utf-8", "replace")
            if name in names and name not in found:
                found[name] = _read_image(features)
            if len(found) == len(names):
                return found
    return found


def _read_image(features):
    edges = [features["image/object/bbox/" + edge].float_list.value for edge in ("xmin", "ymin", "xmax", "ymax")]
    sizes = [features["image/" + side].int64_list.value for side in ("width", "height")]
    return RecordImage(
        *[size[0] if size else 1 for size in sizes],
        boxes=list(zip(*edges)),  # noqa: B905  (strict= is Python 3.10's)
        labels=list(features["image/object/class/label"].int64_list.value),
        weights=list(features["image/object/weight"].float_list.value),
    )


def find_suspicious(image, class_names, size):
    """List boxes that training may not survive: {"class", "box_px", "what"}, in pixels of the record's image.

    size: (height, width) of what the model sees.
    """
    found = []
    for number, box in enumerate(image.boxes):
        weight = image.weights[number] if number < len(image.weights) else 1.0
        what = _find_fault(box, weight, size)
        if what is None:
            continue
        label = image.labels[number] if number < len(image.labels) else 0
        name = class_names[label - 1] if 1 <= label <= len(class_names) else "class {}".format(label)
        sides = (image.width, image.height) * 2
        pixels = [round(edge * side, 2) for edge, side in zip(box, sides)]  # noqa: B905
        found.append({"class": name, "box_px": pixels, "what": what})
    return found


def _find_fault(box, weight, size):
    xmin, ymin, xmax, ymax = box
    if not all(math.isfinite(edge) for edge in box):
        return "an edge is no number"
    if not math.isfinite(weight) or not 0 <= weight <= MOST_WEIGHT:
        return "its weight is {:.4g} (image/object/weight)".format(weight)
    if xmin >= xmax or ymin >= ymax:
        return "empty or inverted"
    if min(box) < -0.01 or max(box) > 1.01:
        return "outside its image"
    if (xmax - xmin) * size[1] < LEAST_SIDE or (ymax - ymin) * size[0] < LEAST_SIDE:
        return TINY
    return None


def find_broken_by_augmentation(boxes):
    """List the boxes [n, 4] of a batch (ymin, xmin, ymax, xmax) that are broken after cropping and flipping."""
    found = []
    for box in boxes:
        ymin, xmin, ymax, xmax = (float(edge) for edge in box)
        if not all(math.isfinite(edge) for edge in (ymin, xmin, ymax, xmax)) or ymin >= ymax or xmin >= xmax:
            found.append({"what": "empty or no number after augmentation"})
    return found
