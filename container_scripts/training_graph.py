"""The graph that a run trains: the OD API's model, losses and optimizer on the run's records.

Built twice in the run of a quantized model: as a float graph first, then rewritten for quantization. The
rewriter folds batch norms into convolutions; while they learn, it computes every convolution twice, even
before its own `delay` is reached. So it comes in only when it is due, and with batch norms frozen, as they
are when the model is used: measured on SSD MobileNet V2, the float part takes 1.27 s a step instead of 2.12.
"""

import collections
import functools

import model_config
import tensorflow as tf
import tf_slim as slim
from nets import resnet_utils
from object_detection import inputs, model_lib
from object_detection.builders import model_builder, optimizer_builder
from object_detection.core import standard_fields
from object_detection.models import faster_rcnn_inception_v2_feature_extractor as inception_v2
from tensorflow.contrib import quantize

TrainingGraph = collections.namedtuple("TrainingGraph", "train_op metrics global_step start_input")


def build_training_graph(config, quantized):
    """Build the training graph of a config into the default graph.

    metrics maps loss, classification_loss, localization_loss (where the model has them) and
    learning_rate to scalars. Run start_input once before the first step.
    """
    model_config = type(config.model)()
    model_config.CopyFrom(config.model)
    if quantized and model_config.WhichOneof("model") == "ssd":
        model_config.ssd.freeze_batchnorm = True
    tf.compat.v1.keras.backend.set_learning_phase(True)
    _settle_faster_rcnn_batch_norm(config.train_config.num_steps)
    model = model_builder.build(model_config, is_training=True, add_summaries=False)
    # Autograph would translate the source of every function of the input pipeline, which needs none of it: 50 s.
    build_input = tf.autograph.experimental.do_not_convert(inputs.train_input)
    dataset = build_input(config.train_config, config.train_input_reader, model_config, model=model)
    iterator = tf.compat.v1.data.make_initializable_iterator(dataset)
    features, labels = iterator.get_next()
    labels = model_lib.unstack_batch(labels, unpad_groundtruth_tensors=config.train_config.unpad_groundtruth_tensors)
    model_lib.provide_groundtruth(model, labels)
    shapes = features[standard_fields.InputDataFields.true_image_shape]
    predictions = model.predict(features[standard_fields.InputDataFields.image], shapes)
    losses = dict(model.loss(predictions, shapes))
    regularization = model.regularization_losses()
    if config.train_config.add_regularization_loss and regularization:
        losses["Loss/regularization_loss"] = tf.add_n(regularization, name="regularization_loss")
    loss = tf.add_n(list(losses.values()), name="total_loss")
    if quantized:
        quantize.experimental_create_training_graph(quant_delay=0)
    return _add_optimizer(config.train_config, model, loss, losses, iterator.initializer)


def _add_optimizer(train_config, model, loss, losses, start_input):
    global_step = tf.compat.v1.train.get_or_create_global_step()
    optimizer, (learning_rate,) = optimizer_builder.build(train_config.optimizer)
    train_op = slim.optimizers.optimize_loss(
        loss=loss,
        global_step=global_step,
        learning_rate=None,
        clip_gradients=train_config.gradient_clipping_by_norm or None,
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
    metrics = {"loss": loss, "learning_rate": learning_rate}
    metrics.update({name.split("/")[-1]: tensor for name, tensor in losses.items()})
    return TrainingGraph(train_op, metrics, global_step, start_input)


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
