"""VGG-16 as Faster R-CNN had it, written with tf.keras layers that are named as Keras' own VGG16.

    feature_extractor { type: "faster_rcnn_vgg16" first_stage_features_stride: 16 }
    initial_crop_size: 14  maxpool_kernel_size: 2  maxpool_stride: 2

First stage: block1_conv1 to block5_conv3, without block5_pool, so that a cell stands for 16x16 pixels. Second
stage: a proposal is cropped out of it at 14x14 and max-pooled to 7x7, which is what block5_pool gives the whole
image of a classifier at 224x224; fc1 and fc2 follow, 4,096 wide, each with dropout in training. So all that
ImageNet taught a Keras VGG16, but for its last layer, finds its place: 119.5 of the 134.3 million weights are
fc1's and fc2's, and a head with random ones in their stead would have to learn them from a few images.
See Ren et al., https://arxiv.org/abs/1506.01497, section 3, and Girshick, https://arxiv.org/abs/1504.08083.

Registered as `faster_rcnn_vgg16` in feature_extractors.py.
"""

import tensorflow as tf
from object_detection.meta_architectures import faster_rcnn_meta_arch

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""(channels, convolutions) of each block; a max pooling stands between two of them."""
POOLED_SIDE = 7
"""Cells of a cropped proposal a side, as block5_pool gives them of an image of 224x224 pixels."""
HIDDEN = ("fc1", "fc2")
HIDDEN_UNITS = 4096
DROPOUT = 0.5
STRIDE = 16
MEANS_BGR = (103.939, 116.779, 123.68)
"""Of ImageNet's pixels, 0 to 255: what Keras' vgg16.preprocess_input ("caffe") subtracts."""


class FasterRCNNVgg16FeatureExtractor(faster_rcnn_meta_arch.FasterRCNNFeatureExtractor):
    """VGG-16 for the Object Detection API's Faster R-CNN; it has no batch norm to train or to freeze."""

    def __init__(
        self,
        is_training,
        first_stage_features_stride,
        batch_norm_trainable=False,
        reuse_weights=None,
        weight_decay=0.0,
    ):
        """Take what the model builder gives; raise ValueError for another stride than 16."""
        if first_stage_features_stride != STRIDE:
            raise ValueError(
                "faster_rcnn_vgg16: first_stage_features_stride is {}; wanted {}".format(
                    first_stage_features_stride, STRIDE
                )
            )
        super().__init__(is_training, first_stage_features_stride, batch_norm_trainable, reuse_weights, weight_decay)
        self._convolutions = make_convolutions()
        self._hidden = [tf.keras.layers.Dense(HIDDEN_UNITS, activation="relu", name=name) for name in HIDDEN]

    def preprocess(self, resized_inputs):
        """Turn RGB pixels, 0 to 255, [batch, height, width, 3], into BGR around ImageNet's means."""
        return tf.reverse(resized_inputs, axis=[3]) - tf.constant(MEANS_BGR, dtype=resized_inputs.dtype)

    def _extract_proposal_features(self, preprocessed_inputs, scope):
        """Return block5_conv3 of [batch, height, width, 3]: [batch, height / 16, width / 16, 512], and all layers."""
        activations, features = {}, preprocessed_inputs
        with variables_named_by_scope():
            for layer in self._convolutions:
                features = layer(features)
                activations["{}/{}".format(scope, layer.name)] = features
        return features, activations

    def _extract_box_classifier_features(self, proposal_feature_maps, scope):
        """Return fc2 of each proposal, [proposals, 7, 7, 512], as a map of one cell: [proposals, 1, 1, 4096].

        The box predictor averages over the cells of a map.
        """
        with variables_named_by_scope():
            features = tf.keras.layers.Flatten()(proposal_feature_maps)
            for layer in self._hidden:
                features = layer(features)
                features = tf.keras.layers.Dropout(DROPOUT)(features, training=self._is_training)
            return tf.expand_dims(tf.expand_dims(features, 1), 1)

    def restore_from_classification_checkpoint_fn(
        self, first_stage_feature_extractor_scope, second_stage_feature_extractor_scope
    ):
        """Return {name in a checkpoint of keras_to_checkpoint.py, such as "fc1/kernel": variable of this graph}."""
        layers = {
            first_stage_feature_extractor_scope: self._convolutions,
            second_stage_feature_extractor_scope: self._hidden,
        }
        return {
            variable.op.name[len(scope) + 1 :]: variable
            for scope, of_stage in layers.items()
            for layer in of_stage
            for variable in layer.weights
        }


def make_convolutions():
    """Return the layers from block1_conv1 to block5_conv3, not built yet."""
    layers = []
    for block, (channels, convolutions) in enumerate(BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            name = "block{}_conv{}".format(block, number)
            layers.append(tf.keras.layers.Conv2D(channels, 3, padding="same", activation="relu", name=name))
        if block < len(BLOCKS):
            layers.append(tf.keras.layers.MaxPooling2D(2, strides=2, name="block{}_pool".format(block)))
    return layers


def classifier_variables():
    """Return {"block1_conv1/kernel": (3, 3, 3, 64), ...}: what a checkpoint of a Keras VGG16 can give, in its order."""
    shapes, depth = {}, 3
    for layer in make_convolutions():
        if isinstance(layer, tf.keras.layers.Conv2D):
            shapes[layer.name + "/kernel"] = layer.kernel_size + (depth, layer.filters)
            shapes[layer.name + "/bias"] = (layer.filters,)
            depth = layer.filters
    depth *= POOLED_SIDE * POOLED_SIDE
    for name in HIDDEN:
        shapes[name + "/kernel"], shapes[name + "/bias"] = (depth, HIDDEN_UNITS), (HIDDEN_UNITS,)
        depth = HIDDEN_UNITS
    return shapes


def variables_named_by_scope():
    """Enter the name scope that is called exactly like the variable scope.

    A Keras layer names its variables after the name scope, which is made unique ("..._1") and is nested in those
    of a caller; the variable scope is the one that checkpoints go by.
    """
    return tf.name_scope(tf.compat.v1.get_variable_scope().name + "/")
