"""The images a training sees: read, shuffled, decoded, augmented, in batches that know their files' names.

    dataset = build_dataset(config, model_config, model=model, threads=2)
    features, labels = make_initializable_iterator(dataset).get_next()
    features["source_id"]       [batch] strings: image/filename of the records

It is the OD API's own `inputs.train_input` but for the part that its API lets us bring along, the dataset builder.
The API's own one decodes 8 batches of images at the same time, whatever the machine has, and reads them in an
order that no seed can repeat.
"""

import contextlib

import tensorflow as tf
from object_detection import inputs
from object_detection.builders import decoder_builder
from object_detection.core import standard_fields
from object_detection.protos import input_reader_pb2
from tf_slim import tfexample_decoder

FIELDS = standard_fields.InputDataFields
READ_BUFFER_BYTES = 8 * 1000 * 1000
BATCHES_AHEAD = 2


def build_dataset(config, model_config, model=None, threads=1, batch=None, repeatable=True):
    """Build the dataset of (features, labels) of a training.

    batch: images a step, the config's own when not given. threads decode images beside the training. repeatable:
    a seed repeats the augmentations as well, at the price of doing them one image after the other.
    """
    reader = type(config.train_input_reader)()
    reader.CopyFrom(config.train_input_reader)
    reader.include_source_id = True
    # Autograph would translate the source of every function of the input pipeline, which needs none of it: 50 s.
    build_input = tf.autograph.experimental.do_not_convert(inputs.train_input)
    build = _DatasetBuilder(threads, repeatable)
    if reader.input_type != input_reader_pb2.TF_EXAMPLE or reader.sample_from_datasets_weights:
        build = inputs.INPUT_BUILDER_UTIL_MAP["dataset_build"]  # a user's own config may want more than we know
    with _dataset_builder(build):
        return build_input(
            config.train_config,
            reader,
            model_config,
            model=model,
            params={"batch_size": batch or config.train_config.batch_size},
        )


@contextlib.contextmanager
def _dataset_builder(build):
    """Have the OD API build its dataset with another builder; its table of builders is there for that."""
    own = inputs.INPUT_BUILDER_UTIL_MAP["dataset_build"]
    inputs.INPUT_BUILDER_UTIL_MAP["dataset_build"] = build
    try:
        yield
    finally:
        inputs.INPUT_BUILDER_UTIL_MAP["dataset_build"] = own


def _decode_accurately(decoder):
    """Have JPEGs decoded to the pixels that evaluation, detection and devices see.

    TensorFlow's default transform is up to 9 of 256 levels off, which moves scores by up to 0.2
    (tests/detect/test_jpeg_agreement.py).
    """
    decoder.items_to_handlers[FIELDS.image] = tfexample_decoder.Image(
        image_key="image/encoded", format_key="image/format", channels=3, dct_method="INTEGER_ACCURATE"
    )
    return decoder


class _DatasetBuilder:
    """What object_detection.builders.dataset_builder.build does, sized for this machine and repeatable."""

    def __init__(self, threads, repeatable):
        self._threads = threads
        self._repeatable = repeatable

    def __call__(self, reader, batch_size, transform_input_data_fn, **_):
        decoder = _decode_accurately(decoder_builder.build(reader))
        seed = tf.compat.v1.get_default_graph().seed

        def transform(tensors):
            if self._repeatable:
                tf.compat.v1.set_random_seed(seed)  # a function's graph does not take over its caller's
            return transform_input_data_fn(_name_by_file(tensors))

        # As the OD API does: the decoder's label map is a table, which newer functions initialize too late.
        dataset = self._read(reader).map_with_legacy_function(decoder.decode, num_parallel_calls=self._threads)
        dataset = dataset.map_with_legacy_function(
            transform,
            # Augmentations draw from one stream of random numbers: side by side, in another order each time.
            num_parallel_calls=None if self._repeatable else self._threads,
        )
        return dataset.batch(batch_size, drop_remainder=True).prefetch(BATCHES_AHEAD)

    def _read(self, reader):
        paths = sorted(tf.io.gfile.glob(list(reader.tf_record_input_reader.input_path)))
        dataset = tf.data.Dataset.from_tensor_slices(paths)
        if reader.shuffle:
            dataset = dataset.shuffle(len(paths))
        dataset = dataset.repeat().interleave(
            lambda path: tf.data.TFRecordDataset(path, buffer_size=READ_BUFFER_BYTES),
            cycle_length=min(reader.num_readers, len(paths)),
            block_length=reader.read_block_length,
        )
        return dataset.shuffle(reader.shuffle_buffer_size) if reader.shuffle else dataset


def _name_by_file(tensors):
    """Let images be known by their file's name: of all that the OD API hands on, only source_id reaches a batch."""
    name = tensors[FIELDS.filename]
    source_id = tf.where(tf.equal(name, ""), tensors[FIELDS.source_id], name)
    return dict(tensors, **{FIELDS.source_id: source_id})
