"""TFRecord files as bytes: their frames, and the tf.Example in each, without TensorFlow."""
