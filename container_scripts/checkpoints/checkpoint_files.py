"""What is known of the checkpoints of a run: which there are, whether they are whole, float or quantized.

    output/cats/train/model.ckpt-1100.index       and .data-00000-of-00001: the newest few
    output/cats/train/best/model.ckpt-900.index   the best one so far (see best_checkpoint.py)

A run of a quantized model starts as the float graph and goes on as the rewritten one, in the same
folder; only the variables inside tell which of the two a checkpoint belongs to.
"""

import glob
import os
import re
import shutil

import numpy as np
import tensorflow as tf
from screen import fail, say

from checkpoints import moving_averages

NAME = re.compile(r"model\.ckpt-(\d+)\.index$")
BEST_FOLDER = "best"


def list_checkpoints(train_dir):
    """List the prefixes of a folder's checkpoints, the oldest first; they may be torn.

    The folder is read, not its `checkpoint` file, which does not know what was saved right before a kill.
    """
    found = []
    for path in glob.glob(os.path.join(glob.escape(train_dir), "model.ckpt-*.index")):
        match = NAME.search(path)
        if match:
            found.append((int(match.group(1)), path[: -len(".index")]))
    return [prefix for _, prefix in sorted(found)]


def list_all(train_dir):
    """List the prefixes of a run's checkpoints, the best one included, the oldest first; they may be torn."""
    return sorted(list_checkpoints(os.path.join(train_dir, BEST_FOLDER)) + list_checkpoints(train_dir), key=step_of)


def find_checkpoint(train_dir):
    """Find the prefix of the newest whole checkpoint, or None; say which newer ones are not whole."""
    for prefix in reversed(list_all(train_dir)):
        damage = describe_damage(prefix)
        if damage is None:
            return prefix
        say("{} is not used: {}".format(prefix, damage))
    return None


def step_of(prefix):
    """Read the step in a checkpoint's name; raises ValueError where there is none."""
    return int(prefix.rsplit("-", 1)[1])


def describe_damage(prefix):
    """Say what is wrong with a checkpoint, or None: every value is read, and compared with its checksum.

    A kill or a full disk may leave a file that looks finished; a training whose loss exploded, values that are
    no numbers.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in sorted(reader.get_variable_to_shape_map()):
            value = reader.get_tensor(name)
            if value.dtype.kind == "f" and not np.all(np.isfinite(value)):
                return "{} holds values that are no numbers (NaN)".format(name)
    except (tf.errors.OpError, ValueError, RuntimeError, UnicodeDecodeError) as error:
        reason = str(getattr(error, "message", None) or error).splitlines()
        return "it is torn or incomplete ({})".format(reason[0][:160] if reason else type(error).__name__)
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
    for folder in glob.glob(os.path.join(glob.escape(train_dir), "model.ckpt-*_temp_*")):
        shutil.rmtree(folder, ignore_errors=True)


def remove_surplus(train_dir, keep):
    """Remove all but the newest `keep` checkpoints, after a save.

    The Saver's own max_to_keep removes one for each that it writes: a kill between the two would leave one for good.
    """
    for prefix in list_checkpoints(train_dir)[:-keep]:
        for path in [prefix + ".index"] + glob.glob(glob.escape(prefix) + ".data-*"):  # without an index it is none
            os.remove(path)


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
    if not any(name.endswith(moving_averages.SUFFIX) for name in known):
        moving_averages.begin(session)  # of a run that goes on with averages, begun without
