"""The feature extractors that are ours, made known to the Object Detection API's model builder.

    from feature_extractors import model_builder
    model = model_builder.build(config.model, is_training=True)    # knows `type: "faster_rcnn_vgg16"`

Nothing in the installed package is edited: the builder looks a config's `type` up in dictionaries, and this module
adds to them when it is imported, and replaces what is mended. Scripts take the builder from here; one that leaves
building to the API (`exporter`) imports this module. An extractor of your own is a line below; CONTRIBUTING.md walks
through it.
"""

from embedded_ssd_extractor import EmbeddedSSDMobileNetV1FeatureExtractor
from object_detection.builders import model_builder
from vgg16_extractor import FasterRCNNVgg16FeatureExtractor

__all__ = ["FASTER_RCNN", "MENDED_SSD", "SSD", "model_builder"]

FASTER_RCNN = {
    "faster_rcnn_vgg16": FasterRCNNVgg16FeatureExtractor,
}
"""type: a class like object_detection.meta_architectures.faster_rcnn_meta_arch.FasterRCNNFeatureExtractor."""

SSD = {}
"""type: a class like object_detection.meta_architectures.ssd_meta_arch.SSDFeatureExtractor."""

MENDED_SSD = {
    "embedded_ssd_mobilenet_v1": EmbeddedSSDMobileNetV1FeatureExtractor,
}
"""type: a class in place of the API's own of that name."""


def _register(extractors, known):
    taken = sorted(name for name in extractors if known.get(name, extractors[name]) is not extractors[name])
    if taken:
        raise ValueError("feature extractors of these names exist already: {}".format(", ".join(taken)))
    known.update(extractors)


_register(FASTER_RCNN, model_builder.FASTER_RCNN_FEATURE_EXTRACTOR_CLASS_MAP)
_register(SSD, model_builder.SSD_FEATURE_EXTRACTOR_CLASS_MAP)
model_builder.SSD_FEATURE_EXTRACTOR_CLASS_MAP.update(MENDED_SSD)
