"""What is known of a checkpoint without loading it: is there one, at which step, float or quantized.

    output/cats/train/checkpoint                  names the newest checkpoints
    output/cats/train/model.ckpt-1100.index       and .data-00000-of-00001

A run of a quantized model starts as the float graph and goes on as the rewritten one, in the same
folder; only the variables inside tell which of the two a checkpoint belongs to.
"""

import glob
import os
import shutil

import tensorflow as tf
from screen import fail


def find_checkpoint(train_dir):
    """Find the prefix of the newest complete checkpoint, or None."""
    state = tf.compat.v1.train.get_checkpoint_state(train_dir)
    if state is None:
        return None
    for prefix in reversed(list(state.all_model_checkpoint_paths)):
        if os.path.exists(prefix + ".index"):
            return prefix
    return None


def read_step(prefix):
    """Read the step a checkpoint was saved at."""
    return int(tf.train.load_checkpoint(prefix).get_tensor("global_step"))


def is_quantized(prefix):
    """Tell whether a checkpoint comes from the rewritten graph: it then holds quantization ranges."""
    names = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    return any("act_quant/" in name or "weights_quant/" in name for name in names)


def remove_half_saved(train_dir):
    """Remove what a killed save leaves: TensorFlow's own temporary folders, never a checkpoint."""
    for folder in glob.glob(os.path.join(train_dir, "model.ckpt-*_temp_*")):
        shutil.rmtree(folder, ignore_errors=True)


def restore(session, prefix):
    """Restore every variable that both the checkpoint and the graph have: weights, optimizer slots, the step.

    A float checkpoint does not have the ranges of the graph that was rewritten for quantization. They need no
    calibration: their averages are zero-debiased, so the first batch replaces the initial -6..6 with its own.
    Fails where a shape differs: the checkpoint is then one of another model.
    """
    known = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    matching = []
    for variable in tf.compat.v1.global_variables():
        name, shape = variable.op.name, variable.shape.as_list()
        if known.get(name, shape) != shape:
            fail(
                "{} was trained as another model: {} is {} in it and {} in this one".format(
                    prefix, name, known[name], shape
                ),
                hint="train under another NAME",
                exit_code=2,
            )
        if name in known:
            matching.append(variable)
    tf.compat.v1.train.Saver(matching).restore(session, prefix)
