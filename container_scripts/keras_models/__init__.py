"""Keras classification models as TensorFlow checkpoints."""
