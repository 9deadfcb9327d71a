"""Give layers that hardly answer at all a scale that their bias and every runtime can live with.

    widen(graph)                        in a GraphDef: no trained range is [0, 0], at which TOCO aborts
    repair(content, float_content)      the quantized .tflite again, the same size; and the names of its dead layers

A detector of few data, or of a short training, has layers that died: no object was ever as large as the cells of the
coarsest map, so that weight decay drove their weights to 1e-13. Quantized (uint8 with the ranges that were trained,
int8 with the ranges of what was measured), their values are a range of 1e-20 with a scale of 1e-23. Runtimes from 2021
to 2023 (tflite-runtime 2.14 is the last of that name; Android's Task library) refuse such a file:
"no_integer_overflow_from_quantization was not true", because 6 / scale is no int32. And a bias that did not die is
lost: counted in steps of (scale of the input * scale of the weights) it is more than an int32 holds, and is cut. The
-4.9 that made a class predictor say "nothing here" becomes -0.01, a score of 0.5 at every cell of the map; one such
run lost 6.3 points of mAP.

Here no scale of values stays below SMALLEST, no scale of weights so small that its bias is cut; weights and biases are
quantized anew from the float model where that changes their steps. LARGEST_BIAS leaves the sum of products its room
in the int32 accumulator, and a step of the weights is still far less than one of the output. What such layers answer
is what it is in the float model: their bias, or nothing.
"""

import numpy as np
import tensorflow as tf

from tflite_build.flatbuffers_file import read_root

SMALLEST = 1e-8  # of values: 255 steps are 0.0000026; ReLU6 counts 6 / 1e-8 steps, which an int32 holds
SMALLEST_OF_WEIGHTS = 1e-12
LARGEST_BIAS = 2**30
SMALLEST_RANGE = 1e-20  # of FakeQuant: below any scale that is kept, and more than nothing
CONVOLUTIONS = (3, 4)  # CONV_2D, DEPTHWISE_CONV_2D
UINT8, INT8 = 3, 9
STEPS = {UINT8: (np.uint8, 0, 255), INT8: (np.int8, -127, 127)}


def widen(graph):
    """Make every range of a FakeQuant that is [0, 0] one up to SMALLEST_RANGE, in place."""
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op == "FakeQuantWithMinMaxVars":
            low, high = (_follow_constant(nodes, name) for name in node.input[1:3])
            if low is not None and high is not None and _read(low) == _read(high) == 0:
                value = np.full_like(tf.make_ndarray(high.attr["value"].tensor), SMALLEST_RANGE)
                high.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def repair(content, float_content):
    """Return a quantized .tflite with no scale too small, and the names of the layers that are dead, in their order.

    float_content: the float .tflite of the same graph; its constants are what weights and biases really are.
    """
    content = bytearray(content)
    root, known = read_root(content), _read_convolutions(float_content)
    tensors, buffers = root.tables(2)[0].tables(0), root.tables(4)
    raised = set()
    for number, tensor in enumerate(tensors):
        scales = _scales(content, tensor)
        is_computed = len(scales) == 1 and not _count(buffers[tensor.scalar(2, "I")])
        if is_computed and tensor.scalar(1, "b") in STEPS and scales[0] < np.float32(SMALLEST):
            scales[:] = SMALLEST
            raised.add(number)
    dead = []
    for operator in find_convolutions(root):
        output = operator.integers(2)[0]
        image, weights, bias = (tensors[place] for place in operator.integers(1))
        if weights.scalar(1, "b") in STEPS:
            is_changed = _requantize(content, buffers, known[tensors[output].text(3)], image, weights, bias)
            if is_changed or output in raised:
                dead.append(tensors[output].text(3).rpartition("/")[0])
    return bytes(content), dead


def find_convolutions(root):
    """Return the operators of a .tflite that are convolutions; their inputs are an image, weights and a bias."""
    codes = [code.scalar(0, "b") for code in root.tables(1)]
    return [one for one in root.tables(2)[0].tables(3) if codes[one.scalar(0, "I")] in CONVOLUTIONS]


def _requantize(content, buffers, real, image, weights, bias):
    """Raise the scales of a convolution's weights where they are too small, and count its bias in the new steps.

    Return whether there were any; `real` is its weights and its bias.
    """
    (input_scale,) = _scales(content, image).astype(np.float64)
    scales, bias_scales = _scales(content, weights), _scales(content, bias)
    kind, lowest, highest = STEPS[weights.scalar(1, "b")]
    steps = _numbers(content, buffers, weights, kind).reshape(weights.integers(0))
    real_weights, real_bias = real[0].reshape(steps.shape), real[1]
    needed = np.abs(real_bias) / input_scale / LARGEST_BIAS
    if len(scales) == 1:
        needed = needed.max()
    wanted = np.maximum(np.maximum(scales, needed), SMALLEST_OF_WEIGHTS).astype(np.float32)
    along = [1] * steps.ndim
    along[weights.table(4).scalar(6, "i")] = len(scales)
    is_changed = wanted != scales
    zero_point = 0 if kind is np.int8 else _zero_point(weights)
    new = np.clip(np.rint(real_weights / wanted.reshape(along)) + zero_point, lowest, highest)
    steps[:] = np.where(is_changed.reshape(along), new, steps)
    scales[:] = wanted
    counted = np.rint(real_bias / (input_scale * wanted))
    bias_steps = _numbers(content, buffers, bias, np.int32)
    # Not for a last digit of the scale: what fits stays as the converter made it
    is_other = np.abs(bias_scales / (input_scale * wanted) - 1) > 1e-5
    bias_steps[:] = np.where(is_other, counted, bias_steps)
    bias_scales[is_other] = (input_scale * wanted).astype(np.float32)[is_other]
    return bool(is_changed.any())


def _read_convolutions(content):
    """Return {name of the output: (weights, bias)} of a float .tflite, as float64 arrays.

    By their outputs: of constants that are alike, TOCO keeps one, under one of the names.
    """
    root, content = read_root(content), bytearray(content)
    buffers, tensors = root.tables(4), root.tables(2)[0].tables(0)
    found = {}
    for operator in find_convolutions(root):
        constants = [tensors[place] for place in operator.integers(1)[1:]]
        numbers = tuple(_numbers(content, buffers, one, np.float32).astype(np.float64) for one in constants)
        found[tensors[operator.integers(2)[0]].text(3)] = numbers
    return found


def _follow_constant(nodes, name):
    """Return the constant that a name leads to through Identity operators; None where it is computed."""
    node = nodes[name.split(":")[0]]
    while node.op == "Identity":
        node = nodes[node.input[0].split(":")[0]]
    return node if node.op == "Const" else None


def _read(node):
    return float(tf.make_ndarray(node.attr["value"].tensor).ravel()[0])


def _count(buffer):
    start = buffer.follow(0)
    return 0 if start is None else buffer.number_at(start, "I")


def _numbers(content, buffers, tensor, kind):
    """Return a view of a constant tensor's numbers, flat; writing into it writes into the file."""
    buffer = buffers[tensor.scalar(2, "I")]
    return np.frombuffer(content, kind, _count(buffer) // np.dtype(kind).itemsize, buffer.follow(0) + 4)


def _scales(content, tensor):
    """Return a view of a tensor's scales; empty where it is not quantized."""
    quantization = tensor.table(4)
    start = None if quantization is None else quantization.follow(2)
    if start is None:
        return np.zeros(0, np.float32)
    return np.frombuffer(content, np.float32, quantization.number_at(start, "I"), start + 4)


def _zero_point(tensor):
    """Return the step of a tensor with one scale that is 0."""
    quantization = tensor.table(4)
    return quantization.number_at(quantization.follow(3) + 4, "q")
