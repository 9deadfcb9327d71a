"""Put the short names of augmentations into a config: the table is pipeline/augmentations.py.

set_augmentations(config, ["flip", "crop", "color"])     data_augmentation_options { random_horizontal_flip {} } ...
"""

from google.protobuf import json_format
from object_detection.protos import preprocessor_pb2
from screen import fail

from pipeline.augmentations import (
    AUGMENTATIONS,
    MODEL_PIXELS,
    MODEL_SIDE,
    QUARTER_OF_MODEL_PIXELS,
    check_names,
)

MOST_REPEATS = 4  # of random_self_concat_image: beside and below itself


def set_augmentations(config, names, height, width):
    """Replace a config's augmentations by those of these names, in place; [] leaves none.

    height, width: pixels of the model's input, or the bounds of one that keeps the aspect ratio. Fails for a name
    that is unknown, or that makes no sense for the model.
    """
    try:
        check_names(names)
    except ValueError as error:
        fail("AUGMENT: {}".format(error), exit_code=2)
    del config.train_config.data_augmentation_options[:]
    for name in names:
        config.train_config.data_augmentation_options.add().CopyFrom(make_step(config, name, height, width))
    if "repeat" in names:
        # Beyond the maximum, boxes would be dropped, which teaches that these objects are background.
        most = config.train_config.max_number_of_boxes * MOST_REPEATS
        config.train_config.max_number_of_boxes = most
        config.train_input_reader.max_number_of_boxes = most


def make_step(config, name, height, width):
    """Give the PreprocessingStep of a short name for a model of that input size."""
    augmentation = AUGMENTATIONS[name]
    measures = {
        MODEL_SIDE: height,
        MODEL_PIXELS: height * width,
        QUARTER_OF_MODEL_PIXELS: max(height * width // 4, 1),
    }
    fields = {
        key: measures.get(value, value) if isinstance(value, str) else value
        for key, value in augmentation.fields.items()
    }
    if MODEL_SIDE in augmentation.fields.values() and not _is_square(config, height, width):
        fail(
            "AUGMENT={}: the model's input is no fixed square, and {} makes images square".format(name, name),
            hint="leave it out; pad and crop change the size of objects as well",
            exit_code=2,
        )
    return json_format.ParseDict({augmentation.step: fields}, preprocessor_pb2.PreprocessingStep())


def _is_square(config, height, width):
    resizer = getattr(config.model, config.model.WhichOneof("model")).image_resizer
    return resizer.HasField("fixed_shape_resizer") and height == width
