"""What a training runs on: CPU or GPUs, how many of them, and with how many threads.

    devices.choose(options)                  DEVICE=cpu hides the GPUs; fails where DEVICE or GPUS cannot be had
    devices.session_options(threads=2)       the ConfigProto of every session of a training
    devices.replica_devices(options)         ["/gpu:0", "/gpu:1"] for GPUS=2; [] when one device trains

ODPIPE_VIRTUAL_DEVICES=2 makes two devices of one CPU, to see several at work where there is no GPU. They share its
cores: nothing gets faster.
"""

import glob
import os

import tensorflow as tf
from screen import fail, say

from pipeline.core_count import count_cores

VIRTUAL = "ODPIPE_VIRTUAL_DEVICES"


def choose(options, batch=None):
    """Hide the GPUs for DEVICE=cpu, and fail where DEVICE=gpu or GPUS= asks for what is not there.

    Call it before anything else asks TensorFlow for its devices.
    """
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"  # sessions are not all: strategies look at devices by themselves
    if options.device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif options.device == "gpu" and not gpu_names():
        fail(
            "DEVICE=gpu, but TensorFlow sees no GPU: " + _why_no_gpu(),
            hint="make doctor says which GPU the engine can hand on; DEVICE=cpu trains without",
            exit_code=2,
        )
    wanted = options.gpus or 1
    there = gpu_names() or _virtual_devices()
    if wanted > 1 and wanted > len(there):
        fail(
            "GPUS={}, but {}".format(wanted, "DEVICE=cpu hides them" if options.device == "cpu" else _describe(there)),
            hint="leave GPUS out" if len(there) < 2 else "GPUS={}".format(len(there)),
            exit_code=2,
        )
    if batch is not None and batch % wanted:
        fail(
            "a batch of {} images cannot be shared by {} GPUs".format(batch, wanted),
            hint="BATCH={} or BATCH={}".format(max(batch // wanted, 1) * wanted, (batch // wanted + 1) * wanted),
            exit_code=2,
        )


def gpu_names():
    """List the GPUs that TensorFlow can use, without taking any of their memory."""
    found = tf.config.experimental.list_physical_devices("GPU")
    return ["/gpu:{}".format(number) for number in range(len(found))]


def _virtual_devices():
    return ["/cpu:{}".format(number) for number in range(int(os.environ.get(VIRTUAL) or 0))]


def _describe(names):
    return {0: "TensorFlow sees no GPU: " + _why_no_gpu(), 1: "there is one"}.get(
        len(names), "there are {}".format(len(names))
    )


def _why_no_gpu():
    if not glob.glob("/dev/nvidia[0-9]*") and not os.path.exists("/dev/dxg"):
        return "there is no NVIDIA device here"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides it"
    if not tf.test.is_built_with_cuda():
        return "this TensorFlow is one for CPUs"
    return "a library or the driver does not fit (the log names it)"


def replica_devices(options, quantized=False):
    """List the devices that train together; empty when there is only one.

    The quantization rewriter makes its ranges for one copy of the model: that phase has one device.
    """
    wanted = options.gpus if options is not None and options.gpus else 1
    if wanted < 2:
        return []
    if quantized:
        say("the quantized phase trains on one of the {} GPUs".format(wanted))
        return []
    return (gpu_names() or _virtual_devices())[:wanted]


def mirrored_strategy(names):
    """Give the strategy of training one copy of the model on each device."""
    on_gpus = all("gpu" in name for name in names)
    # Named, because choosing the best would list the devices and with it take all of their memory
    reduction = tf.distribute.NcclAllReduce() if on_gpus else tf.distribute.ReductionToOneDevice()
    return tf.compat.v1.distribute.MirroredStrategy(names, cross_device_ops=reduction)


def session_options(options=None, threads=None, quantized=False):
    """Give a session's ConfigProto; threads: all cores that this process may use, when not given."""
    threads = threads or count_cores()
    config = tf.compat.v1.ConfigProto(intra_op_parallelism_threads=threads, inter_op_parallelism_threads=threads)
    config.gpu_options.allow_growth = True
    config.allow_soft_placement = True  # of a GPU's model, the input and a few odd operations have no GPU code
    if options is not None and (options.gpus or 1) > 1 and not gpu_names():
        config.device_count["CPU"] = len(_virtual_devices())
    if quantized:
        # Measured: it makes the first step wait for 20 s instead of 5 s, and no later one any faster.
        config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config
