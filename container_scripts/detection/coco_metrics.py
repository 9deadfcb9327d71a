"""COCO's mean average precision, for what a training evaluates in between.

It is computed by pycocotools, the reference, since the code that scores the exported models (pipeline/metrics.py,
on hotcoco) wants a newer Python than TensorFlow 1 has. A test gives both the same detections: equal to 1e-6.
Definitions: https://cocodataset.org/#detection-eval
"""

import collections
import contextlib
import os

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

# One image: its size, and its labelled boxes [n, 4] of (xmin, ymin, xmax, ymax), in pixels. `ignored` marks
# difficult boxes: finding one is neither right nor wrong, missing it costs nothing.
TruthImage = collections.namedtuple("TruthImage", "width height boxes class_ids ignored")

DETECTIONS_AN_IMAGE = 100


class Truth:
    """The labelled boxes of some test images, prepared once and compared with many checkpoints' detections."""

    def __init__(self, images, class_count):
        """Take TruthImages; class ids count from 1 to class_count."""
        self.has_boxes = any(not ignored for image in images for ignored in image.ignored)
        with _silence():
            self._coco = COCO()
            self._coco.dataset = _to_coco(images, class_count)
            self._coco.createIndex()

    def score(self, rows):
        """Compare rows [image index, xmin, ymin, width, height, score, class id] with the truth: (mAP, mAP@.5).

        Pixels; image indexes count from 0 in the order of the truth, at most 100 rows an image count.
        """
        rows = np.array(rows, dtype=np.float64).reshape(-1, 7)
        if not len(rows):
            return 0.0, 0.0
        rows[:, 0] += 1
        with _silence():
            evaluation = COCOeval(self._coco, self._coco.loadRes(rows), "bbox")
            # Only these two figures are wanted: boxes of all sizes, all detections.
            evaluation.params.areaRng, evaluation.params.areaRngLbl = evaluation.params.areaRng[:1], ["all"]
            evaluation.params.maxDets = [DETECTIONS_AN_IMAGE]
            evaluation.evaluate()
            evaluation.accumulate()
        precision = evaluation.eval["precision"][:, :, :, 0, 0]  # [IoU, recall, class]; -1 for a class without boxes
        return _mean(precision), _mean(precision[0])


def _mean(precision):
    known = precision[precision > -1]
    return float(known.mean()) if known.size else 0.0


def _to_coco(images, class_count):
    """Write the truth as COCO does: ids from 1, boxes as x, y, width, height; ignored boxes are crowds."""
    annotations = []
    for image_id, image in enumerate(images, 1):
        for box, class_id, ignored in zip(image.boxes, image.class_ids, image.ignored):  # noqa: B905
            xmin, ymin, xmax, ymax = [float(edge) for edge in box]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
                    "area": (xmax - xmin) * (ymax - ymin),
                    "iscrowd": int(ignored),
                }
            )
    return {
        "images": [{"id": number, "width": one.width, "height": one.height} for number, one in enumerate(images, 1)],
        "categories": [{"id": number, "name": str(number)} for number in range(1, class_count + 1)],
        "annotations": annotations,
    }


@contextlib.contextmanager
def _silence():
    """Keep pycocotools' progress out of the log: several lines an evaluation that say nothing."""
    with open(os.devnull, "w") as nothing, contextlib.redirect_stdout(nothing):
        yield
