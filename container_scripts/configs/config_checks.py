"""What would spoil a training, found in its final config before the first step.

    check_config(config, records, class_names, steps, options, resumed=False)

Each check names the field, what it holds and what to do. Most configs that fail here would train for hours, or end
with a sentence that says nothing ("First step cannot be zero", tensorflow/models#3794), or learn nothing.
"""

import glob
import os
import re

from screen import fail, say

from configs import config_overrides

# Above, nothing but NaN was ever learned; below, nothing at all.
HIGHEST_RATE = {"adam_optimizer": 0.1, "rms_prop_optimizer": 0.1, "momentum_optimizer": 1.0}
LOWEST_RATE = 1e-8

# An average whose memory is longer than a third of the run is mostly made of the first weights.
MEMORIES_IN_RUN = 3

UNFIT_STEPS = {
    "normalize_image": "the model scales pixels itself",
    "subtract_channel_mean": "the model scales pixels itself",
    "scale_boxes_to_pixel_coordinates": "the model wants boxes in 0..1",
    "convert_class_logits_to_softmax": "the records hold classes, not logits",
    "remap_labels": "the label map would no longer name the classes",
}


def check_config(config, records, class_names, steps, options, resumed=False):
    """Fail with exit code 2 for the first thing that would spoil the run; say what is only odd.

    config: as model_config.fit_to_run leaves it; records: training_records.Records of the train split;
    class_names: in the order of their ids; options: training_options.TrainingOptions; resumed: whether the run
    goes on from a checkpoint of its own.
    """
    check_classes(config, class_names)
    check_input(config)
    check_batch(config, records)
    check_schedule(config, steps)
    check_quantization(config, steps)
    check_averages(config, steps)
    check_augmentation(config)
    check_freezing(config, options, resumed)
    if not resumed:  # a training under way has them already, and they may be gone
        check_pretrained(options)


def refuse(message, hint):
    """End the run before it begins."""
    fail(message, hint=hint, exit_code=2)


def check_classes(config, class_names):
    """The model has to have as many classes as the label map."""
    kind, model = config_overrides.chosen(config.model, "model")
    if model.num_classes != len(class_names):
        refuse(
            "model.{}.num_classes is {}, and the label map names {} ({})".format(
                kind, model.num_classes, len(class_names), ", ".join(class_names[:5])
            ),
            "leave num_classes out: it is taken from the dataset",
        )


def check_input(config):
    """Both readers have to read records, those of training have to be there."""
    readers = [("train_input_reader", config.train_input_reader)]
    readers += [("eval_input_reader[{}]".format(n), reader) for n, reader in enumerate(config.eval_input_reader)]
    if len(readers) == 1:
        refuse("the config has no eval_input_reader", "leave it as it is: the test images of the dataset are read")
    for name, reader in readers:
        paths = list(reader.tf_record_input_reader.input_path)
        if reader.WhichOneof("input_reader") != "tf_record_input_reader" or not paths:
            refuse(
                "{} has no tf_record_input_reader.input_path".format(name),
                "leave it as it is: the records of the dataset are read",
            )
        if not os.path.exists(reader.label_map_path):
            refuse(
                "{}.label_map_path: no file {}".format(name, reader.label_map_path or "is named"),
                "leave it as it is: the label map of the dataset is read",
            )
    for path in config.train_input_reader.tf_record_input_reader.input_path:
        if not glob.glob(path):
            refuse(
                "train_input_reader.tf_record_input_reader.input_path: no file {}".format(path),
                "make records MODEL=...",
            )


def check_batch(config, records):
    """Images of different shapes cannot share a batch; a batch with an image twice is odd."""
    batch = config.train_config.batch_size
    if batch < 1:
        refuse("train_config.batch_size is {}; wanted at least 1".format(batch), "BATCH=8")
    kind, model = config_overrides.chosen(config.model, "model")
    resizer = model.image_resizer.keep_aspect_ratio_resizer
    is_padded = resizer.pad_to_max_dimension or not model.image_resizer.HasField("keep_aspect_ratio_resizer")
    if batch > 1 and not is_padded:
        refuse(
            "model.{}.image_resizer.keep_aspect_ratio_resizer.pad_to_max_dimension is false, and a batch of {} needs "
            "images of one shape".format(kind, batch),
            "BATCH=1, or leave it out: with BATCH above 1 images are padded",
        )
    if batch > records.images:
        say("a step takes {} images, and there are {}: it sees some of them twice".format(batch, records.images))


def check_schedule(config, steps):
    """The learning rate has to rise and fall within the run, between rates that teach something."""
    optimizer = config.train_config.optimizer
    name = optimizer.WhichOneof("optimizer")
    rate = config_overrides.learning_rate_of(optimizer)
    kind, schedule = config_overrides.chosen(rate, "learning_rate")
    where = "train_config.optimizer.{}.learning_rate".format(name)
    if kind is None:
        refuse("{} is not set".format(where), "LR=0.001 SCHEDULE=cosine")
    where += "." + kind
    _check_rate(where, config_overrides.peak_rate(rate), HIGHEST_RATE[name])
    checks = {
        "cosine_decay_learning_rate": _check_cosine,
        "exponential_decay_learning_rate": _check_exponential,
        "manual_step_learning_rate": _check_manual,
    }
    if kind in checks:
        checks[kind](where, schedule, steps)


def _check_rate(where, peak, highest):
    if peak > highest:
        refuse(
            "{}: a rate of {:g} is too high for anything to be learned".format(where, peak),
            "LR={:g} or less".format(highest),
        )
    if peak < LOWEST_RATE:
        refuse("{}: with a rate of {:g} nothing is learned".format(where, peak), "LR=0.001")


def _check_warmup(where, field, warmup, steps):
    if warmup >= steps and warmup > 0:
        refuse(
            "{}.{} is {}, and the run has {} steps: it would end in its warm-up".format(where, field, warmup, steps),
            "WARMUP={}, or a longer run: STEPS=...".format(steps // 10),
        )


def _check_climb(where, schedule, name, base):
    """A warm-up of `name`_steps begins at `name`_learning_rate, no higher than the rate of the field `base`."""
    begin, end = getattr(schedule, name + "_learning_rate"), getattr(schedule, base)
    if getattr(schedule, name + "_steps") and begin > end:
        refuse(
            "{}.{}_learning_rate is {:g}, above {}, {:g}: a warm-up climbs".format(where, name, begin, base, end),
            "SET={}.{}_learning_rate={:g}".format(where, name, end / 10),
        )


def _check_cosine(where, schedule, steps):
    _check_warmup(where, "warmup_steps", schedule.warmup_steps, steps)
    _check_climb(where, schedule, "warmup", "learning_rate_base")
    if schedule.total_steps != steps:
        refuse(
            "{}.total_steps is {}, and the run has {} steps: {}".format(
                where,
                schedule.total_steps,
                steps,
                "its end would never come" if schedule.total_steps > steps else "after it nothing is learned",
            ),
            "leave total_steps out: it is fitted to STEPS",
        )
    if schedule.warmup_steps + schedule.hold_base_rate_steps >= steps and schedule.hold_base_rate_steps:
        refuse(
            "{}: warmup_steps and hold_base_rate_steps are {} together, and the run has {} steps".format(
                where, schedule.warmup_steps + schedule.hold_base_rate_steps, steps
            ),
            "SET={}.hold_base_rate_steps=0".format(where),
        )


def _check_exponential(where, schedule, steps):
    _check_warmup(where, "burnin_steps", schedule.burnin_steps, steps)
    _check_climb(where, schedule, "burnin", "initial_learning_rate")
    if not 0 < schedule.decay_factor <= 1 or schedule.decay_steps < 1:
        refuse(
            "{}: decay_factor is {:g} and decay_steps {}; wanted a factor of 0 to 1 and a step from 1".format(
                where, schedule.decay_factor, schedule.decay_steps
            ),
            "SCHEDULE=exponential sets both",
        )
    if schedule.staircase and schedule.decay_steps + schedule.burnin_steps >= steps:
        say(
            "the learning rate stays the same for all {} steps: {}.decay_steps is {}".format(
                steps, where, schedule.decay_steps
            )
        )


def _check_manual(where, schedule, steps):
    before = 0
    if schedule.warmup and schedule.schedule:
        _check_warmup(where, "schedule[0].step", schedule.schedule[0].step, steps)
    for number, entry in enumerate(schedule.schedule):
        name = "{}.schedule[{}].step".format(where, number)
        if entry.step == 0:
            refuse(
                "{} is 0: the first change of the rate cannot be at the first step".format(name),
                "put that rate into initial_learning_rate, or SCHEDULE=constant",
            )
        if entry.step <= before:
            refuse("{} is {}, not after {}: steps must rise".format(name, entry.step, before), "put them in order")
        if entry.step > steps:
            refuse(
                "{} is {}, and the run has {} steps: it would never come".format(name, entry.step, steps),
                "leave it out, or a longer run: STEPS=...",
            )
        before = entry.step
    if not schedule.schedule:
        refuse("{}.schedule is empty".format(where), "SCHEDULE=constant")


def check_quantization(config, steps):
    """A quantized model has to be quantized at some step of the run."""
    if config.HasField("graph_rewriter") and config.graph_rewriter.quantization.delay >= steps:
        refuse(
            "graph_rewriter.quantization.delay is {}, and the run has {} steps: the model would never be "
            "quantized".format(config.graph_rewriter.quantization.delay, steps),
            "QAT_DELAY={} or less, or leave it out".format(int(0.9 * steps)),
        )


def check_averages(config, steps):
    """Averages of the weights have to forget the first ones within the run."""
    decay = config.train_config.optimizer.moving_average_decay
    if not config.eval_config.use_moving_averages:
        return
    if not config.train_config.optimizer.use_moving_average:
        refuse(
            "eval_config.use_moving_averages is true, and train_config.optimizer.use_moving_average is false: "
            "there would be none",
            "MOVING_AVERAGE=0.99 sets both",
        )
    longest = 1.0 - float(MEMORIES_IN_RUN) / max(steps, MEMORIES_IN_RUN + 1)
    if not 0 < decay < 1 or decay > longest:
        refuse(
            "train_config.optimizer.moving_average_decay is {:g}: the average would still hold the first weights after "
            "{} steps".format(decay, steps),
            "MOVING_AVERAGE={:.4g} or less".format(longest),
        )


def check_augmentation(config):
    """Every augmentation has to be one that the Object Detection API builds, and one that fits training."""
    from object_detection.builders import preprocessor_builder  # seconds, which the rest does without

    for number, option in enumerate(config.train_config.data_augmentation_options):
        where = "train_config.data_augmentation_options[{}]".format(number)
        step = option.WhichOneof("preprocessing_step")
        if step is None:
            refuse("{} is empty".format(where), "AUGMENT=flip,crop (odpipe models --augmentations lists all)")
        if step in UNFIT_STEPS:
            refuse("{}.{} does not fit: {}".format(where, step, UNFIT_STEPS[step]), "leave it out")
        try:
            preprocessor_builder.build(option)
        except ValueError as error:
            refuse("{}.{}: {}".format(where, step, error), "odpipe models --augmentations lists what works")


def check_freezing(config, options, resumed):
    """Frozen variables have to be named by patterns, and hold something that was learned."""
    train = config.train_config
    for field in ("freeze_variables", "update_trainable_variables"):
        for number, pattern in enumerate(getattr(train, field)):
            try:
                re.compile(pattern)
            except re.error as error:
                refuse(
                    "train_config.{}[{}] is {!r}: no regular expression: {}".format(field, number, pattern, error),
                    "FREEZE=backbone",
                )
    if options.freeze == "backbone" and options.pretrained is None and not resumed:
        refuse(
            "FREEZE=backbone without pretrained weights would keep random ones",
            "PRETRAINED=zoo, or leave FREEZE out",
        )


def check_pretrained(options):
    """The checkpoint to begin with has to be there."""
    if options.pretrained is None:
        return
    prefix = options.pretrained["prefix"]
    if not os.path.exists(prefix + ".index") and not os.path.exists(prefix):
        refuse(
            "no checkpoint at {} ({})".format(prefix, options.pretrained["source"]),
            "PRETRAINED=none, or the path of its .index file without the ending",
        )
