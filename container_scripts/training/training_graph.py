"""The graph that a run trains: the OD API's model, losses and optimizer on the run's records.

Built twice in the run of a quantized model: as a float graph first, then rewritten for quantization. The
rewriter folds batch norms into convolutions; while they learn, it computes every convolution twice, even
before its own `delay` is reached. So it comes in only when it is due, and with batch norms frozen, as they
are when the model is used: measured on SSD MobileNet V2, the float part takes 1.27 s a step instead of 2.12.
"""

import collections
import functools
import re

import tensorflow as tf
import tf_slim as slim
from configs import model_config
from feature_extractors import model_builder
from nets import resnet_utils
from object_detection import model_lib
from object_detection.builders import optimizer_builder
from object_detection.core import standard_fields
from object_detection.models import faster_rcnn_inception_v2_feature_extractor as inception_v2
from tensorflow.contrib import quantize

from pipeline.core_count import count_cores
from training import devices, training_input

INPUT = standard_fields.InputDataFields

TrainingGraph = collections.namedtuple("TrainingGraph", "train_op metrics global_step start_input batch")

REGULARIZATION = "Loss/regularization_loss"
# Operations whose result lies where their input does
SHARED_VALUES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "StopGradient", "IteratorGetNext")


def build_training_graph(config, quantized, options=None, threads=None):
    """Build the training graph of a config into the default graph.

    options: TrainingOptions, for `gpus` and `device`; threads decode images (all cores when not given).
    metrics maps loss, learning_rate and the model's parts of the loss (classification_loss, localization_loss;
    RPNLoss/localization_loss, ... of a Faster R-CNN) to scalars. Run start_input once before the first step.

    batch is what the step itself saw, to be fetched with it, because the input has moved on after it:
    filename [B] strings; boxes [B, N, 4] as ymin, xmin, ymax, xmax in 0..1 of the augmented image; classes [B, N]
    from 1 on; box_count [B], as only the first so many of an image's N are boxes; gradient_norm, before clipping.
    """
    model_proto = type(config.model)()
    model_proto.CopyFrom(config.model)
    if quantized:
        _freeze_batch_norm(model_proto)
    tf.compat.v1.keras.backend.set_learning_phase(True)
    _settle_faster_rcnn_batch_norm(config.train_config.num_steps)
    names = devices.replica_devices(options, quantized)
    build_dataset = functools.partial(
        training_input.build_dataset,
        config,
        model_proto,
        threads=threads or count_cores(),
        repeatable=not devices.gpu_names(),
    )
    if len(names) > 1:
        return _build_on_replicas(config, model_proto, names, build_dataset)
    model = model_builder.build(model_proto, is_training=True, add_summaries=False)
    iterator = tf.compat.v1.data.make_initializable_iterator(build_dataset(model=model))
    features, labels = iterator.get_next()
    train_op, metrics, batch = _build_step(config.train_config, model, features, labels, quantized=quantized)
    return TrainingGraph(train_op, metrics, tf.compat.v1.train.get_global_step(), iterator.initializer, batch)


def count_image_bytes(batch):
    """Give the memory in bytes that each image of a step takes, by the default graph: what its forward pass keeps.

    Every floating-point value with a batch in front is kept for the gradients, but for those that are another's under
    a new name. Measured on SSD MobileNet V2 at 300x300 pixels: 145 MB an image; the process grew by 125 to 167 MB.
    """
    found = 0
    for operation in tf.compat.v1.get_default_graph().get_operations():
        if operation.type in SHARED_VALUES or operation.name.startswith("gradients"):
            continue
        for tensor in operation.outputs:
            shape = tensor.shape
            if tensor.dtype == tf.float32 and shape.is_fully_defined() and shape.ndims == 4 and shape[0] == batch:
                found += 4 * shape.num_elements()
    return found // batch


def _build_on_replicas(config, model_proto, names, build_dataset):
    """Build a copy of the model on each device, each with its share of the batch: tf.distribute's MirroredStrategy.

    The copies' gradients are averaged, so a step is that of one device with the whole batch, but for what is
    computed over a batch: batch norm's statistics and a loss's division by its number of matches are each
    copy's own. Variables have the names that they have on one device, and so have checkpoints.
    """
    train_config = type(config.train_config)()
    train_config.CopyFrom(config.train_config)
    # The optimizer's own averages are not found by tf.distribute
    train_config.optimizer.use_moving_average = False
    strategy = devices.mirrored_strategy(names)
    share = train_config.batch_size // len(names)
    trained = []

    def build_step(inputs):
        model = model_builder.build(model_proto, is_training=True, add_summaries=False)
        return _build_step(train_config, model, *inputs, replicas=len(names), trained=trained)

    with strategy.scope():
        # In its own name; a copy's optimizer would make it inside the copy
        global_step = tf.compat.v1.train.get_or_create_global_step()
        iterator = strategy.make_input_fn_iterator(lambda _: build_dataset(batch=share))
        start_input = tf.group(iterator.initialize())
        train_op, metrics, batch = strategy.experimental_run_v2(build_step, args=(iterator.get_next(),))
        copies = strategy.experimental_local_results
        metrics = {name: tf.add_n(copies(value)) / len(names) for name, value in metrics.items()}
        norm = tf.reduce_max(tf.stack(copies(batch.pop("gradient_norm"))))
        batch = {name: tf.concat(copies(value), axis=0) for name, value in batch.items()}
        train_op = tf.group(copies(train_op))
    if config.train_config.optimizer.use_moving_average:
        train_op = _average_first_copies(train_op, trained, config.train_config.optimizer.moving_average_decay)
    return TrainingGraph(train_op, metrics, global_step, start_input, dict(batch, gradient_norm=norm))


def _average_first_copies(train_op, variables, decay):
    """Keep averages of weights that have a copy on each device, equal after each step: of the first device's."""
    first = {variable.op.name: variable.primary for variable in variables}
    with tf.control_dependencies([train_op]):
        return tf.train.ExponentialMovingAverage(decay).apply(list(first.values()))


def _build_step(train_config, model, features, labels, quantized=False, replicas=1, trained=None):
    """Build losses and update of one batch on one device; returns (train_op, metrics, batch).

    The variables that it trains are added to the list `trained`.
    """
    batch = {
        "filename": features[INPUT.source_id],
        "boxes": labels[INPUT.groundtruth_boxes],
        "classes": tf.argmax(labels[INPUT.groundtruth_classes], axis=-1, output_type=tf.int32) + 1,
        "box_count": labels[INPUT.num_groundtruth_boxes],
    }
    labels = model_lib.unstack_batch(labels, unpad_groundtruth_tensors=train_config.unpad_groundtruth_tensors)
    model_lib.provide_groundtruth(model, labels)
    shapes = features[INPUT.true_image_shape]
    predictions = model.predict(features[INPUT.image], shapes)
    losses = dict(model.loss(predictions, shapes))
    regularization = model.regularization_losses()
    if train_config.add_regularization_loss and regularization:
        losses[REGULARIZATION] = tf.add_n(regularization, name="regularization_loss")
    loss = tf.add_n(list(losses.values()), name="total_loss")
    if quantized:
        quantize.experimental_create_training_graph(quant_delay=0)
    train_op, learning_rate, batch["gradient_norm"] = _add_optimizer(
        train_config, model, loss, losses, replicas, trained
    )
    metrics = {"loss": loss, "learning_rate": learning_rate}
    # Loss/localization_loss of an SSD; Loss/RPNLoss/localization_loss and Loss/BoxClassifierLoss/... of Faster R-CNN
    metrics.update({re.sub("^Loss/", "", name): tensor for name, tensor in losses.items()})
    return train_op, metrics, batch


def _add_optimizer(train_config, model, loss, losses, replicas, trained):
    global_step = tf.compat.v1.train.get_or_create_global_step()
    optimizer, (learning_rate,) = optimizer_builder.build(train_config.optimizer)
    norms = []

    def adjust(gradients):
        """Note the gradients' norm, clip them by it, and take a copy's share, since the copies' are summed."""
        values, variables = zip(*gradients)  # noqa: B905  (strict= is Python 3.10's)
        norms.append(tf.linalg.global_norm(values))
        if trained is not None:
            trained.extend(variable for value, variable in gradients if value is not None)
        if train_config.gradient_clipping_by_norm:
            values, _ = tf.clip_by_global_norm(values, train_config.gradient_clipping_by_norm, use_norm=norms[0])
        if replicas > 1:
            values = [None if value is None else value / replicas for value in values]
        return list(zip(values, variables))  # noqa: B905

    if replicas > 1 and REGULARIZATION in losses:
        # Only the first copy's weights are regularized, and its gradient will be divided by the number of copies.
        loss += losses[REGULARIZATION] * (replicas - 1)
    train_op = slim.optimizers.optimize_loss(
        loss=loss,
        global_step=global_step,
        learning_rate=None,
        clip_gradients=adjust,
        optimizer=optimizer,
        update_ops=model.updates(),
        variables=slim.filter_variables(
            tf.compat.v1.trainable_variables(),
            include_patterns=list(train_config.update_trainable_variables) or None,
            exclude_patterns=list(train_config.freeze_variables) or None,
        ),
        summaries=[],
        name="",  # no scope before the variables: the names of the zoo's checkpoints
    )
    return train_op, learning_rate, norms[0]


def _freeze_batch_norm(model):
    """Let batch norms of an SSD use their averages, in place.

    freeze_batchnorm alone does nothing to layers whose hyperparameters say `train`: that is an argument of the layer
    itself, and slim's scopes give way to those.
    """
    if model.WhichOneof("model") != "ssd":
        return
    model.ssd.freeze_batchnorm = True
    for hyperparams in model_config.hyperparams_of(model.ssd):
        if hyperparams.HasField("batch_norm"):
            hyperparams.batch_norm.train = False


def _settle_faster_rcnn_batch_norm(steps):
    """Let Faster R-CNN's averages settle in the run: their decay is in code, not in the config.

    It is 0.9997 in Inception V2's extractor and 0.997 in the ResNets'. See model_config.settle_batch_norm. Can go
    when the extractors take their conv_hyperparams into account.
    """
    longest = model_config.longest_decay(steps)
    for module, name, decay in (
        (inception_v2, "_batch_norm_arg_scope", 0.9997),
        (resnet_utils, "resnet_arg_scope", 0.997),
    ):
        scope = getattr(module, name)
        scope = getattr(scope, "func", scope)
        setattr(module, name, functools.partial(scope, batch_norm_decay=min(longest, decay)))
