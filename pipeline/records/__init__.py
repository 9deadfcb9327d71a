"""TFRecord files in the Object Detection API's layout, written and read without TensorFlow."""

from pipeline.records.examples import Example, read_examples

__all__ = ["Example", "read_examples"]
