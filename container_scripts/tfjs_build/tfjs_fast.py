"""The fast TensorFlow.js build of an SSD: its graph without post-processing, which detector.js does instead.

    write_fast_build("output/cats/frozen", "output/cats/tensorflow_js", model, "uint8")

writes fast/model.json and its weights, fast/detector.json (input, anchors, box coding, suppression, labels) and, beside
the folder, detector.js with its types, and detector.script.js for pages without modules.

The plain build keeps the whole SavedModel: loops over images, TensorArrays, non-maximum suppression. They only run
asynchronously, copy between backends, and take longer than the network. This one starts from the graph that
TFLite starts from, ends at its raw outputs and runs in one synchronous call.
"""

import functools
import json
import os
import re
import shutil
import tempfile

import numpy as np
import tensorflow as tf
from screen import fail

from tfjs_build.tfjs_fold import fold_clips
from tfjs_build.tfjs_graph import find_constant, rewrite_graph
from tfjs_build.tfjs_model import read_model, write_model
from tfjs_build.tfjs_refusal import PREPROCESSING, RESIZE
from tfjs_build.tfjs_weights import shrink

INPUT = "normalized_input_image_tensor"
OUTPUTS = ("raw_outputs/box_encodings", "raw_outputs/class_predictions")
POST_PROCESSING = "TFLite_Detection_PostProcess"
BROWSER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "browser")


def write_fast_build(frozen_dir, tfjs_dir, model, dtype, converter):
    """Write the fast build of frozen_dir/tflite_graph.pb; `converter` is what tfjs.load_converter() gives."""
    graph = tf.compat.v1.GraphDef()
    with open(os.path.join(frozen_dir, "tflite_graph.pb"), "rb") as file:
        graph.ParseFromString(file.read())
    fast_dir = os.path.join(tfjs_dir, "fast")
    os.makedirs(fast_dir)
    description = describe(graph, model)
    with tempfile.NamedTemporaryFile(suffix=".pb") as cut:
        cut.write(cut_graph(graph).SerializeToString(deterministic=True))
        cut.flush()
        converter.convert_tf_frozen_model(cut.name, ",".join(OUTPUTS), fast_dir, strip_debug_ops=True)
    model_json, weights = read_model(fast_dir)
    fold_clips(model_json, weights, keep=OUTPUTS)
    write_model(fast_dir, model_json, weights, functools.partial(shrink, dtype=dtype))
    with open(os.path.join(fast_dir, "detector.json"), "w", encoding="utf-8") as file:
        json.dump(description, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")
    write_detector_js(tfjs_dir)
    return fast_dir


def cut_graph(graph):
    """Return what the raw outputs need, rewritten for TensorFlow.js."""
    kept = tf.compat.v1.GraphDef()
    kept.node.extend(node for node in graph.node if node.op != POST_PROCESSING)
    kept.versions.CopyFrom(graph.versions)
    kept = tf.compat.v1.graph_util.extract_sub_graph(kept, list(OUTPUTS))
    rewrite_graph(kept)
    return kept


def describe(graph, model):
    """Say all that detector.js has to know beside the graph."""
    nodes = {node.name: node for node in graph.node}
    post = nodes.get(POST_PROCESSING)
    anchors = find_constant("anchors", nodes)
    if post is None or anchors is None:
        fail(
            "tflite_graph.pb has no {}".format("post-processing" if post is None else "anchors"),
            hint="make the frozen graph again: make export NAME=...",
            exit_code=4,
        )
    preprocessing = model.get("preprocessing", PREPROCESSING)
    return {
        "format": "odpipe-detector",
        "version": 1,
        "input": {
            "height": model["input_height"],
            "width": model["input_width"],
            "resize": model.get("resize", RESIZE),
            "scale": preprocessing["scale"],
            "offset": preprocessing["offset"],
        },
        "labels": model["classes"],
        "graph": {"input": INPUT, "outputs": list(OUTPUTS)},
        "boxScales": {
            "y": _round(post.attr["y_scale"].f),
            "x": _round(post.attr["x_scale"].f),
            "height": _round(post.attr["h_scale"].f),
            "width": _round(post.attr["w_scale"].f),
        },
        "nms": {
            "scoreThreshold": _round(post.attr["nms_score_threshold"].f),
            "iouThreshold": _round(post.attr["nms_iou_threshold"].f),
            "maxPerClass": post.attr["detections_per_class"].i,
            "maxTotal": post.attr["max_detections"].i,
        },
        # [y, x, height, width] of each centre, shares of the input; nine digits give the same float32 back
        "anchors": [[_round(value) for value in anchor] for anchor in anchors.tolist()],
    }


def _round(value):
    """Give the shortest number that is the same float32."""
    return float(str(np.float32(value)))


def write_detector_js(tfjs_dir):
    """Put detector.js beside the models, in one file: as a module with its types, and as a script."""
    shutil.copyfile(os.path.join(BROWSER, "detector.d.ts"), os.path.join(tfjs_dir, "detector.d.ts"))
    source = join_modules(("errors.js", "image.js", "boxes.js", "files.js", "detector.js"))
    with open(os.path.join(tfjs_dir, "detector.js"), "w", encoding="utf-8") as file:
        file.write(source + "\nexport { Detector, DetectorError };\n")
    with open(os.path.join(tfjs_dir, "detector.script.js"), "w", encoding="utf-8") as file:
        file.write("(() => {\n" + source + "\nObject.assign(globalThis, { Detector, DetectorError });\n})();\n")
    # Node takes a .js file for a module only where a package.json says so.
    with open(os.path.join(tfjs_dir, "package.json"), "w", encoding="utf-8") as file:
        file.write('{"type": "module"}\n')


def join_modules(names):
    """Join modules that import nothing but each other into one text, the last one's opening comment first."""
    texts = []
    for name in names:
        with open(os.path.join(BROWSER, name), encoding="utf-8") as file:
            text = re.sub(r"^(import|export) \{.*\n", "", file.read(), flags=re.MULTILINE)
        texts.append(re.sub(r"^export ", "", text, flags=re.MULTILINE).strip())
    comment, _, rest = texts[-1].partition("\n\n")
    return "\n\n".join([comment] + texts[:-1] + [rest.strip()]) + "\n"
