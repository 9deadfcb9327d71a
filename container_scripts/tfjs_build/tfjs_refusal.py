"""Which models have no fast build, and why: known before TensorFlow is imported or anything is converted."""

import os

# real = pixel * scale + offset, a channel each: what every extractor of the SSDs does but the ResNets'.
PREPROCESSING = {"scale": [2 / 255] * 3, "offset": [-1.0] * 3}
RESIZE = "stretch"
RESIZES = ("stretch", "letterbox")
PLAIN_WORKS = "the plain build, model.json, works in browsers, too"


def fast_build_refusal(frozen_dir, model):
    """Say why a model has no fast build; None when it has one. `model` is what model.json says.

    What detector.js does not do exactly as in training it does not do at all.
    """
    if model["architecture"] != "ssd":
        return "the model is a {}; only SSDs have outputs that detector.js can decode".format(model["architecture"])
    if not os.path.isfile(os.path.join(frozen_dir, "tflite_graph.pb")):
        return "it has no tflite_graph.pb, which an input that changes its size with the image cannot have"
    if model.get("resize", RESIZE) not in RESIZES:
        return "its image resizer is {}; detector.js knows {}".format(model["resize"], " and ".join(RESIZES))
    if model.get("preprocessing", PREPROCESSING) is None:
        return "its pixels are normalized in a way that is no scale and offset"
    return None
