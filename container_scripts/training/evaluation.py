"""Score checkpoints of a training on its test images, in the process that trains.

    evaluator = Evaluator(config, quantized=False, threads=2, stop=STOP)
    evaluator.evaluate("output/cats/train/model.ckpt-500")     Evaluation(map=0.31, map_50=0.6, images=60, ...)

The evaluation graph is built once a phase, beside the training graph, and reads the checkpoint that was just saved:
what is scored is what is kept. A second process would fight for the GPU, and build its graph for each evaluation.
Detections are those of `make evaluate`: one image at a time, at score threshold 0.
"""

import collections

from detection import checkpoint_detector, coco_metrics, graph_runtime
from detection.test_images import ImageDecoder, TestImages
from screen import say

from pipeline.detections.detections_file import to_pixels
from pipeline.detections.image_folder import map_ahead

# map and map_50 from 0 to 1; samples: the first few images, for people to look at.
Evaluation = collections.namedtuple("Evaluation", "map map_50 images samples")
# image: RGB uint8 [height, width, 3]; truth: its coco_metrics.TruthImage; detections: the detector's, best first.
Sample = collections.namedtuple("Sample", "image truth detections")

SAMPLES = 4


class Evaluator:
    """The test images of a run, and the graph of one phase that looks at them."""

    def __init__(self, config, quantized, *, threads, stop):
        """Take a run's config, its phase, and the StopSignal that ends an evaluation early."""
        self.quantized = quantized
        self._config = type(config)()
        self._config.CopyFrom(config)
        if not quantized:
            self._config.ClearField("graph_rewriter")
        self._threads = threads
        self._stop = stop
        self._images = TestImages(config.eval_input_reader[0].tf_record_input_reader.input_path[0])
        classes = getattr(config.model, config.model.WhichOneof("model")).num_classes
        self._truth = coco_metrics.Truth(self._images.truth, classes)
        self._detector = self._decoder = None
        if not self._truth.has_boxes:
            say("nothing is evaluated: {} test images, with no box to find".format(self._images.total))
        elif len(self._images.truth) < self._images.total:
            say("evaluations look at {} of the {} test images".format(len(self._images.truth), self._images.total))

    def evaluate(self, checkpoint):
        """Score a checkpoint; None when there is nothing to find in the test images, or when stopped."""
        if not self._truth.has_boxes:
            return None
        if self._detector is None:
            # Several callers with one thread each fill the cores best: see detect_graph.py.
            options = graph_runtime.session_config(intra_op_threads=1, inter_op_threads=-1)
            self._decoder = ImageDecoder(options)
            self._detector = checkpoint_detector.CheckpointDetector(self._config, options)
        self._detector.restore(checkpoint)
        rows, samples = [], []
        found = map_ahead(self._detect, self._images.read(), threads=2 * self._threads)
        for index, (_, result, error) in enumerate(found):
            if error is not None:
                raise error
            if self._stop.asked:
                found.close()
                return None
            image, detections = result
            truth = self._images.truth[index]
            rows.extend(_to_rows(index, truth, detections))
            if index < SAMPLES:
                samples.append(Sample(image, truth, detections))
        score, score_50 = self._truth.score(rows)
        return Evaluation(score, score_50, len(self._images.truth), samples)

    def _detect(self, feature):
        image = self._decoder.decode(feature)
        detections, _ = self._detector.detect(image)
        best = sorted(detections, key=lambda found: -found.score)[: coco_metrics.DETECTIONS_AN_IMAGE]
        return image, best


def _to_rows(index, truth, detections):
    """Turn shares of the image into pixels, as coco_metrics takes them."""
    for found in detections:
        xmin, ymin, xmax, ymax = to_pixels(found, truth.width, truth.height)
        yield [index, xmin, ymin, xmax - xmin, ymax - ymin, found.score, found.class_id]
