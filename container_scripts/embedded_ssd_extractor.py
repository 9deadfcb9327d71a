"""The Object Detection API's extractor of embedded_ssd_mobilenet_v1, which heeds its hyperparameters.

    feature_extractor { type: "embedded_ssd_mobilenet_v1" override_base_feature_extractor_hyperparams: true }

The API's own hands the override to its base class by position, where that has taken `num_layers` in its place since:
so MobileNet kept slim's averages of batch norm, a decay of 0.9997, whatever the config said. After 400 steps they were
still nearly what they began with, and a model that found 123 of 129 objects by the statistics of its batch found none
by its averages.

Registered in feature_extractors.py, in place of the API's.
"""

from object_detection.models import embedded_ssd_mobilenet_v1_feature_extractor


class EmbeddedSSDMobileNetV1FeatureExtractor(
    embedded_ssd_mobilenet_v1_feature_extractor.EmbeddedSSDMobileNetV1FeatureExtractor
):
    """The same network and the same variables; only what trains them is as the config says."""

    def __init__(self, *args, override_base_feature_extractor_hyperparams=False, **kwargs):
        super().__init__(*args, **kwargs)
        self._override_base_feature_extractor_hyperparams = override_base_feature_extractor_hyperparams
