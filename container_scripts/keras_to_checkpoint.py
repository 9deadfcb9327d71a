"""Turn a Keras classification model into a TensorFlow checkpoint to fine-tune a detector from.

    python container_scripts/keras_to_checkpoint.py --model model.json --weights weights.h5 --out output/keras/vgg16
    python container_scripts/keras_to_checkpoint.py --model model.h5 --out output/keras/vgg16

writes OUT/model.ckpt.index and OUT/model.ckpt.data-00000-of-00001 with a variable for each weight, named
LAYER/WEIGHT, such as block1_conv1/kernel; and OUT/keras.json:
    {"variables": {name: shape}, "renamed": {layer: name in the extractor}, "takers": {extractor: variables it takes}}
The architecture is built in TensorFlow 1.15's Keras to learn which weights it wants; a file whose weights do not
fit it ends with the layer's name. A feature extractor takes what has its name and shape (feature_extractors.py).
"""

import argparse
import json
import os
import shutil

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import tensorflow as tf
import vgg16_extractor
from keras_models import keras_config, keras_fit
from keras_models.keras_weights import KerasFile, parse_json
from screen import fail, say

PREFIX = "model.ckpt"
REPORT = "keras.json"
EXTRACTORS = {"faster_rcnn_vgg16": vgg16_extractor.classifier_variables}
"""Preset: the variables that its extractor takes. One of your own stands here, too, to be told of by name."""


def read_architecture(model_path, weights_path):
    """Return (mapping of the model, path of its weights) from the files that were named."""
    if os.path.isdir(model_path):
        fail(
            "{} is a folder, a SavedModel perhaps; wanted a .json or .h5 file".format(model_path),
            hint="model = tf.keras.models.load_model(FOLDER); model.save('model.h5')",
            exit_code=2,
        )
    try:
        with open(model_path, "rb") as file:
            start = file.read(64)
    except OSError as error:
        fail("{}: {}".format(model_path, error.strerror), exit_code=2)
    if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        if weights_path is None:
            fail(
                "{} holds an architecture without weights".format(model_path),
                hint="--weights weights.h5 (of model.save_weights), or --model model.h5 with both in it",
                exit_code=2,
            )
        with open(model_path, encoding="utf-8-sig", errors="replace") as file:
            return parse_json(file.read(), model_path), weights_path
    with KerasFile(model_path) as file:
        if file.model is None:
            fail(
                "{} holds weights without an architecture".format(model_path),
                hint="--model model.json (of model.to_json()) --weights {}".format(model_path),
                exit_code=2,
            )
        return file.model, weights_path or model_path


def build_model(config, where):
    """Build the model in the default graph; fail with what Keras says of an architecture that makes no sense."""
    known = {name for name in dir(tf.keras.layers) if isinstance(getattr(tf.keras.layers, name), type)}
    old = keras_config.to_old_keras(config, where, known)
    kind = tf.keras.Sequential if old["class_name"] == "Sequential" else tf.keras.Model
    try:
        model = kind.from_config(old["config"])
    except Exception as error:  # whatever a wrong architecture makes of Keras
        fail("{}: Keras cannot build it: {}: {}".format(where, type(error).__name__, " ".join(str(error).split())))
    if not model.built:
        fail(
            "{}: says nothing of the images' shape, on which the weights' shapes depend".format(where),
            hint="call the model once, or begin with tf.keras.Input((224, 224, 3)), before saving it",
        )
    return model


def write_checkpoint(prefix, variables):
    """Write {name: array} as a checkpoint. The arrays are fed, since a graph cannot hold 2 GB of constants."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        values = [tf.compat.v1.placeholder(array.dtype, array.shape) for array in variables.values()]
        save = tf.raw_ops.SaveV2(
            prefix=prefix, tensor_names=list(variables), shape_and_slices=[""] * len(values), tensors=values
        )
        session.run(save, dict(zip(values, variables.values())))  # noqa: B905


def write_whole(out, variables, report):
    """Write the checkpoint and its report into a folder of their own, then move them to OUT, the index last."""
    part = out.rstrip("/") + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    write_checkpoint(os.path.join(part, PREFIX), variables)
    with open(os.path.join(part, REPORT), "w", encoding="utf-8") as file:
        json.dump(report, file, indent=1)
        file.write("\n")
    os.makedirs(out, exist_ok=True)
    for name in sorted(os.listdir(part), key=lambda name: name.endswith(".index")):
        os.replace(os.path.join(part, name), os.path.join(out, name))
    os.rmdir(part)


def find_takers(variables):
    """Return [(extractor, names it takes, sentences on the others)] of those that take a variable, the best first."""
    takers = []
    for extractor, list_wanted in EXTRACTORS.items():
        taken, others = [], []
        for name, shape in list_wanted().items():
            if name not in variables:
                others.append("{} is not in it".format(name))
            elif variables[name].shape != tuple(shape):
                others.append(
                    "{} is {}; wanted {}".format(
                        name, keras_fit.shown_shape(variables[name].shape), keras_fit.shown_shape(shape)
                    )
                )
            else:
                taken.append(name)
        if taken:
            takers.append((extractor, taken, others))
    return sorted(takers, key=lambda taker: len(taker[2]))


def show_layers(fitted):
    """Say a line for each layer: its name, its weights and how many parameters they are."""
    lines = [
        (
            "/".join(path),
            "  ".join("{} {}".format(name, keras_fit.shown_shape(array.shape)) for name, array in weights),
            sum(array.size for _, array in weights),
        )
        for path, weights in fitted.items()
    ]
    names, columns = (max(len(line[column]) for line in lines) for column in (0, 1))
    for name, weights, count in lines:
        say("{:<{}}  {:<{}}  {:>11,}".format(name, names, weights, columns, count))


def show_result(variables, renamed, takers, shown):
    """Say what was written, who takes it, and what to do next."""
    megabytes = sum(array.nbytes for array in variables.values()) / 1e6
    count = sum(array.size for array in variables.values())
    say("{}: {} variables, {:,} parameters, {:.1f} MB".format(shown, len(variables), count, megabytes))
    if renamed:
        say(
            "named as in VGG-16, whose shapes they have: "
            + ", ".join("{} {}".format(*pair) for pair in renamed.items())
        )
    for extractor, taken, others in takers:
        say("{} takes {} of its {} variables from it".format(extractor, len(taken), len(taken) + len(others)))
        for sentence in others:
            say("  not taken: " + sentence)
    if takers:
        say("next: make train MODEL={} PRETRAINED={} DATASET=...".format(takers[0][0], shown))
    else:
        say("no feature extractor here has layers of these names and shapes; known: {}".format(", ".join(EXTRACTORS)))
        say("next: write one, as CONTRIBUTING.md says under 'A feature extractor of your own'")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="the architecture as .json, or a whole .h5 or .keras")
    parser.add_argument("--weights", help="the .h5 of its weights, where --model is the architecture alone")
    parser.add_argument("--out", required=True, help="the folder to write")
    parser.add_argument("--shown-as", help="what --out is called once it is in its place")
    arguments = parser.parse_args()
    config, weights_path = read_architecture(arguments.model, arguments.weights)
    with tf.Graph().as_default():
        model = build_model(config, arguments.model)
        with KerasFile(weights_path) as file:
            found = file.read_weights(config)
        if not found:
            fail("{}: no layer in it has weights".format(weights_path))
        fitted = keras_fit.fit_weights(model, found, weights_path)
    variables, renamed = keras_fit.name_variables(fitted), {}
    for list_wanted in EXTRACTORS.values():
        if not renamed:
            variables, renamed = keras_fit.rename_like(variables, list_wanted())
    takers = find_takers(variables)
    report = {
        "variables": {name: list(array.shape) for name, array in variables.items()},
        "renamed": renamed,
        "takers": {extractor: len(taken) for extractor, taken, _ in takers},
    }
    write_whole(arguments.out, variables, report)
    show_layers(fitted)
    show_result(variables, renamed, takers, os.path.join(arguments.shown_as or arguments.out, PREFIX))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
