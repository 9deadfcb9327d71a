"""Convert a frozen SSD detector to TFLite with TOCO, the converter of TensorFlow 1.15.

    python container_scripts/tflite.py --frozen-dir output/cats/frozen --tflite-dir output/cats/tflite

Reads  tflite_graph.pb (made by export_tflite_ssd_graph) and model.json
Writes detect.tflite, labels.txt (one name a line, in the order of ids), model.json (copied)

A quantized model becomes uint8 throughout, in operators of version 1: the only ones that edgetpu_compiler 16.0,
the last there is, accepts (google-coral/edgetpu#879). The converters of TensorFlow 2 write newer ones.

TOCO orders the options of the post-processing by the hash of the day: two conversions of one graph are alike in all
else, but not byte for byte.
"""

import argparse
import json
import os
import shutil
import sys

from screen import fail, say

INPUT = "normalized_input_image_tensor"
# Programs read the outputs by position (blakeblackshear/frigate#9433): boxes, classes, scores, count.
OUTPUTS = [
    "TFLite_Detection_PostProcess",
    "TFLite_Detection_PostProcess:1",
    "TFLite_Detection_PostProcess:2",
    "TFLite_Detection_PostProcess:3",
]
# real = (pixel - mean) / std: 0..255 stands for the -1..1 that the graph was trained on.
MEAN_AND_STD = (128, 128)
EXPORT_AGAIN = "make the frozen graph again: make export MODEL=..."


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frozen-dir", required=True, help="folder with tflite_graph.pb and model.json")
    parser.add_argument("--tflite-dir", required=True, help="folder to write; made if it is not there")
    return parser.parse_args()


def read_model(frozen_dir):
    """Read model.json; end the job if this model cannot become TFLite."""
    path = os.path.join(frozen_dir, "model.json")
    if not os.path.isfile(path):
        fail("stage tflite needs {}".format(path), hint=EXPORT_AGAIN)
    with open(path, encoding="utf-8") as file:
        model = json.load(file)
    if model["architecture"] != "ssd":
        fail(
            "Faster R-CNN does not convert to TFLite; only SSD models do, and {} says '{}'".format(
                path, model["architecture"]
            ),
            hint="train an ssd_* model, or use this one as a frozen graph or in the browser (make tfjs)",
            exit_code=2,
        )
    graph = os.path.join(frozen_dir, "tflite_graph.pb")
    if not os.path.isfile(graph):
        fail("stage tflite needs {}".format(graph), hint=EXPORT_AGAIN)
    return model


def input_shape(model):
    """Return the shape of the input tensor."""
    return [1, model["input_height"], model["input_width"], 3]


def convert(graph, model):
    """Convert a tflite_graph.pb; return the content of the .tflite file."""
    # TFLiteConverter starts toco_from_protos by its bare name; it lies beside the interpreter.
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get("PATH", "")
    import tensorflow as tf
    from tensorflow.lite.python.convert import ConverterError

    if not tf.__version__.startswith("1.15."):
        fail(
            "stage tflite needs TensorFlow 1.15, whose TOCO it is; {} has {}".format(sys.executable, tf.__version__),
            hint="run it with the toco environment: make tflite MODEL=...",
            exit_code=4,
        )
    converter = tf.lite.TFLiteConverter.from_frozen_graph(
        graph, input_arrays=[INPUT], output_arrays=OUTPUTS, input_shapes={INPUT: input_shape(model)}
    )
    converter.allow_custom_ops = True  # the post-processing is one
    if model["quantized"]:
        converter.inference_type = tf.uint8
        converter.quantized_input_stats = {INPUT: MEAN_AND_STD}
    try:
        return converter.convert()
    except ConverterError as error:
        sys.stderr.write(str(error) + "\n")
        if "min/max" in str(error):
            fail(
                "{}: model.json says 'quantized', but the graph lacks the ranges of its values".format(graph),
                hint="it was trained without quantization; train on with it, then export again",
                exit_code=4,
            )
        fail("{}: TOCO refuses this graph; its own words are in the log".format(graph), exit_code=4)


def check_converted(path, model):
    """End the job unless the file takes and gives what programs rely on. Runs it once, on a grey image."""
    import numpy as np
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=path)
    interpreter.allocate_tensors()
    count = model["max_detections"]
    dtype = "uint8" if model["quantized"] else "float32"
    output_shapes = [[1, count, 4], [1, count], [1, count], [1]]
    wanted = {
        "inputs": [(INPUT, input_shape(model), dtype)],
        "outputs": [(name, output_shapes[place], "float32") for place, name in enumerate(OUTPUTS)],
    }
    details = {"inputs": interpreter.get_input_details(), "outputs": interpreter.get_output_details()}
    for side in ("inputs", "outputs"):
        found = [(tensor["name"], tensor["shape"].tolist(), np.dtype(tensor["dtype"]).name) for tensor in details[side]]
        if found != wanted[side]:
            fail("{}: its {} are {}, not {}".format(path, side, found, wanted[side]), exit_code=4)
    grey = np.full(input_shape(model), 128 if model["quantized"] else 0, dtype)
    interpreter.set_tensor(details["inputs"][0]["index"], grey)
    interpreter.invoke()
    for tensor in details["outputs"]:
        if not np.isfinite(interpreter.get_tensor(tensor["index"])).all():
            fail(
                "{}: {} is not a number on a grey image".format(path, tensor["name"]),
                hint="the checkpoint holds NaN: its training diverged",
                exit_code=4,
            )


def main():
    """Convert, check what came out, write the labels beside it."""
    arguments = parse_arguments()
    model = read_model(arguments.frozen_dir)
    content = convert(os.path.join(arguments.frozen_dir, "tflite_graph.pb"), model)
    os.makedirs(arguments.tflite_dir, exist_ok=True)
    path = os.path.join(arguments.tflite_dir, "detect.tflite")
    with open(path, "wb") as file:
        file.write(content)
    check_converted(path, model)
    with open(os.path.join(arguments.tflite_dir, "labels.txt"), "w", encoding="utf-8") as file:
        file.writelines(name + "\n" for name in model["classes"])
    shutil.copyfile(os.path.join(arguments.frozen_dir, "model.json"), os.path.join(arguments.tflite_dir, "model.json"))
    say(
        "detect.tflite: {}, {}x{} pixels, {} classes, {:.1f} MB".format(
            "uint8" if model["quantized"] else "float32",
            model["input_width"],
            model["input_height"],
            len(model["classes"]),
            len(content) / 1e6,
        )
    )


if __name__ == "__main__":
    main()
