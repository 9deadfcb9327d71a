"""Decode the images of records to the same pixels everywhere: training's evaluations, and what int8 is measured on."""

import tensorflow as tf


class ImageDecoder:
    """Decode the images of records on the CPU; threads may share one.

    JPEGs are decoded with INTEGER_ACCURATE, which gives Pillow's and libjpeg's pixels; TensorFlow's
    default is up to 9 of 256 levels off.
    """

    def __init__(self, session_config):
        with tf.Graph().as_default() as graph, tf.device("/cpu:0"):
            encoded = tf.compat.v1.placeholder(tf.string, [])
            jpeg = tf.io.decode_jpeg(encoded, channels=3, dct_method="INTEGER_ACCURATE")
            other = tf.io.decode_image(encoded, channels=3, expand_animations=False)
            self._session = tf.compat.v1.Session(config=session_config, graph=graph)
        self._jpeg = self._session.make_callable(jpeg, feed_list=[encoded])
        self._other = self._session.make_callable(other, feed_list=[encoded])

    def decode(self, feature):
        """Decode the image of a tf.Example's features: RGB, uint8 [height, width, 3]."""
        content = feature["image/encoded"].bytes_list.value[0]
        return self._jpeg(content) if content[:2] == b"\xff\xd8" else self._other(content)
