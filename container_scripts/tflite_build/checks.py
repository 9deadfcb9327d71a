"""Does a converted detector take and give what programs rely on? Its answer is compared with its own insides.

Programs take the four outputs by their position. That the first is the boxes, the second the classes, and so on, is not
taken from their names: the last operator's inputs (encoded boxes, scores of each class, anchors) are read from the
interpreter after a run, the best box is decoded from them here, and it has to be what the outputs say.
"""

import numpy as np
import tensorflow as tf
from screen import fail

from tflite_build.converter import INPUT, OUTPUTS, input_shape
from tflite_build.flatbuffers_file import read_root

NOT_QUANTIZED = (0.0, 0)
COLOURS = 8
TOLERANCE = 1e-4


def check_converted(path, content, model, scales):
    """End the job unless the file at `path` is what `model` (as tflite/model.json has it) says.

    scales: (y, x, height, width) of the box coder, as the graph's post-processing has them.
    """
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    count = model["max_detections"]
    output_shapes = [[1, count, 4], [1, count], [1, count], [1]]
    wanted = {
        "inputs": [(INPUT, input_shape(model), model["input_type"])],
        "outputs": [(name, output_shapes[place], "float32") for place, name in enumerate(OUTPUTS)],
    }
    details = {"inputs": interpreter.get_input_details(), "outputs": interpreter.get_output_details()}
    for side in ("inputs", "outputs"):
        found = [(tensor["name"], tensor["shape"].tolist(), np.dtype(tensor["dtype"]).name) for tensor in details[side]]
        if found != wanted[side]:
            fail("{}: its {} are {}, not {}".format(path, side, found, wanted[side]), exit_code=4)
    interpreter.set_tensor(details["inputs"][0]["index"], draw_image(model))
    interpreter.invoke()
    outputs = [interpreter.get_tensor(tensor["index"]) for tensor in details["outputs"]]
    for tensor, values in zip(details["outputs"], outputs):  # noqa: B905
        if not np.isfinite(values).all():
            fail(
                "{}: {} is not a number on a drawn image".format(path, tensor["name"]),
                hint="the checkpoint holds NaN: its training diverged",
                exit_code=4,
            )
    mismatch = find_mismatch(outputs, read_last_inputs(interpreter, content), scales)
    if mismatch:
        fail("{}: its outputs are not boxes, classes, scores, count: {}".format(path, mismatch), exit_code=4)


def draw_image(model, seed=0):
    """Draw blocks of colours, the same every time, as the model's input: something a detector has opinions on."""
    _, height, width, _ = input_shape(model)
    blocks = np.random.RandomState(seed).randint(0, 256, (COLOURS, COLOURS, 3)).astype(np.float32)
    rows, columns = (np.arange(size) * COLOURS // size for size in (height, width))
    pixels = blocks[rows][:, columns][np.newaxis]
    if model["input_type"] == "uint8":
        return pixels.astype(np.uint8)
    preprocessing = model["preprocessing"]
    return (pixels * preprocessing["scale"] + preprocessing["offset"]).astype(np.float32)


def read_last_inputs(interpreter, content):
    """Return what the last operator, the post-processing, was given: box codes [n, 4], scores [n, classes], anchors."""
    graph = read_root(content).tables(2)[0]
    details = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    values = []
    for index in graph.tables(3)[-1].integers(1)[:3]:
        value = interpreter.get_tensor(index)
        scale, zero_point = details[index]["quantization"]
        if (scale, zero_point) != NOT_QUANTIZED:
            value = (value.astype(np.float32) - zero_point) * np.float32(scale)
        values.append(value.reshape(value.shape[-2:]))
    return values


def find_mismatch(outputs, inputs, scales):
    """Say where outputs are not boxes, classes, scores and count of what the inputs hold; None when they are."""
    boxes, classes, scores, count = (output[0] for output in outputs)
    codes, class_scores, anchors = inputs
    class_scores = class_scores[:, 1:]  # the first is the background's
    found = int(count)
    if found != count or not 0 <= found <= len(scores):
        return "the fourth is {}, not a number of boxes from 0 to {}".format(count, len(scores))
    if not found:
        return "the fourth says that there are no boxes, although no score is too low"
    if (np.diff(scores[:found]) > 0).any() or scores[0] > 1 or scores[found - 1] < 0:
        return "the third does not fall from at most 1 to at least 0: {}".format(scores[:3].tolist())
    if (classes != np.floor(classes)).any() or classes.min() < 0 or classes.max() >= class_scores.shape[1]:
        return "the second is {}, not classes from 0 to {}".format(classes[:3].tolist(), class_scores.shape[1] - 1)
    if abs(scores[0] - class_scores.max()) > TOLERANCE:
        return "the third begins with {}, and the best score is {}".format(scores[0], class_scores.max())
    # Several boxes may have the best score, of a saturated model above all
    for anchor, class_number in zip(*np.where(class_scores >= scores[0] - TOLERANCE)):  # noqa: B905
        box = decode(codes[anchor], anchors[anchor], scales)
        if class_number == classes[0] and np.allclose(box, boxes[0], atol=TOLERANCE * 10):
            return None
    return "the first and second begin with {} and {}, which no best score belongs to".format(
        boxes[0].tolist(), classes[0]
    )


def decode(code, anchor, scales):
    """Return [ymin, xmin, ymax, xmax] of a box coded against an anchor [y, x, height, width] of its centre."""
    y, x, height, width = code / np.float32(scales)
    center = np.array([y, x]) * anchor[2:] + anchor[:2]
    half = np.exp([height, width]) * anchor[2:] / 2
    return np.concatenate([center - half, center + half])
