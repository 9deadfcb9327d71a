"""A detector that runs a run's checkpoints: the graph of evaluation, built once, given one checkpoint after another.

    detector = CheckpointDetector(config, session_config)
    detector.restore("output/cats/train/model.ckpt-1100")
    detections, milliseconds = detector.detect(image)

The graph is the Object Detection API exporter's own, rewritten for quantization where the model was trained so (a
plain graph would read such weights wrongly, tensorflow/models#7584); the score threshold is 0, because a cut-off
detection cannot be counted (TF1 detection model zoo page).
"""

import tensorflow as tf
from checkpoints import checkpoint_choice, checkpoint_files, moving_averages
from configs import model_config
from feature_extractors import model_builder
from object_detection import exporter
from object_detection.builders import graph_rewriter_builder

from detection import graph_runtime


class CheckpointDetector(graph_runtime.GraphDetector):
    """A session of its own with the evaluation graph of a config; threads may share it."""

    def __init__(self, config, session_config):
        """Build the graph; a config with a graph_rewriter reads quantized checkpoints, one without float ones."""
        evaluated = type(config)()
        evaluated.CopyFrom(config)
        _post_processing_of(evaluated).batch_non_max_suppression.score_threshold = 0.0
        rewrite = None
        if evaluated.HasField("graph_rewriter"):
            rewrite = graph_rewriter_builder.build(evaluated.graph_rewriter, is_training=False)
        with tf.Graph().as_default() as graph:
            outputs, inputs = exporter.build_detection_graph(
                input_type="image_tensor",
                detection_model=model_builder.build(evaluated.model, is_training=False),
                input_shape=None,
                output_collection_name="inference_op",
                graph_hook_fn=rewrite,
            )
            self._variables = tf.compat.v1.global_variables()
            self._savers = {}  # one for checkpoints with averages of the weights, one for those without
            self.session = tf.compat.v1.Session(config=session_config, graph=graph)
        graph_runtime.GraphDetector.__init__(self, self.session, inputs["inputs"], outputs)

    def restore(self, checkpoint):
        """Take the weights of a checkpoint, or their averages where it has some, in place of those before."""
        named = moving_averages.averaged(checkpoint, self._variables)
        key = tuple(sorted(named))
        if key not in self._savers:
            with self.session.graph.as_default():
                self._savers[key] = tf.compat.v1.train.Saver(named)
        self._savers[key].restore(self.session, checkpoint)


def load_frozen_checkpoint(train_dir, frozen_dir, session_config):
    """Build the evaluation graph of a training and restore the checkpoint that a frozen folder was made of."""
    checkpoint = checkpoint_choice.read_frozen_checkpoint(train_dir, frozen_dir)
    config = model_config.read_trained_config(train_dir, checkpoint_files.is_quantized(checkpoint))
    detector = CheckpointDetector(config, session_config)
    detector.restore(checkpoint)
    return detector


def _post_processing_of(config):
    """Give the part of a config that turns raw boxes into detections."""
    if config.model.WhichOneof("model") == "ssd":
        return config.model.ssd.post_processing
    return config.model.faster_rcnn.second_stage_post_processing
