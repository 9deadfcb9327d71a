"""Try the parts of the TFLite conversion in one process with TensorFlow 1.15; prints one line of JSON.

.envs/toco/bin/python tests/toco/try_tflite_build.py --frozen-dir FOLDER --records-dir input/tf_records/cats \\
    --quantized output/cats/frozen/tflite_graph.pb
"""

import argparse
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "container_scripts"))

import numpy as np
import tensorflow as tf
from tflite_build import checks, converter, dead_layers, metadata, own_biases, training_images
from tflite_build.flatbuffers_file import read_root


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--frozen-dir", required=True)
    parser.add_argument("--quantized", required=True, help="tflite_graph.pb as it was trained")
    parser.add_argument("--records-dir", required=True)
    flags = parser.parse_args()
    with open(os.path.join(flags.frozen_dir, "model.json"), encoding="utf-8") as file:
        model = dict(json.load(file), input_type="float32", max_detections=20)
    graph = converter.read_graph(os.path.join(flags.frozen_dir, "tflite_graph.pb"), 20, True)
    content = converter.to_float(graph, model)
    grey = {"scale": [1.0, 1.0, 1.0], "offset": [-123.68, -116.779, -103.939]}
    letterbox = dict(model, resize="letterbox", preprocessing=grey)
    with open(os.path.join(flags.frozen_dir, "letterbox.tflite"), "wb") as file:
        file.write(metadata.pack(content, letterbox, "a\n"))
    killed = os.path.join(flags.frozen_dir, "killed.pb")
    report = {
        "letterbox": file.name,
        "order": try_order(content, graph, model),
        "dead": try_dead_layers(graph, model),
        "dead, trained": try_trained_dead_layers(converter.read_graph(flags.quantized, 20, True), model, killed),
        "killed": killed,
        "shared": try_shared_biases(graph, model),
        "chosen": try_choosing(flags.records_dir),
        "pixels": try_pixels(flags.records_dir, model),
    }
    print(json.dumps(report))


def run(content, image):
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(tensor["index"]) for tensor in interpreter.get_output_details()]
    return outputs, checks.read_last_inputs(interpreter, content)


def try_order(content, graph, model):
    (node,) = [node for node in graph.node if node.op == converter.POST_PROCESS]
    scales = [node.attr[name].f for name in ("y_scale", "x_scale", "h_scale", "w_scale")]
    (boxes, classes, scores, count), inputs = run(content, checks.draw_image(model))
    _, others = run(content, checks.draw_image(model, seed=1))
    # A second class for certain: else swapped outputs could look like falling scores
    classes[0, 1] = classes[0, 0] + 1 if classes[0, 0] == 0 else classes[0, 0] - 1
    falling = np.array([[0.0] + [1.0] * (classes.size - 1)], np.float32)
    cases = {
        "as converted": (boxes, classes, scores, count),
        "classes and scores swapped": (boxes, scores, falling, count),
        "edges as x, y": (boxes[:, :, [1, 0, 3, 2]] + 0.01, classes, scores, count),
        "count too high": (boxes, classes, scores, np.array([99.0], np.float32)),
    }
    found = {name: checks.find_mismatch(outputs, inputs, scales) for name, outputs in cases.items()}
    found["of another image"] = checks.find_mismatch(cases["as converted"], others, scales)
    return found


def try_dead_layers(float_graph, model):
    """Let the class predictors die, but for their bias, and one of boxes with it, and quantize after training."""
    killed = kill(kill(float_graph, "ClassPredictor/"), "BoxPredictor_0/BoxEncodingPredictor/", bias=0)
    content = converter.to_float(killed, model)
    images = [checks.draw_image(model, seed=seed) for seed in range(3)]
    return compare(content, converter.to_int8(content, images, 3), model)


def try_trained_dead_layers(graph, model, path):
    """Let the predictors of the first map die, but for the classes' bias, with ranges that died too, and convert.

    The range of its boxes is [0, 0], as of a layer that never answered. `path` gets the graph.
    """
    killed = kill(kill(graph, "BoxPredictor_0/ClassPredictor/"), "BoxPredictor_0/BoxEncodingPredictor/", bias=0)
    for node in killed.node:
        if node.op == "Const" and node.name.startswith("BoxPredictor_0/BoxEncodingPredictor/act_quant/"):
            change(node, lambda values: 0 * values)
    with open(path, "wb") as file:
        file.write(killed.SerializeToString())
    killed = converter.read_graph(path, 20, True)
    content, before = converter.to_float(killed, model), converter.to_uint8(killed, model)
    found = compare(content, before, model)
    alive = converter.to_uint8(graph, model)
    repaired, _ = dead_layers.repair(alive, converter.to_float(graph, model))
    pixels = checks.draw_image(dict(model, input_type="uint8"))
    pairs = zip(run(alive, pixels)[0], run(repaired, pixels)[0])  # noqa: B905
    found["as trained, answers stay"] = all(bool((one == other).all()) for one, other in pairs)
    return found


def try_shared_biases(float_graph, model):
    """Let the box predictors of all maps have one bias, as those of a PPN and an FPN have, and quantize."""
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(float_graph)
    for node in graph.node:
        if node.op == "Const" and "BoxEncodingPredictor/" in node.name and node.name.endswith("/biases"):
            change(node, lambda values: np.linspace(-3, 3, values.size))
    content = converter.to_float(graph, model)
    separate = own_biases.separate(content)
    images = [checks.draw_image(model, seed=seed) for seed in range(3)]
    wanted, pixels = run(content, images[0])[1][0], checks.draw_image(dict(model, input_type="uint8"))
    return {
        "shared": count_shared(content),
        "shared after": count_shared(separate),
        "float stays": bool((run(separate, images[0])[1][0] == wanted).all()),
        "again": own_biases.separate(separate) == separate,
        "off": [
            float(np.abs(run(converter.to_int8(one, images, 3), pixels)[1][0] - wanted).max())
            for one in (content, separate)
        ],
    }


def count_shared(content):
    biases = [one.integers(1)[2] for one in dead_layers.find_convolutions(read_root(content))]
    return len(biases) - len(set(biases))


def kill(graph, name, bias=-4.6):
    """Return a graph in which the weights of predictors, and their ranges, are all but 0."""
    killed = tf.compat.v1.GraphDef()
    killed.CopyFrom(graph)
    for node in killed.node:
        if node.op == "Const" and name in node.name:
            if node.name.endswith(("/weights", "/weights_quant/min", "/weights_quant/max")):
                change(node, lambda values: 1e-18 * values)
            elif node.name.endswith("/biases"):
                change(node, lambda values: np.full_like(values, bias))
    return killed


def change(node, function):
    values = function(tf.make_ndarray(node.attr["value"].tensor))
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values.astype(np.float32)))


def compare(content, before, model):
    """Return the best score of the first map's first cell, float, quantized and repaired, and what was repaired."""
    after, dead = dead_layers.repair(before, content)
    pixels = checks.draw_image(dict(model, input_type="uint8"))
    scores = [
        float(run(one, image)[1][1][0, 1:].max())
        for one, image in ((content, checks.draw_image(model)), (before, pixels), (after, pixels))
    ]
    return {
        "score of float": scores[0],
        "score before": scores[1],
        "score": scores[2],
        "smallest scale before": smallest_scale(before),
        "smallest scale": smallest_scale(after),
        "names": dead,
        "same size": len(after) == len(before),
        "nothing is left": dead_layers.repair(after, content) == (after, []),
    }


def smallest_scale(content):
    """Return the smallest scale of what is computed (constants have their own)."""
    root = read_root(content)
    tensors = [one for one in root.tables(2)[0].tables(0) if one.scalar(1, "b") in dead_layers.STEPS and one.table(4)]
    computed = [one for one in tensors if root.tables(4)[one.scalar(2, "I")].follow(0) is None]
    return min(float(scale) for one in computed for scale in dead_layers._scales(bytearray(content), one))


def try_choosing(records_dir):
    chosen = training_images.choose(records_dir, 8)
    paths = sorted({path for path, _ in training_images.choose(records_dir, 10**6)})
    return {
        "first": chosen,
        "again": training_images.choose(records_dir, 8),
        "other seed": training_images.choose(records_dir, 8, seed=1),
        "all": len(training_images.choose(records_dir, 10**6)),
        "records": sum(1 for path in paths for _ in tf.compat.v1.io.tf_record_iterator(path)),
    }


def try_pixels(records_dir, model):
    first = training_images.choose(records_dir, 10**6)[:1]
    found = {}
    for resize in ("stretch", "letterbox"):
        (image,) = training_images.read(first, dict(model, input_height=96, input_width=128, resize=resize))
        found[resize] = {"shape": list(image.shape), "row 50": image[0, 50].tolist(), "row 95": image[0, 95].tolist()}
    return found


main()
