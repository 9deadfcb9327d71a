"""Make a detector of six layers, its images, and .tflite files of it that are broken in known ways, in one process.

.envs/odapi/bin/python tests/explain/make_detector.py FOLDER

FOLDER/frozen/{frozen_inference_graph.pb,saved_model/,tflite_graph.pb,pipeline.config}    quantized, as by freeze.py
FOLDER/frozen_padded/, records_padded/   the same of images that keep their ratio: no TFLite graph can be made of it
FOLDER/records/{test.record-00000-of-00001,label_map.pbtxt}                  the best boxes of the graph itself are the
                                                                            truth, so that its mAP is 1
FOLDER/tflite/{healthy,narrow,wide,normalized,float}.tflite                 converted by TOCO

Weights are drawn, ranges are those that the images give.
"""

import io
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import numpy as np
import tensorflow as tf
import whole_graph
from PIL import Image
from tensorflow.lite.python import convert as toco

toco._toco_from_proto_bin = ""  # in this process: another one spends its time importing TensorFlow

SIZE, CELLS, CLASSES, IMAGES = 32, 8, 2, 8
ANCHORS = CELLS * CELLS
DEPTHWISE = "FeatureExtractor/depthwise"
EXPAND = "FeatureExtractor/expand"
INPUT = "normalized_input_image_tensor"
POST_PROCESS = "TFLite_Detection_PostProcess"
IOU = 0.6


def make_network(image, ranges):
    """Build the layers on a normalized image; without ranges nothing is quantized. Return encodings and logits."""
    random = np.random.RandomState(5)

    def quantized(tensor, name, low, high):
        with tf.name_scope(name):
            ends = [tf.constant(end, tf.float32, name=word) for word, end in (("min", low), ("max", high))]
            return tf.quantization.fake_quant_with_min_max_vars(tensor, *ends, name="FakeQuantWithMinMaxVars")

    def layer(tensor, name, shape, strides=1, depthwise=False, relu=True, size=1.0):
        values = random.standard_normal(shape) * size / np.sqrt(np.prod(shape[:2]) * (1 if depthwise else shape[2]))
        if shape[-1] == CLASSES + 1:
            # Who looks like a cat looks like a dog: boxes of both, which fast suppression takes one of
            values[..., 2] = values[..., 1] + 0.2 * values[..., 2]
        weights = tf.constant(values, tf.float32, name=name + "/weights")
        if ranges:
            weights = quantized(weights, name + "/weights_quant", values.min(), values.max())
        operation = tf.nn.depthwise_conv2d if depthwise else tf.nn.conv2d
        out = operation(tensor, weights, strides=[1, strides, strides, 1], padding="SAME", name=name + "/convolution")
        bias = tf.constant(random.standard_normal(int(out.shape[-1])) * 0.1, tf.float32)
        out = tf.nn.bias_add(out, bias, name=name + "/BiasAdd")
        out = tf.nn.relu6(out, name=name + "/Relu6") if relu else out
        return quantized(out, name + "/act_quant", *ranges[out.op.name]) if ranges else out

    tensor = layer(image, "FeatureExtractor/Conv", (3, 3, 3, 8), strides=2, size=2.5)
    tensor = layer(tensor, DEPTHWISE, (3, 3, 8, 1), strides=2, depthwise=True, size=2.0)
    tensor = layer(tensor, EXPAND, (1, 1, 8, 16), size=2.0)
    encodings = layer(tensor, "BoxPredictor_0/BoxEncodingPredictor", (1, 1, 16, 4), relu=False)
    logits = layer(tensor, "BoxPredictor_0/ClassPredictor", (1, 1, 16, CLASSES + 1), relu=False, size=3.0)
    encodings = tf.reshape(encodings, [-1, ANCHORS, 4], name="BoxPredictor_0/Reshape")
    return encodings, tf.reshape(logits, [-1, ANCHORS, CLASSES + 1], name="BoxPredictor_0/Reshape_1")


def make_anchors():
    """Return [y, x, height, width] of each cell."""
    middles = (np.arange(CELLS) + 0.5) / CELLS
    y, x = np.meshgrid(middles, middles, indexing="ij")
    return np.stack([y.ravel(), x.ravel(), np.full(ANCHORS, 0.3), np.full(ANCHORS, 0.25)], 1).astype(np.float32)


def make_frozen_graph(ranges, is_padded=False):
    """Build what export_inference_graph would write: images of any size in, boxes out."""
    image = tf.compat.v1.placeholder(tf.uint8, [None, None, None, 3], name="image_tensor")
    normalized, shapes = whole_graph.preprocess(image, SIZE, is_padded)
    encodings, logits = make_network(tf.identity(normalized, name="FeatureExtractor/input"), ranges)
    y, x, height, width = make_anchors().T
    corners = np.stack([y - height / 2, x - width / 2, y + height / 2, x + width / 2], axis=1)
    whole_graph.postprocess(encodings, logits, corners, shapes, SIZE, IOU)


def make_tflite_graph(ranges):
    """Build what export_tflite_ssd_graph would write; return its GraphDef."""
    image = tf.compat.v1.placeholder(tf.float32, [1, SIZE, SIZE, 3], name=INPUT)
    encodings, logits = make_network(tf.identity(image, name="FeatureExtractor/input"), ranges)
    tf.identity(encodings, name="raw_outputs/box_encodings")
    tf.identity(tf.sigmoid(logits, name="convert_scores"), name="raw_outputs/class_predictions")
    tf.constant(make_anchors(), name="anchors")
    graph = tf.compat.v1.get_default_graph().as_graph_def()
    node = graph.node.add(op=POST_PROCESS, name=POST_PROCESS)
    node.input.extend(["raw_outputs/box_encodings", "raw_outputs/class_predictions", "anchors"])
    numbers = {
        "max_detections": 100, "max_classes_per_detection": 1, "num_classes": CLASSES, "detections_per_class": 100,
    }  # fmt: skip
    floats = {
        "nms_score_threshold": 0.0, "nms_iou_threshold": IOU, "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0,
        "w_scale": 5.0,
    }  # fmt: skip
    for name, number in numbers.items():
        node.attr[name].i = number
    for name, number in floats.items():
        node.attr[name].f = number
    for name in ("use_regular_nms", "_output_quantized", "_support_output_type_float_in_quantized_op"):
        node.attr[name].b = True
    node.attr["_output_types"].list.type.extend([tf.float32.as_datatype_enum] * 4)
    return graph


def draw_images():
    """Draw soft clouds of colour, 40 pixels wide and 32 high."""
    random = np.random.RandomState(1)
    small = [random.randint(0, 256, (6, 8, 3)).astype(np.uint8) for _ in range(IMAGES)]
    return [np.asarray(Image.fromarray(one).resize((40, 32), Image.BICUBIC)) for one in small]


def write_records(folder, images, session):
    """Write the images with those boxes as truth that the graph is surest of."""
    names = ("detection_boxes:0", "detection_scores:0", "detection_classes:0")
    found = [session.run(names, {"image_tensor:0": image[np.newaxis]}) for image in images]
    limit = np.sort(np.concatenate([scores[0] for _, scores, _ in found]))[-5 * len(images)]
    os.makedirs(folder)
    with open(os.path.join(folder, "label_map.pbtxt"), "w") as file:
        file.writelines("item {{\n  id: {}\n  name: '{}'\n}}\n".format(*one) for one in ((1, "cat"), (2, "dog")))
    with tf.io.TFRecordWriter(os.path.join(folder, "test.record-00000-of-00001")) as writer:
        for number, (image, (boxes, scores, classes)) in enumerate(zip(images, found)):  # noqa: B905
            best = scores[0] >= limit
            content = io.BytesIO()
            Image.fromarray(image).save(content, "PNG")
            name = f"{number}.png".encode()
            feature = {
                "image/encoded": [content.getvalue()], "image/format": [b"png"], "image/filename": [name],
                "image/source_id": [name], "image/height": [image.shape[0]], "image/width": [image.shape[1]],
                "image/object/class/label": [int(one) for one in classes[0][best]],
                "image/object/class/text": [(b"cat", b"dog")[int(one) - 1] for one in classes[0][best]],
            }  # fmt: skip
            for place, edge in enumerate(("ymin", "xmin", "ymax", "xmax")):
                feature["image/object/bbox/" + edge] = [float(one) for one in boxes[0][best][:, place]]
            writer.write(to_example(feature).SerializeToString())


def to_example(feature):
    """Make a tf.Example of lists of bytes, floats or ints."""
    example = tf.train.Example()
    for name, values in feature.items():
        kind = {bytes: "bytes_list", float: "float_list", int: "int64_list"}[type(values[0]) if values else float]
        getattr(example.features.feature[name], kind).value.extend(values)
    return example


def with_range(graph, layer, low, high):
    """Copy a graph with another range of one layer's activations."""
    changed = tf.compat.v1.GraphDef()
    changed.CopyFrom(graph)
    for node in changed.node:
        for word, end in (("min", low), ("max", high)):
            if node.name == f"{layer}/act_quant/{word}":
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.float32(end)))
    return changed


def convert(graph, path, stats=(128, 128)):
    """Convert a graph with TOCO; without `stats` (mean, deviation) it stays float."""
    converter = tf.lite.TFLiteConverter(
        graph, None, None, [(INPUT, [1, SIZE, SIZE, 3])], [POST_PROCESS] + [POST_PROCESS + ":" + n for n in "123"]
    )
    converter.allow_custom_ops = True
    if stats:
        converter.inference_type, converter.quantized_input_stats = tf.uint8, {INPUT: stats}
    with open(path, "wb") as file:
        file.write(converter.convert())


def lowest(arrays):
    """Return the least number of some arrays, or 0, which a range has to hold."""
    return min(0.0, min(float(min(one)) for one in arrays))


def highest(arrays):
    """Return the largest number of some arrays."""
    return max(float(max(one)) for one in arrays)


def write_frozen(frozen, session):
    """Write the graph of a session as freeze.py does."""
    os.makedirs(frozen)
    with open(os.path.join(frozen, "frozen_inference_graph.pb"), "wb") as file:
        file.write(session.graph.as_graph_def().SerializeToString())
    whole_graph.write_saved_model(os.path.join(frozen, "saved_model"), session)
    with open(os.path.join(frozen, "pipeline.config"), "w") as file:
        file.write("model { ssd { post_processing { batch_non_max_suppression {\n  score_threshold: 0.0\n")
        file.write("  iou_threshold: 0.6\n} } } }\n")


def main(folder):
    images = draw_images()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        make_frozen_graph(None)
        outputs = [op.outputs[0] for op in session.graph.get_operations() if op.type in ("Relu6", "BiasAdd")]
        seen = [session.run(outputs, {"image_tensor:0": image[np.newaxis]}) for image in images]
        lows, highs = [[pick([one[n].flat for one in seen]) for n in range(len(outputs))] for pick in (lowest, highest)]
        ranges = {tensor.op.name: ends for tensor, ends in zip(outputs, zip(lows, highs))}  # noqa: B905
    frozen = os.path.join(folder, "frozen")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        make_frozen_graph(ranges)
        write_frozen(frozen, session)
        write_records(os.path.join(folder, "records"), images, session)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        make_frozen_graph(ranges, is_padded=True)
        write_frozen(os.path.join(folder, "frozen_padded"), session)
        write_records(os.path.join(folder, "records_padded"), images, session)
    with tf.Graph().as_default():
        graph = make_tflite_graph(ranges)
    with open(os.path.join(frozen, "tflite_graph.pb"), "wb") as file:
        file.write(graph.SerializeToString())
    target = os.path.join(folder, "tflite")
    os.makedirs(target)
    convert(graph, os.path.join(target, "healthy.tflite"))
    convert(with_range(graph, EXPAND, 0, 0.3), os.path.join(target, "narrow.tflite"))
    convert(with_range(graph, DEPTHWISE, -600, 600), os.path.join(target, "wide.tflite"))
    convert(graph, os.path.join(target, "normalized.tflite"), stats=(0, 255))
    convert(graph, os.path.join(target, "float.tflite"), stats=None)


if __name__ == "__main__":
    main(sys.argv[1])
