"""What becomes of an image before a network sees it, for those who do it outside the graph: TFLite and the browser.

    describe_input(config)
    {"resize": "stretch", "preprocessing": {"scale": [0.00784, 0.00784, 0.00784], "offset": [-1.0, -1.0, -1.0]}}

`resize` is "stretch" (both sides to the input's), "letterbox" (the sides keep their ratio, the rest on the right and
below is 0 after normalization: grey), "keep_aspect_ratio" (an input as large as the image makes it, which only
TensorFlow's graphs have), or "other" (grey images, another interpolation than bilinear, another resizer).
`preprocessing`: normalized = pixel * scale + offset, a channel each (red, green, blue), of pixels from 0 to 255; None
where a network's own is nothing of that kind.
"""

import numpy as np
import tensorflow as tf
from feature_extractors import model_builder
from object_detection.protos import image_resizer_pb2

from configs import model_config

STRETCH, LETTERBOX, KEEP_ASPECT_RATIO, OTHER = "stretch", "letterbox", "keep_aspect_ratio", "other"
OUTSIDE_THE_GRAPH = (STRETCH, LETTERBOX)
PROBES = (0.0, 51.0, 128.0, 255.0)


def describe_input(config):
    """Return how images are resized and normalized for a TrainEvalPipelineConfig."""
    return {"resize": describe_resize(config), "preprocessing": describe_preprocessing(config)}


def describe_resize(config):
    """Name a config's image_resizer: one of the words of this module."""
    resizer = model_config.model_of(config).image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    chosen = getattr(resizer, kind)
    if kind not in ("fixed_shape_resizer", "keep_aspect_ratio_resizer"):
        return OTHER
    if chosen.resize_method != image_resizer_pb2.BILINEAR or chosen.convert_to_grayscale:
        return OTHER
    if kind == "fixed_shape_resizer":
        return STRETCH
    is_letterbox = (
        chosen.pad_to_max_dimension
        and chosen.min_dimension == chosen.max_dimension
        and not any(chosen.per_channel_pad_value)
    )
    return LETTERBOX if is_letterbox else KEEP_ASPECT_RATIO


def describe_preprocessing(config):
    """Ask a model's feature extractor what it makes of a few grey pixels; None unless that is scale and offset."""
    with tf.Graph().as_default(), tf.compat.v1.Session(graph=tf.compat.v1.get_default_graph()) as session:
        # Its own copy: builders of some extractors write into the config that they are given
        copy = type(config.model)()
        copy.CopyFrom(config.model)
        extractor = model_builder.build(copy, is_training=False)._feature_extractor
        pixels = tf.constant(np.tile(np.float32(PROBES).reshape(len(PROBES), 1, 1, 1), (1, 64, 64, 3)))
        answer = session.run(extractor.preprocess(pixels))
    values = np.float64(answer[:, 0, 0, :])
    offset = values[0]
    scale = (values[-1] - offset) / PROBES[-1]
    if not np.allclose(values, np.outer(PROBES, scale) + offset, atol=1e-4) or not scale.all():
        return None
    # (pixel - mean) / deviation, as people write such numbers (127.5, 123.68): that leaves out the noise of float32
    deviation = [float("{:.6g}".format(1 / one)) for one in scale]
    mean = [float("{:.6g}".format(-low / one)) for low, one in zip(offset, scale)]  # noqa: B905
    return {
        "scale": [1 / one for one in deviation],
        "offset": [-low / one for low, one in zip(mean, deviation)],  # noqa: B905
    }


def with_fixed_size(config):
    """Return a config whose letterbox is done outside the graph, which then has an input of fixed size."""
    if describe_resize(config) != LETTERBOX:
        return config
    copy = type(config)()
    copy.CopyFrom(config)
    height, width = model_config.input_size(config)
    resizer = model_config.model_of(copy).image_resizer
    resizer.Clear()
    resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width = height, width
    return copy
