"""The OD API's TrainEvalPipelineConfig of a run: from a preset or a user's file, fitted to the run.

read_preset_config("model.json")          the preset's mapping, as protos
read_config_file("pipeline.config")       text proto, such as a zoo archive's own file
fit_to_run(config, ...)                   classes, paths, batch, steps, schedule
read_trained_config("output/cats/train", checkpoint)   what a checkpoint was trained with
"""

import json
import os

from google.protobuf import json_format, text_format
from object_detection.protos import pipeline_pb2
from screen import fail

from configs import config_fields, config_overrides, config_text, training_options

ARCHITECTURES = ("ssd", "faster_rcnn")
SHUFFLED_IMAGES = 2048


def read_preset_config(path):
    """Read a preset written as JSON; its `pipeline` mirrors TrainEvalPipelineConfig field by field."""
    with open(path, encoding="utf-8") as file:
        preset = json.load(file)
    config = pipeline_pb2.TrainEvalPipelineConfig()
    _check_fields(preset["pipeline"], config.DESCRIPTOR, "preset {}: pipeline".format(preset["name"]))
    try:
        json_format.ParseDict(preset["pipeline"], config)
    except json_format.ParseError as error:
        fail("preset {}: {}".format(preset["name"], error), exit_code=2)
    config.train_config.num_steps = config.train_config.num_steps or preset["steps"]
    return config


def _check_fields(mapping, descriptor, where):
    """Name the first field that the proto does not have, with the nearest one that it has."""
    for key, value in mapping.items():
        field = descriptor.fields_by_name.get(key)
        if field is None:
            fail(
                "{}: {} has no field {!r}".format(where, descriptor.name, key),
                hint=config_fields.guess(key, descriptor.fields_by_name),
                exit_code=2,
            )
        if field.message_type is None:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                _check_fields(item, field.message_type, where + "." + key)


def read_config_file(path):
    """Read a pipeline.config in protobuf's text format."""
    config = pipeline_pb2.TrainEvalPipelineConfig()
    config_text.read_text(path, config)
    kind = config.model.WhichOneof("model")
    if kind not in ARCHITECTURES:
        fail(
            "{}: {} cannot be trained here; known: {}".format(
                path,
                "a config without a model" if kind is None else "model {!r}".format(kind),
                ", ".join(ARCHITECTURES),
            ),
            hint="model {{ {} {{ ... }} }}".format(ARCHITECTURES[0]) if kind is None else None,
            exit_code=2,
        )
    return config


def write_config_file(config, path):
    """Write a pipeline.config in protobuf's text format, whole or not at all."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(config, as_utf8=True))
    os.replace(path + ".part", path)


def read_trained_config(train_dir, quantized):
    """Read the config of a train folder as one checkpoint of it needs it.

    A float checkpoint (`quantized` false) of a run that has not reached its quantization yet lacks
    the ranges that the rewritten graph would restore: its config has no graph_rewriter.
    """
    config = read_config_file(os.path.join(train_dir, "pipeline.config"))
    if not quantized:
        config.ClearField("graph_rewriter")
    return config


def model_of(config):
    """Give the architecture's own part of a config: `model.ssd` or `model.faster_rcnn`."""
    return getattr(config.model, config.model.WhichOneof("model"))


def input_size(config):
    """Give (height, width) of what the model sees; of a resizer that keeps the aspect ratio, its bounds."""
    resizer = model_of(config).image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    chosen = getattr(resizer, kind)
    if kind == "keep_aspect_ratio_resizer":
        return chosen.min_dimension, chosen.max_dimension
    return getattr(chosen, "height", 0), getattr(chosen, "width", 0)


def fit_to_run(config, *, records, test_pattern, label_map_path, class_count, steps, batch, size=None, options=None):
    """Put a run's classes, paths, batch, steps, input size and options into a config, in place.

    records: training_records.Records of the train split; size: (height, width), or None for the config's own;
    options: training_options.TrainingOptions, or None to train as the config says.
    """
    options = options or training_options.make_options()
    model = model_of(config)
    model.num_classes = class_count
    if size is not None:
        model.image_resizer.Clear()
        model.image_resizer.fixed_shape_resizer.height, model.image_resizer.fixed_shape_resizer.width = size
    if batch > 1 and model.image_resizer.HasField("keep_aspect_ratio_resizer"):
        # Images of different shapes cannot share a batch.
        model.image_resizer.keep_aspect_ratio_resizer.pad_to_max_dimension = True
    train = config.train_config
    scale_schedule(config, steps)
    train.batch_size = batch
    train.num_steps = steps
    for reader, pattern in (
        (_only(config.train_input_reader), records.pattern),
        (_only(config.eval_input_reader), test_pattern),
    ):
        reader.label_map_path = label_map_path
        reader.tf_record_input_reader.ClearField("input_path")
        reader.tf_record_input_reader.input_path.append(pattern)
    reader = _only(config.train_input_reader)
    reader.shuffle = True
    reader.shuffle_buffer_size = min(max(reader.shuffle_buffer_size, SHUFFLED_IMAGES), records.images)
    _only(config.eval_input_reader).shuffle = False
    # The OD API cuts an image's boxes at 100 without a word; a crowd keeps all of its boxes here.
    train.max_number_of_boxes = max(train.max_number_of_boxes, records.most_boxes)
    reader.max_number_of_boxes = max(reader.max_number_of_boxes, records.most_boxes)
    config_overrides.change_training(config, options, *input_size(config))
    settle_batch_norm(config, restored=bool(options.pretrained))
    config_overrides.have_last_word(config, options)


def _only(reader):
    """Give the one input reader: train_input_reader is a message, eval_input_reader is repeated."""
    if not hasattr(reader, "add"):
        return reader
    del reader[1:]
    return reader[0] if reader else reader.add()


def scale_schedule(config, steps):
    """Stretch or shrink a config's learning-rate schedule and quantization delay to `steps`.

    A config is written for its own num_steps. Left alone, a short run would end in its warm-up and never
    be quantized, and a rounded-down boundary of 0 is "First step cannot be zero" (tensorflow/models#3794).
    """
    written_for = config.train_config.num_steps or steps

    def scaled(number, most=steps):
        return min(int(number * steps / written_for), most)

    optimizer = config.train_config.optimizer
    kind = optimizer.WhichOneof("optimizer")
    rate = getattr(optimizer, kind).learning_rate
    kind = rate.WhichOneof("learning_rate")
    schedule = getattr(rate, kind)
    if kind == "cosine_decay_learning_rate":
        written_for = schedule.total_steps
        schedule.warmup_steps = scaled(schedule.warmup_steps, most=steps // 2)
        schedule.hold_base_rate_steps = scaled(schedule.hold_base_rate_steps, most=steps // 4)
        schedule.total_steps = steps
        written_for = config.train_config.num_steps or steps
    elif kind == "exponential_decay_learning_rate":
        schedule.decay_steps = max(scaled(schedule.decay_steps, most=schedule.decay_steps), 1)
        schedule.burnin_steps = scaled(schedule.burnin_steps)
    elif kind == "manual_step_learning_rate":
        _scale_boundaries(schedule, scaled)
    if config.HasField("graph_rewriter"):
        # At least the last tenth is quantized, or the ranges would never be learned.
        config.graph_rewriter.quantization.delay = min(
            scaled(config.graph_rewriter.quantization.delay), int(0.9 * steps)
        )


def _scale_boundaries(schedule, scaled):
    boundaries = []
    for entry in schedule.schedule:
        step = scaled(entry.step)
        if step == 0:
            schedule.initial_learning_rate = entry.learning_rate
        else:
            boundaries.append((step, entry.learning_rate))
    del schedule.schedule[:]
    for step, rate in sorted(dict(boundaries).items()):
        schedule.schedule.add(step=step, learning_rate=rate)
    if not schedule.schedule:
        rate = schedule.initial_learning_rate
        schedule.schedule.add(step=1, learning_rate=rate)


def settle_batch_norm(config, restored=False):
    """Let batch-norm averages settle within the run, in place.

    ssd_mobilenet_v2's base normalizes with decay 0.9997 unless it is told to take the config's own: after
    1,000 steps from scratch its averages are still their initial values, and evaluation is garbage while the
    training loss looks fine. A decay d remembers about 1 / (1 - d) steps; ten times that fit into the run.

    restored: the run begins with pretrained weights, whose averages are right for them. The same holds for SSD: its
    weights go on changing with batch norm in training mode, so an average that is still three quarters COCO's after
    1,000 steps (0.9997) belongs to weights that are no more. Faster R-CNN keeps the averages as they are, as the
    zoo's own configs do: it trains with an image or two a batch, whose statistics are worse than theirs.
    """
    steps = config.train_config.num_steps
    if config.HasField("graph_rewriter"):
        steps = config.graph_rewriter.quantization.delay
    longest = longest_decay(steps)
    model = model_of(config)
    extractor = model.feature_extractor
    if config.model.WhichOneof("model") == "faster_rcnn":
        if not restored:
            # Frozen averages of a network that was never trained normalize nothing.
            extractor.batch_norm_trainable = True
        return
    if extractor.conv_hyperparams.HasField("batch_norm"):
        extractor.override_base_feature_extractor_hyperparams = True
    for hyperparams in hyperparams_of(model):
        if hyperparams.HasField("batch_norm"):
            hyperparams.batch_norm.decay = min(hyperparams.batch_norm.decay, longest)


def longest_decay(steps):
    """Give the largest decay whose averages have forgotten their initial values after `steps`."""
    return max(1.0 - 10.0 / max(steps, 1), 0.5)


def hyperparams_of(model):
    """Yield the hyperparameters of a model's convolutions: of its extractor and of its box predictor."""
    yield model.feature_extractor.conv_hyperparams
    predictor = model.box_predictor
    kind = predictor.WhichOneof("box_predictor_oneof")
    if kind is not None and hasattr(getattr(predictor, kind), "conv_hyperparams"):
        yield getattr(predictor, kind).conv_hyperparams
