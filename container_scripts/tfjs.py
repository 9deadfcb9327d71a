"""Convert a frozen detector to TensorFlow.js, twice: the whole SavedModel, and the fast build for SSDs.

    python container_scripts/tfjs.py --frozen-dir output/cats/frozen --tfjs-dir output/cats/tensorflow_js

Reads  saved_model/, model.json and, of an SSD, tflite_graph.pb
Writes model.json and group1-shard*.bin as TensorFlow.js wants them, labels.json (a list of names in the order of ids);
       of an SSD also fast/ and detector.js, which are what a page should take: see tfjs_fast.py

Any detector converts whole, Faster R-CNN too. In the browser or in Node:

    const model = await tf.loadGraphModel("tensorflow_js/model.json");
    const image = tf.browser.fromPixels(picture).expandDims();         // int32, [1, height, width, 3]
    const [boxes, scores] = await model.executeAsync(image, ["detection_boxes", "detection_scores"]);
"""

import argparse
import json
import os
import sys
import tempfile
import types

from screen import fail, say
from tfjs_build.tfjs_refusal import PLAIN_WORKS, fast_build_refusal

SIGNATURE = "serving_default"
OUTPUTS = {"detection_boxes", "detection_classes", "detection_scores", "num_detections"}
# What the package imports at its start and no conversion of a graph calls.
UNUSED_IMPORTS = ("tensorflow_decision_forests", "tensorflow_hub", "keras", "tf_keras")


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frozen-dir", required=True, help="folder with saved_model/ and model.json")
    parser.add_argument("--tfjs-dir", required=True, help="folder to write; made if it is not there")
    parser.add_argument("--weights", choices=("uint8", "float16", "float32"), help="of the fast build")
    return parser.parse_args()


def read_model(frozen_dir):
    """Read model.json; end the job if something to read is missing."""
    for name in ("model.json", os.path.join("saved_model", "saved_model.pb")):
        path = os.path.join(frozen_dir, name)
        if not os.path.isfile(path):
            fail("stage tfjs needs {}".format(path), hint="make the frozen graph again: make export MODEL=...")
    with open(os.path.join(frozen_dir, "model.json"), encoding="utf-8") as file:
        return json.load(file)


def load_converter():
    """Import the one module of tensorflowjs that converts graphs.

    The package's own __init__ imports all that converts Keras, JAX, TF-Hub and decision forests, 1 GB of packages that
    graphs do not need. Empty modules stand in for them, and for __init__, so none of it has to be installed or loaded.
    """
    from importlib.util import find_spec

    root = find_spec("tensorflowjs").submodule_search_locations[0]
    for name in UNUSED_IMPORTS:
        sys.modules[name] = types.ModuleType(name)
    for name, folder in (("tensorflowjs", root), ("tensorflowjs.converters", os.path.join(root, "converters"))):
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [folder]  # its modules are found, its __init__ is not run
    from tensorflowjs.converters import tf_saved_model_conversion_v2

    return tf_saved_model_conversion_v2


def convert(saved_model_dir, tfjs_dir, converter):
    """Convert a SavedModel into a folder; return the content of its model.json."""
    from tfjs_build.tfjs_graph import write_rewritten_saved_model

    with tempfile.TemporaryDirectory() as rewritten_dir:
        saved_model = write_rewritten_saved_model(saved_model_dir, rewritten_dir)
        converter.convert_tf_saved_model(
            rewritten_dir, tfjs_dir, signature_def=SIGNATURE, saved_model_tags="serve", strip_debug_ops=True
        )
    with open(os.path.join(tfjs_dir, "model.json"), encoding="utf-8") as file:
        model_json = json.load(file)
    wanted = saved_model.meta_graphs[0].signature_def[SIGNATURE]
    model_json["signature"] = {
        "inputs": name_by_key(model_json["signature"]["inputs"], wanted.inputs),
        "outputs": name_by_key(model_json["signature"]["outputs"], wanted.outputs),
    }
    return model_json


def name_by_key(tensors, wanted):
    """Give a signature's tensors the keys that the SavedModel has for them.

    The converter finds keys by shape, so detection_scores and detection_classes, being of one shape, get none.
    """
    keys = {info.name: key for key, info in wanted.items()}
    return {keys.get(tensor["name"], key): tensor for key, tensor in tensors.items()}


def main():
    """Convert, check what came out, write it in an order that does not change, and the labels beside it."""
    arguments = parse_arguments()
    model = read_model(arguments.frozen_dir)
    why_not = fast_build_refusal(arguments.frozen_dir, model)
    if why_not is not None and arguments.weights:
        fail("--weights is of the fast build, which this model has not: " + why_not, hint=PLAIN_WORKS, exit_code=2)
    os.makedirs(arguments.tfjs_dir, exist_ok=True)
    converter = load_converter()
    model_json = convert(os.path.join(arguments.frozen_dir, "saved_model"), arguments.tfjs_dir, converter)
    missing = OUTPUTS.difference(model_json["signature"]["outputs"])
    if missing:
        fail("{}/saved_model has no output {}".format(arguments.frozen_dir, ", ".join(sorted(missing))), exit_code=4)
    path = os.path.join(arguments.tfjs_dir, "model.json")
    with open(path, "w", encoding="utf-8") as file:
        # Sorted: protobuf gives the attributes of a node in another order every time.
        json.dump(model_json, file, sort_keys=True, separators=(",", ":"))
    with open(os.path.join(arguments.tfjs_dir, "labels.json"), "w", encoding="utf-8") as file:
        json.dump(model["classes"], file, ensure_ascii=False)
        file.write("\n")
    say_size("TensorFlow.js model", arguments.tfjs_dir)
    if why_not is None:
        from tfjs_build.tfjs_fast import write_fast_build

        # Trained for eight bits, kernels lie on a grid of eight bits; others keep their precision.
        dtype = arguments.weights or ("uint8" if model["quantized"] else "float16")
        fast_dir = write_fast_build(arguments.frozen_dir, arguments.tfjs_dir, model, dtype, converter)
        say_size("fast build, {} weights".format(dtype), fast_dir)
    else:
        say("no fast build: {}; {}".format(why_not, PLAIN_WORKS))


def say_size(what, folder):
    """Say how large a graph model is."""
    with open(os.path.join(folder, "model.json"), encoding="utf-8") as file:
        nodes = json.load(file)["modelTopology"]["node"]
    names = [name for name in os.listdir(folder) if name.endswith((".json", ".bin"))]
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in names)
    say("{}: {} operators, {:.1f} MB".format(what, len(nodes), size / 1e6))


if __name__ == "__main__":
    main()
