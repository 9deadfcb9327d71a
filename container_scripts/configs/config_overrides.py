"""Put what a run changes of its model's training into its config: LR=, SCHEDULE=, OPTIMIZER=, FREEZE=, ...

    change_training(config, options, height, width)        options: training_options.TrainingOptions
    have_last_word(config, options)

The config is one that model_config.fit_to_run has scaled to the run's steps already, so WARMUP=500 means 500 of them.
"""

from screen import fail

from configs import augmentation, config_fields

# Of the extractors that the presets use: the classification network, without the layers that SSD adds behind it
# (layer_19_2_Conv2d_3_3x3_s2_256, fpn/...). Faster R-CNN's second stage is its head, and stays trainable.
BACKBONE = r"^(FirstStage)?FeatureExtractor/(?!.*(_[12]_Conv2d_\d+_\dx\d|/fpn/))"

# The warm-up begins at a tenth of the highest rate, exponential decay ends at a hundredth of it.
WARMUP_START = 0.1
DECAY_END = 0.01

_OPTIMIZERS = {
    "adam": "adam_optimizer",
    "momentum": "momentum_optimizer",
    "rmsprop": "rms_prop_optimizer",
}
_PEAKS = {
    "constant_learning_rate": "learning_rate",
    "cosine_decay_learning_rate": "learning_rate_base",
    "exponential_decay_learning_rate": "initial_learning_rate",
}
# What is a learning rate in each schedule, so that another peak moves the whole curve up or down.
_RATES = {
    "constant_learning_rate": ("learning_rate",),
    "cosine_decay_learning_rate": ("learning_rate_base", "warmup_learning_rate"),
    "exponential_decay_learning_rate": ("initial_learning_rate", "burnin_learning_rate", "min_learning_rate"),
    "manual_step_learning_rate": ("initial_learning_rate",),
}


def change_training(config, options, height, width):
    """Carry out what a run's options say of schedule, optimizer, quantization and images, in place.

    height, width: pixels of the model's input. Fails for what the model cannot have.
    """
    if options.optimizer is not None:
        change_optimizer(config.train_config.optimizer, options.optimizer)
    change_schedule(config, options.learning_rate, options.warmup, options.schedule)
    if options.moving_average is not None:
        average_weights(config, options.moving_average)
    elif not config.eval_config.use_moving_averages:
        # The protos' default is to keep averages, whether or not anything reads them.
        config.train_config.optimizer.use_moving_average = False
    if options.qat_delay is not None:
        delay_quantization(config, options.qat_delay)
    if options.augment is not None:
        augmentation.set_augmentations(config, options.augment, height, width)


def have_last_word(config, options):
    """Carry out what must not be settled anew: frozen averages of batch norm, then every field of `set`, in place."""
    if options.freeze is not None:
        freeze(config, options.freeze)
    for assignment in options.set:
        config_fields.set_field(config, assignment)


def chosen(message, oneof):
    """Give (name, message) of what is set of a oneof."""
    name = message.WhichOneof(oneof)
    return name, None if name is None else getattr(message, name)


def learning_rate_of(optimizer):
    """Give the LearningRate message of an Optimizer message; fails when no optimizer is set."""
    name, message = chosen(optimizer, "optimizer")
    if name is None:
        fail(
            "train_config.optimizer names no optimizer",
            hint="OPTIMIZER=adam, or write one into the file: optimizer { adam_optimizer { ... } }",
            exit_code=2,
        )
    return message.learning_rate


def peak_rate(rate):
    """Give the highest learning rate of a LearningRate message; 0 when none is set."""
    kind, schedule = chosen(rate, "learning_rate")
    if kind is None:
        return 0.0
    if kind == "manual_step_learning_rate":
        return max([schedule.initial_learning_rate] + [entry.learning_rate for entry in schedule.schedule])
    return getattr(schedule, _PEAKS[kind])


def change_optimizer(optimizer, name):
    """Take another optimizer with the schedule that the old one had; averages of the weights stay."""
    old, message = chosen(optimizer, "optimizer")
    if old == _OPTIMIZERS[name]:
        return
    rate = None
    if message is not None:
        rate = type(message.learning_rate)()
        rate.CopyFrom(message.learning_rate)
    new = getattr(optimizer, _OPTIMIZERS[name])
    new.SetInParent()
    if rate is not None:
        new.learning_rate.CopyFrom(rate)


def change_schedule(config, peak, warmup, kind):
    """Move a config's learning rate to another peak, warm-up (steps) or kind of schedule; None leaves it."""
    rate = learning_rate_of(config.train_config.optimizer)
    steps = config.train_config.num_steps
    if peak is not None:
        scale_rates(rate, peak)
    peak = peak_rate(rate)
    if kind is not None or (
        warmup is not None and rate.WhichOneof("learning_rate") in (None, "constant_learning_rate")
    ):
        if peak <= 0:
            fail(
                "SCHEDULE={}: the config has no learning rate to begin with".format(kind), hint="LR=0.001", exit_code=2
            )
        write_schedule(rate, kind or "constant", peak, warmup_of(rate, steps) if warmup is None else warmup, steps)
    elif warmup is not None:
        _change_warmup(rate, warmup, peak)


def scale_rates(rate, peak):
    """Multiply all rates of a schedule so that its highest one is `peak`."""
    kind, schedule = chosen(rate, "learning_rate")
    if kind is None:
        rate.constant_learning_rate.learning_rate = peak
        return
    highest = peak_rate(rate)
    factor = peak / highest if highest > 0 else 0.0
    for name in _RATES[kind]:
        if schedule.HasField(name):
            setattr(schedule, name, getattr(schedule, name) * factor)
    if kind == "manual_step_learning_rate":
        for entry in schedule.schedule:
            entry.learning_rate *= factor
    else:
        setattr(schedule, _PEAKS[kind], peak)  # exactly what was asked for, not what rounding made of it


def warmup_of(rate, steps):
    """Give the steps of a schedule's warm-up; for one without, none."""
    kind, schedule = chosen(rate, "learning_rate")
    if kind == "cosine_decay_learning_rate":
        return schedule.warmup_steps
    if kind == "exponential_decay_learning_rate":
        return schedule.burnin_steps
    if kind == "manual_step_learning_rate" and schedule.warmup and schedule.schedule:
        return min(schedule.schedule[0].step, steps)
    return 0


def write_schedule(rate, kind, peak, warmup, steps):
    """Write a schedule of one kind over whatever a LearningRate message holds."""
    rate.Clear()
    if kind == "cosine":
        schedule = rate.cosine_decay_learning_rate
        schedule.learning_rate_base = peak
        schedule.total_steps = steps
        schedule.warmup_steps = warmup
        schedule.warmup_learning_rate = peak * WARMUP_START
    elif kind == "exponential":
        schedule = rate.exponential_decay_learning_rate
        schedule.initial_learning_rate = peak
        schedule.decay_steps = max(steps - warmup, 1)
        schedule.decay_factor = DECAY_END
        schedule.staircase = False
        schedule.burnin_steps = warmup
        schedule.burnin_learning_rate = peak * WARMUP_START if warmup else 0.0
    elif warmup:
        schedule = rate.manual_step_learning_rate
        schedule.initial_learning_rate = peak * WARMUP_START
        schedule.schedule.add(step=warmup, learning_rate=peak)
        schedule.warmup = True
    else:
        rate.constant_learning_rate.learning_rate = peak


def _change_warmup(rate, warmup, peak):
    kind, schedule = chosen(rate, "learning_rate")
    if kind == "cosine_decay_learning_rate":
        schedule.warmup_steps = warmup
        if not 0 < schedule.warmup_learning_rate <= peak:
            schedule.warmup_learning_rate = peak * WARMUP_START
    elif kind == "exponential_decay_learning_rate":
        schedule.burnin_steps = warmup
        if schedule.burnin_learning_rate <= 0:
            schedule.burnin_learning_rate = peak * WARMUP_START
    else:
        _change_manual_warmup(schedule, warmup)


def _change_manual_warmup(schedule, warmup):
    """Give a manual schedule a warm-up of so many steps before what it does anyway."""
    entries = [(entry.step, entry.learning_rate) for entry in schedule.schedule]
    first = schedule.initial_learning_rate
    if schedule.warmup and entries:
        first = entries.pop(0)[1]
    del schedule.schedule[:]
    schedule.warmup = warmup > 0
    schedule.initial_learning_rate = first * WARMUP_START if warmup else first
    for step, value in ([(warmup, first)] if warmup else []) + entries or [(1, first)]:
        schedule.schedule.add(step=step, learning_rate=value)


def freeze(config, what):
    """Keep variables from being trained: "backbone", "none", or a regular expression of their names.

    A frozen backbone keeps its averages of batch norm, too: weights that stay, normalized by other figures than
    those they were trained with, are another network. SSD's layers behind it share its hyperparameters, and keep
    theirs; those of the predictor are learned.
    """
    model_kind, model = chosen(config.model, "model")
    train = config.train_config
    del train.freeze_variables[:]
    if what == "none":
        del train.update_trainable_variables[:]
    elif what != "backbone":
        train.freeze_variables.append(what)
        return
    else:
        train.freeze_variables.append(BACKBONE)
    if model_kind == "ssd":
        # The switch alone does nothing where the hyperparameters say `train: true` (hyperparams_builder: is_training).
        model.freeze_batchnorm = what == "backbone"
        hyperparams = model.feature_extractor.conv_hyperparams
        if hyperparams.HasField("batch_norm"):
            hyperparams.batch_norm.train = what != "backbone"
    else:
        model.feature_extractor.batch_norm_trainable = what != "backbone"


def average_weights(config, decay):
    """Keep an average of the weights with this decay, and evaluate and export that; 0 keeps none."""
    optimizer = config.train_config.optimizer
    optimizer.use_moving_average = decay > 0
    if decay > 0:
        optimizer.moving_average_decay = decay
    config.eval_config.use_moving_averages = decay > 0


def delay_quantization(config, step):
    """Quantize from a step on; fails for a model that is not quantized."""
    if not config.HasField("graph_rewriter"):
        fail(
            "QAT_DELAY={}: the model is not quantized".format(step),
            hint="leave it out, or MODEL=ssd_mobilenet_v2_quantized (make models lists all)",
            exit_code=2,
        )
    config.graph_rewriter.quantization.delay = step
