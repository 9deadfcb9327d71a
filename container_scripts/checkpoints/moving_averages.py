"""Averages of the weights (MOVING_AVERAGE=0.999): where a checkpoint has them, and how to load them.

The optimizer keeps, beside Conv/weights, its shadow, Conv/weights/ExponentialMovingAverage. It is there for every
variable that was trained with averaging, and for no other: not for frozen ones, nor for those of batch norm, which
are averages already.
"""

import os

import tensorflow as tf

SUFFIX = "/ExponentialMovingAverage"


def averaged(checkpoint, variables):
    """Give {name in the checkpoint: variable} for a Saver: a variable's average where the checkpoint has one.

        tf.compat.v1.train.Saver(moving_averages.averaged(checkpoint, variables)).restore(session, checkpoint)

    Variables that the checkpoint has in neither form keep their own name, so that restoring names them.
    """
    stored = {name for name, _ in tf.train.list_variables(checkpoint)}
    return {name_of_average(variable.op.name, stored): variable for variable in variables}


def name_of_average(name, stored):
    """Give the name of a variable's average if it is one of the names `stored`, else its own."""
    return name + SUFFIX if name + SUFFIX in stored else name


def has_averages(checkpoint):
    """Whether a checkpoint holds averages of weights."""
    return any(name.endswith(SUFFIX) for name, _ in tf.train.list_variables(checkpoint))


def begin(session):
    """Let every average begin at its variable's value: to be called once weights from elsewhere are restored.

    The averages were initialised together with the variables; restored weights would not reach them for
    1 / (1 - decay) steps.
    """
    variables = {variable.op.name: variable for variable in tf.compat.v1.global_variables()}
    session.run(
        [
            tf.compat.v1.assign(variable, variables[name[: -len(SUFFIX)]])
            for name, variable in variables.items()
            if name.endswith(SUFFIX) and name[: -len(SUFFIX)] in variables
        ]
    )


def write_averaged(checkpoint, folder):
    """Write a checkpoint in which every average stands under its variable's own name; give its prefix.

    For the OD API's exporters, which restore what they find. Shadows and slots of the optimizer are left out.
    """
    reader = tf.train.load_checkpoint(checkpoint)
    shapes = reader.get_variable_to_shape_map()
    prefix = os.path.join(folder, os.path.basename(checkpoint))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values = {
            name: reader.get_tensor(name_of_average(name, shapes)) for name in shapes if not name.endswith(SUFFIX)
        }
        holders = {name: tf.compat.v1.placeholder(value.dtype, value.shape) for name, value in values.items()}
        variables = {
            name: tf.compat.v1.get_variable("v{}".format(number), initializer=holders[name])
            for number, name in enumerate(sorted(values))
        }
        session.run(
            tf.compat.v1.global_variables_initializer(), {holders[name]: value for name, value in values.items()}
        )
        tf.compat.v1.train.Saver(variables).save(session, prefix, write_meta_graph=False)
    return prefix
