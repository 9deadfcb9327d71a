"""Convert a frozen SSD detector to TFLite with the converters of TensorFlow 1.15.

    python container_scripts/tflite.py --frozen-dir output/cats/frozen --tflite-dir output/cats/tflite \\
        --records-dir input/tf_records/cats --nms regular --max-detections 20

Reads  tflite_graph.pb (made by export_tflite_ssd_graph), model.json, and for a model that was not trained with
       quantization the train.record-* of its training
Writes detect.tflite        uint8 where quantization was trained; where not, int8 after training, with uint8 input
       detect_float.tflite  float32, of both kinds: what the checkpoint computes
       labels.txt           one name a line, in the order of ids
       model.json           that of the frozen graph, and what is said of detect.tflite:
           "max_detections": 20, "nms": "regular", "input_type": "uint8", "quantization": "trained" | "after training"

Both hold their labels, how pixels are normalized and what their outputs are (tflite_build/metadata.py): Android's Task
library and MediaPipe take them as they are. `unzip detect.tflite` gives labelmap.txt.

NMS: regular looks at each class by itself. Fast takes each anchor's best class only and suppresses across classes: it
lost 13 points of mAP in a measurement (0.219 against 0.348), a loss that is often blamed on quantization.
What each costs with a model, `make evaluate` shows. Scores are not cut off: whoever shows boxes has his own threshold.

TOCO orders the options of the post-processing by the hash of the day: two conversions of one graph are alike in all
else, but not byte for byte.
"""

import argparse
import json
import os
from concurrent import futures

from screen import fail, say

EXPORT_AGAIN = "make the frozen graph again: make export MODEL=..."
MEASURED_IMAGES = 200
NAMED_LAYERS = 3  # of dead ones, on the screen


def parse_arguments():
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frozen-dir", required=True, help="folder with tflite_graph.pb and model.json")
    parser.add_argument("--tflite-dir", required=True, help="folder to write; made if it is not there")
    parser.add_argument("--records-dir", help="folder with train.record-*, for models without trained quantization")
    parser.add_argument("--nms", choices=("regular", "fast"), default="regular", help="non-maximum suppression")
    parser.add_argument("--max-detections", type=int, default=20, help="boxes an image that the model gives")
    return parser.parse_args()


def read_model(frozen_dir, records_dir):
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
    if "preprocessing" not in model:
        fail("{} is of an older export: it does not say how pixels are normalized".format(path), hint=EXPORT_AGAIN)
    if model["resize"] not in ("stretch", "letterbox"):
        fail(
            "the model's image_resizer ('{}') works within TensorFlow, not before TFLite".format(model["resize"]),
            hint="train it with a fixed_shape_resizer: SIZE=300x300, or in your pipeline.config",
            exit_code=2,
        )
    if model["preprocessing"] is None:
        fail(
            "{}: the model does something else with pixels than to scale and to shift them".format(path),
            hint="train one of the presets (make models lists them), or use this one as a frozen graph",
            exit_code=2,
        )
    if not model["quantized"] and records_dir is None:
        fail(
            "this model was not trained with quantization; int8 after training needs its training images",
            hint="--records-dir input/tf_records/NAME",
        )
    graph = os.path.join(frozen_dir, "tflite_graph.pb")
    if not os.path.isfile(graph):
        fail("stage tflite needs {}".format(graph), hint=EXPORT_AGAIN)
    return model


def convert(frozen_dir, model, nms, max_detections, chosen):
    """Convert; return the contents of detect.tflite and detect_float.tflite, and the box coder's scales."""
    from tflite_build import converter, dead_layers, own_biases, training_images

    graph = converter.read_graph(os.path.join(frozen_dir, "tflite_graph.pb"), max_detections, nms == "regular")
    if model["quantized"]:
        # Each is a process of TOCO's, most of whose time is TensorFlow's import
        with futures.ThreadPoolExecutor(2) as pool:
            waiting = [pool.submit(one, graph, model) for one in (converter.to_uint8, converter.to_float)]
            content, float_content = (one.result() for one in waiting)
    else:
        converter.mean_and_std(model)  # ends here, not after the measuring, where there is none
        float_content = converter.to_float(graph, model)
        separate = own_biases.separate(float_content)
        content = converter.to_int8(separate, training_images.read(chosen, model), len(chosen))
    content, dead = dead_layers.repair(content, float_content)
    say_dead(dead)
    (node,) = [node for node in graph.node if node.op == converter.POST_PROCESS]
    return content, float_content, [node.attr[name].f for name in ("y_scale", "x_scale", "h_scale", "w_scale")]


def say_dead(layers):
    """Say which layers are dead, if any, and what that means."""
    if layers:
        names = layers if len(layers) <= NAMED_LAYERS else [layers[0], "...", layers[-1]]
        say(
            "{} dead ({}): weights of all but 0, the same answer to every image, nothing that detections gain by. "
            "Most look for the largest objects: if the training had none, nothing is lost; else it was too short, "
            "and more steps (STEPS=) may wake them".format(
                "1 layer is" if len(layers) == 1 else "{} layers are".format(len(layers)), ", ".join(names)
            )
        )


def check_tensorflow():
    """End the job unless this is the TensorFlow whose converters are wanted."""
    import sys

    import tensorflow as tf

    if not tf.__version__.startswith("1.15."):
        fail(
            "stage tflite needs TensorFlow 1.15, whose TOCO it is; {} has {}".format(sys.executable, tf.__version__),
            hint="run it with the toco environment: make tflite MODEL=...",
            exit_code=4,
        )


def main():
    """Convert, describe, write, check what came out, write the labels beside it."""
    arguments = parse_arguments()
    model = read_model(arguments.frozen_dir, arguments.records_dir)
    check_tensorflow()
    from tflite_build import checks, metadata, training_images

    # Before anything is converted: what is missing is said now
    chosen = None if model["quantized"] else training_images.choose(arguments.records_dir, MEASURED_IMAGES)
    content, float_content, scales = convert(
        arguments.frozen_dir, model, arguments.nms, arguments.max_detections, chosen
    )
    model = dict(
        model,
        max_detections=arguments.max_detections,
        nms=arguments.nms,
        input_type="uint8",
        quantization="trained" if model["quantized"] else "after training",
    )
    labels = "".join(name + "\n" for name in model["classes"])
    os.makedirs(arguments.tflite_dir, exist_ok=True)
    sizes = {}
    for name, plain, input_type in (
        ("detect.tflite", content, "uint8"), ("detect_float.tflite", float_content, "float32"),
    ):  # fmt: skip
        described = dict(model, input_type=input_type)
        packed = metadata.pack(plain, described, labels)
        path = os.path.join(arguments.tflite_dir, name)
        with open(path, "wb") as file:
            file.write(packed)
        checks.check_converted(path, packed, described, scales)
        sizes[name] = len(packed) / 1e6
    with open(os.path.join(arguments.tflite_dir, "labels.txt"), "w", encoding="utf-8") as file:
        file.write(labels)
    with open(os.path.join(arguments.tflite_dir, "model.json"), "w", encoding="utf-8") as file:
        json.dump(model, file, indent=2, ensure_ascii=False)
        file.write("\n")
    say(
        "detect.tflite: {}, {}x{} pixels, {} classes, {:.1f} MB; detect_float.tflite: {:.1f} MB; "
        "{} NMS, {} boxes".format(
            "uint8" if model["quantized"] else "int8 measured on {} training images".format(len(chosen)),
            model["input_width"], model["input_height"], len(model["classes"]), sizes["detect.tflite"],
            sizes["detect_float.tflite"], arguments.nms, arguments.max_detections,
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
